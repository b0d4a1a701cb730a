/* The loop: turns of waiting, timers and end-of-turn work. */
#include "core/loop/loop.h"

#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/uncancelled.h"
#include "core/loop/crash.h"

#ifdef PLAIT_DEBUG
#include <assert.h>
#endif

/* Posts that post again are given this many rounds at the end; a plugin that never stops must not keep us. */
#define SETTLE_MOST 10000

/* A timer that is no further away is waited for with an eye on how long the turn took. One that is may be late by as much
 * as a turn took longer than this. */
#define NEAR_MS 1000

/* What one wait may report; more are reported by the next. */
#define READY_MAX 512

/* libplait is there from the program's start, so that this need not be looked up by a call. */
static _Thread_local struct plait_loop *current __attribute__((tls_model("initial-exec")));

void loop_watch_beat(struct plait_loop *loop, struct beat *beat, unsigned within_ms)
{
	loop->beat = beat;
	loop->beat_ms = within_ms;
	beat->regular = loop->guests && within_ms > 0;
}

static void on_set_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; /* the turn looks into the set itself */
}

struct event_base *loop_guests(struct plait_loop *loop)
{
	struct event_config *config = loop->guests ? NULL : event_config_new();
	if (!config)
		return loop->guests;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	loop->guests = event_base_new_with_config(config);
	event_config_free(config);
	if (loop->guests)
		loop->guest_wait = event_new(loop->guests, loop->set, EV_READ, on_set_ready, loop);
	if (loop->guests && !loop->guest_wait) {
		event_base_free(loop->guests);
		loop->guests = NULL;
	}
	loop->beat->regular = loop->guests && loop->beat_ms > 0;
	return loop->guests;
}

struct plait_loop *loop_new(unsigned index, unsigned count)
{
	struct plait_loop *loop = aligned_alloc(CACHE_LINE, sizeof(*loop));
	if (!loop)
		return NULL;
	*loop = (struct plait_loop){ .index = index, .count = count };
	queue_pool_init(&loop->pool);
	loop_ends_init(&loop->ends);
	loop->beat = &loop->own_beat;
	loop_set_clock(loop, NULL, NULL);
	loop->input = malloc(LOOP_INPUT_SIZE);
	loop->ready = calloc(READY_MAX, sizeof(*loop->ready));
	loop->set = epoll_create1(EPOLL_CLOEXEC);
	if (loop->input && loop->ready && loop->set >= 0 && post_queue_init(&loop->posts, loop) == 0)
		return loop;
	if (loop->set >= 0)
		close(loop->set);
	free(loop->ready);
	free(loop->input);
	free(loop);
	return NULL;
}

static bool run_tasks(struct plait_loop *loop)
{
	struct task *task = loop->tasks;
	loop->tasks = loop->last_task = NULL;
	bool any = task != NULL;
	while (task) {
		struct task *next = task->next == task ? NULL : task->next;
		task->next = NULL;
		task->fn(task);
		task = next;
	}
	return any;
}

void loop_free(struct plait_loop **loop_at)
{
	struct plait_loop *loop = *loop_at;
	*loop_at = NULL;
	if (!loop)
		return;
	loop_enter(loop);
	loop_ends_tell(&loop->ends);
	while (loop_settle(loop))
		;
	do {
		loop_enter(loop);
		loop_data_end(loop);
	} while (loop_settle(loop)); /* what that posted may have asked for more */
	loop_data_fini(&loop->data);
	loop_ends_fini(&loop->ends);
	post_queue_fini(&loop->posts);
	loop_forget_waiting(loop);
	calls_free(loop);
	timer_heap_fini(&loop->timers);
	if (loop->guests) {
		event_free(loop->guest_wait);
		event_base_free(loop->guests);
	}
	close(loop->set);
	queue_pool_fini(&loop->pool);
	free(loop->ready);
	free(loop->input);
	free(loop);
}

bool loop_settle(struct plait_loop *loop)
{
	if (loop->settled == SETTLE_MOST)
		return false;
	if (++loop->settled == SETTLE_MOST) {
		log_write(PLAIT_LOG_ERROR, NULL,
			  "a plugin's calls post new ones without end: what they post now is dropped");
		post_queue_close(&loop->posts);
	}
	loop_enter(loop);
	bool any = post_queue_run(&loop->posts);
	any |= run_tasks(loop);
	loop_enter(NULL);
	return any;
}

void loop_enter(struct plait_loop *loop)
{
	current = loop;
}

struct plait_loop *plait_loop_current(void)
{
	return current;
}

#ifdef PLAIT_DEBUG
void loop_assert_here(const struct plait_loop *loop)
{
	assert((loop == current || !loop_started(loop)) && "called on another thread than the loop's");
}
#endif

void loop_set_clock(struct plait_loop *loop, loop_clock_fn *clock, void *context)
{
	loop->clock = clock;
	loop->clock_context = context;
	loop->now_known = false;
}

void loop_read_clock(struct plait_loop *loop)
{
	loop->now_ms = loop->clock ? loop->clock(loop->clock_context) : clock_ms(CLOCK_MONOTONIC);
	loop->now_known = loop_started(loop); /* before that there are no turns to end it */
}

uint64_t plait_loop_now_ms(struct plait_loop *loop)
{
	return loop_now(loop);
}

unsigned plait_loop_index(const struct plait_loop *loop)
{
	return loop->index;
}

unsigned plait_loop_count(const struct plait_loop *loop)
{
	return loop->count;
}

void loop_defer(struct plait_loop *loop, struct task *task)
{
	if (task->next)
		return;
	task->next = task;
	if (loop->last_task)
		loop->last_task->next = task;
	else
		loop->tasks = task;
	loop->last_task = task;
}

/* The time at the end of a turn: that of its beginning, unless it was long; then, to a tick, what it is. */
static ASIDE uint64_t time_by_now(struct plait_loop *loop)
{
	uint64_t now = loop_now(loop);
	uint64_t ticks = loop->clock ? now : clock_ms(CLOCK_MONOTONIC_COARSE);
	return ticks > now ? ticks : now;
}

static int bounded(uint64_t delay_ms)
{
	return delay_ms < INT_MAX ? (int)delay_ms : INT_MAX;
}

/* Until the next timer in milliseconds, -1 when there is none. A far one is waited for until it is near: so busy loops,
 * whose timers are mostly far, read the clock once a turn. */
static ALONG int patience(struct plait_loop *loop, bool wait)
{
	uint64_t next = timer_heap_next(&loop->timers);
	if (!wait || loop->tasks)
		return 0;
	if (next == TIMER_NEVER)
		return -1;
	uint64_t now = loop_now(loop);
	if (next > now + NEAR_MS)
		return bounded(next - NEAR_MS - now);
	now = time_by_now(loop);
	return bounded(next > now ? next - now : 0);
}

/* The guests' base is waited on, with the set as one of its events; the set is then only looked at. */
static ASIDE int wait_with_guests(struct plait_loop *loop, int patience_ms)
{
	if (loop->beat_ms > 0 && (patience_ms < 0 || (unsigned)patience_ms > loop->beat_ms))
		patience_ms = (int)loop->beat_ms;
	struct timeval most = { .tv_sec = patience_ms / 1000, .tv_usec = patience_ms % 1000 * 1000 };
	event_add(loop->guest_wait, patience_ms >= 0 ? &most : NULL);
	event_base_loop(loop->guests, EVLOOP_ONCE | (patience_ms == 0 ? EVLOOP_NONBLOCK : 0));
	event_del(loop->guest_wait);
	return 0;
}

static ALONG void wait_and_call(struct plait_loop *loop, int patience_ms)
{
	struct epoll_event *ready = loop->ready;
	loop->now_known = false;
	loop->beat->turns++;
	if (loop->guests)
		patience_ms = wait_with_guests(loop, patience_ms);
	int count = uncancelled_epoll_wait(loop->set, ready, READY_MAX, patience_ms);
	loop->beat->turns++;
	loop->now_known = false;
	for (int i = 0; i < count; i++) {
		struct watch *watch = ready[i].data.ptr;
		unsigned what = ready[i].events;
		if (what & (EPOLLERR | EPOLLHUP)) /* whatever is tried will tell */
			what = WATCH_READ | WATCH_WRITE;
		what &= watch->interest;
		if (what) /* one called before it may have changed its mind */
			watch->fn(watch, what);
	}
}

static void turn(struct plait_loop *loop, bool wait)
{
	wait_and_call(loop, patience(loop, wait));
	uint64_t next = timer_heap_next(&loop->timers);
	if (next != TIMER_NEVER && next <= loop_now(loop))
		timer_heap_run(&loop->timers, loop_now(loop));
	if (loop->tasks)
		run_tasks(loop);
}

void loop_turn(struct plait_loop *loop, bool wait)
{
	loop_enter(loop);
	if (!loop_started(loop))
		loop_start(loop);
	loop->settled = 0;
	turn(loop, wait);
	loop->now_known = false;
}

void loop_run(struct plait_loop *loop)
{
	loop_enter(loop);
	loop_start(loop);
	crash_thread_begin();
	loop->beat->thread = (int32_t)syscall(SYS_gettid);
	loop->settled = 0;
	loop->now_known = false;
	while (!atomic_load_explicit(&loop->stopping, memory_order_acquire))
		turn(loop, true);
	loop->now_known = false;
	loop->beat->thread = 0;
	loop_ends_tell(&loop->ends);
	crash_thread_end();
}

static void wake(void *arg)
{
	(void)arg;
}

void loop_stop(struct plait_loop *loop)
{
	atomic_store_explicit(&loop->stopping, true, memory_order_release);
	plait_post(loop, wake, NULL);
}

const char *loop_library_version(void)
{
	return event_get_version();
}
