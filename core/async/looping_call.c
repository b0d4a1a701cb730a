/* Looping calls: one timer that is set to the next point of the grid after each call. */
#include <plait/error.h>
#include <plait/looping_call.h>

#include <assert.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/loop/loop.h"

/* For the Deferred of a call. */
struct wait {
	struct plait_looping_call *call; /* NULL: freed */
	struct plait_deferred *deferred; /* one reference, so that it is there to be cancelled */
};

struct plait_looping_call {
	struct plait_loop *loop;
	plait_looping_fn *fn;
	void *arg;
	uint64_t interval_ms;
	uint64_t start_ms;   /* point 0 */
	uint64_t next_point; /* the first one that was not counted yet */
	struct plait_timer timer;
	bool running;
	bool calling;         /* fn is on the stack */
	bool freed;           /* meanwhile */
	struct wait *waiting; /* for fn's Deferred */
	struct plait_deferred *done;
};

struct plait_looping_call *plait_looping_call_new(struct plait_loop *loop, plait_looping_fn *fn, void *arg)
{
	struct plait_looping_call *call = alloc_zeroed(sizeof(*call), "a looping call");
	call->loop = loop;
	call->fn = fn;
	call->arg = arg;
	return call;
}

static bool is_busy(const struct plait_looping_call *call)
{
	return call->calling || call->waiting;
}

/* How many points there have been by now. */
static uint64_t points(struct plait_looping_call *call)
{
	return (loop_now(call->loop) - call->start_ms) / call->interval_ms + 1;
}

static void on_time(void *arg);

static void schedule(struct plait_looping_call *call)
{
	uint64_t delay_ms = 0;
	if (call->interval_ms > 0)
		delay_ms = call->interval_ms - (loop_now(call->loop) - call->start_ms) % call->interval_ms;
	call->timer = plait_call_later(call->loop, delay_ms, on_time, call);
}

/* This run is over: says so to who asked. They may free the call, which is not touched after that. */
static void end(struct plait_looping_call *call, struct plait_failure *failure)
{
	struct plait_deferred *done = call->done;
	call->done = NULL;
	call->running = false;
	plait_timer_cancel(&call->timer);
	if (!done && failure)
		done = plait_deferred_new(NULL, NULL); /* logs it */
	if (done)
		plait_deferred_callback(done, (struct plait_result){ .failure = failure });
	plait_deferred_unref(&done);
}

static struct plait_result on_fired(struct plait_result result, void *arg)
{
	struct wait *wait = arg;
	struct plait_looping_call *call = wait->call;
	plait_deferred_unref(&wait->deferred);
	free(wait);
	if (!call) {
		if (result.failure && result.failure->code == PLAIT_ERROR_CANCELLED)
			plait_result_drop(&result);
		return result;
	}
	call->waiting = NULL;
	struct plait_failure *failure = result.failure;
	result.failure = NULL;
	plait_result_drop(&result);
	if (failure || !call->running)
		end(call, failure);
	else
		schedule(call);
	return plait_value(NULL);
}

static void wait_for(struct plait_looping_call *call, struct plait_deferred *deferred)
{
	struct wait *wait = call->waiting = alloc_zeroed(sizeof(*wait), "a looping call's Deferred");
	wait->call = call;
	wait->deferred = plait_deferred_ref(deferred);
	plait_add_both(deferred, on_fired, wait);
	plait_deferred_unref(&deferred);
}

/* The points up to now are this call's. Returns their number. */
static uint64_t take_points(struct plait_looping_call *call)
{
	if (call->interval_ms == 0)
		return 1;
	uint64_t passed = points(call), count = passed - call->next_point;
	assert(count > 0);
	call->next_point = passed;
	return count;
}

static void on_time(void *arg)
{
	struct plait_looping_call *call = arg;
	call->calling = true;
	struct plait_deferred *deferred = call->fn(take_points(call), call->arg);
	call->calling = false;
	if (call->freed) {
		plait_deferred_unref(&deferred);
		free(call);
	} else if (deferred) {
		wait_for(call, deferred);
	} else if (call->running) {
		schedule(call);
	} else {
		end(call, NULL);
	}
}

int plait_looping_call_start(struct plait_looping_call *call, uint64_t interval_ms, bool now)
{
	loop_assert_here(call->loop);
	if (call->running || is_busy(call))
		return PLAIT_ERROR_INVALID;
	call->running = true;
	call->interval_ms = interval_ms;
	call->start_ms = loop_now(call->loop);
	call->next_point = now ? 0 : 1;
	if (now)
		call->timer = plait_call_later(call->loop, 0, on_time, call);
	else
		schedule(call);
	return 0;
}

int plait_looping_call_stop(struct plait_looping_call *call)
{
	loop_assert_here(call->loop);
	if (!call->running)
		return PLAIT_ERROR_GONE;
	call->running = false;
	if (!is_busy(call))
		end(call, NULL);
	return 0;
}

int plait_looping_call_reset(struct plait_looping_call *call)
{
	loop_assert_here(call->loop);
	if (!call->running)
		return PLAIT_ERROR_GONE;
	call->start_ms = loop_now(call->loop);
	call->next_point = 1;
	plait_timer_cancel(&call->timer);
	if (!is_busy(call))
		schedule(call);
	return 0;
}

bool plait_looping_call_running(const struct plait_looping_call *call)
{
	return call->running;
}

struct plait_deferred *plait_looping_call_done(struct plait_looping_call *call)
{
	loop_assert_here(call->loop);
	if (!call->done)
		call->done = plait_deferred_new(NULL, NULL);
	return plait_deferred_ref(call->done);
}

void plait_looping_call_free(struct plait_looping_call **call_at)
{
	struct plait_looping_call *call = *call_at;
	*call_at = NULL;
	if (!call)
		return;
	loop_assert_here(call->loop);
	bool in_call = call->calling, was_running = call->running || is_busy(call);
	struct wait *wait = call->waiting;
	call->waiting = NULL;
	call->freed = true;
	if (wait) {
		wait->call = NULL;
		plait_deferred_cancel(
			wait->deferred); /* after which the wait is gone, unless that is paused */
	}
	if (was_running)
		end(call, NULL);
	plait_deferred_unref(&call->done);
	if (!in_call)
		free(call);
}
