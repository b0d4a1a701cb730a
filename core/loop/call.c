/* plait_call_later and plait_post: the calls of <plait/loop.h>, on timers and posts. */
#include <plait/error.h>
#include <plait/loop.h>

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/loop/loop.h"

/* Scheduled calls live in slots that are used again; a slot's generation tells an old name from a new one. */
struct call {
	struct timer timer;
	struct plait_loop *loop;
	plait_call_fn *fn;
	void *arg;
	uint32_t slot, generation;
	struct call *next_free;
};

struct calls {
	struct call **slots;
	uint32_t count, capacity;
	struct call *free;
};

static struct calls *calls_of(struct plait_loop *loop)
{
	if (!loop->calls)
		loop->calls = alloc_zeroed(sizeof(*loop->calls), "a loop's calls");
	return loop->calls;
}

static struct call *take(struct plait_loop *loop)
{
	struct calls *calls = calls_of(loop);
	struct call *call = calls->free;
	if (call) {
		calls->free = call->next_free;
		return call;
	}
	if (calls->count == calls->capacity) {
		uint32_t capacity = calls->capacity ? calls->capacity * 2 : 16;
		calls->slots = alloc_larger(calls->slots, capacity * sizeof(struct call *),
					    "scheduled calls");
		calls->capacity = capacity;
	}
	call = alloc_zeroed(sizeof(*call), "a scheduled call");
	call->loop = loop;
	call->slot = calls->count;
	calls->slots[calls->count++] = call;
	return call;
}

static void give(struct call *call)
{
	call->generation++;
	call->next_free = call->loop->calls->free;
	call->loop->calls->free = call;
}

static void on_timer(struct timer *timer)
{
	struct call *call = CONTAINER_OF(timer, struct call, timer);
	plait_call_fn *fn = call->fn;
	void *arg = call->arg;
	give(call);
	fn(arg);
}

void calls_free(struct plait_loop *loop)
{
	struct calls *calls = loop->calls;
	loop->calls = NULL;
	if (!calls)
		return;
	for (uint32_t i = 0; i < calls->count; i++) {
		timer_stop(&loop->timers, &calls->slots[i]->timer);
		free(calls->slots[i]);
	}
	free(calls->slots);
	free(calls);
}

size_t loop_calls(const struct plait_loop *loop)
{
	size_t active = 0;
	for (uint32_t i = 0; loop->calls && i < loop->calls->count; i++)
		active += timer_active(&loop->calls->slots[i]->timer);
	return active;
}

static bool calls_need(const struct calls *calls, struct code_range code)
{
	for (uint32_t i = 0; calls && i < calls->count; i++)
		if (timer_active(&calls->slots[i]->timer) &&
		    code_range_has(code, (uintptr_t)calls->slots[i]->fn))
			return true;
	return false;
}

bool loop_needs(const struct plait_loop *loop, struct code_range code)
{
	return calls_need(loop->calls, code) || loop_data_needs(&loop->data, code);
}

struct plait_timer plait_call_later(struct plait_loop *loop, uint64_t delay_ms, plait_call_fn *fn, void *arg)
{
	loop_assert_here(loop);
	struct call *call = take(loop);
	call->fn = fn;
	call->arg = arg;
	timer_init(&call->timer, on_timer);
	loop_start_timer(loop, &call->timer, timer_after(loop_now(loop), delay_ms));
	return (struct plait_timer){ .loop = loop,
				     .id = ((uint64_t)call->generation << 32) | (call->slot + 1ull) };
}

/* The call a name stands for, or NULL when it is gone. */
static struct call *find(struct plait_timer name)
{
	uint32_t slot = (uint32_t)name.id;
	if (!name.loop || slot == 0)
		return NULL;
	loop_assert_here(name.loop);
	struct calls *calls = name.loop->calls;
	if (!calls || slot > calls->count)
		return NULL;
	struct call *call = calls->slots[slot - 1];
	return call->generation == (uint32_t)(name.id >> 32) && timer_active(&call->timer) ? call : NULL;
}

int plait_timer_cancel(struct plait_timer *timer)
{
	struct call *call = find(*timer);
	*timer = (struct plait_timer){ 0 };
	if (!call)
		return PLAIT_ERROR_GONE;
	loop_stop_timer(call->loop, &call->timer);
	give(call);
	return 0;
}

int plait_timer_reset(struct plait_timer timer, uint64_t delay_ms)
{
	struct call *call = find(timer);
	if (!call)
		return PLAIT_ERROR_GONE;
	loop_start_timer(call->loop, &call->timer, timer_after(loop_now(call->loop), delay_ms));
	return 0;
}

int plait_timer_delay(struct plait_timer timer, uint64_t extra_ms)
{
	struct call *call = find(timer);
	if (!call)
		return PLAIT_ERROR_GONE;
	loop_start_timer(call->loop, &call->timer, timer_after(call->timer.deadline_ms, extra_ms));
	return 0;
}

int plait_timer_remaining(struct plait_timer timer, uint64_t *remaining_ms)
{
	struct call *call = find(timer);
	if (!call)
		return PLAIT_ERROR_GONE;
	uint64_t now = loop_now(call->loop);
	*remaining_ms = call->timer.deadline_ms > now ? call->timer.deadline_ms - now : 0;
	return 0;
}

bool plait_timer_active(struct plait_timer timer)
{
	return find(timer) != NULL;
}

struct posted_call {
	struct post post;
	plait_call_fn *fn;
	void *arg;
};

static void run_posted(struct post *post)
{
	struct posted_call *posted = CONTAINER_OF(post, struct posted_call, post);
	plait_call_fn *fn = posted->fn;
	void *arg = posted->arg;
	block_give(posted);
	fn(arg);
}

void plait_post(struct plait_loop *loop, plait_call_fn *fn, void *arg)
{
	struct posted_call *posted = alloc_block(sizeof(*posted), "a posted call");
	posted->fn = fn;
	posted->arg = arg;
	if (!post_offer(&loop->posts, &posted->post, run_posted))
		block_give(posted);
}
