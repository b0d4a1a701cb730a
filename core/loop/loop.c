/* The loop: turns of waiting, timers and end-of-turn work on one libevent base. */
#include "core/loop/loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/log.h"

#ifdef PLAIT_DEBUG
#include <assert.h>
#endif

/* Posts that post again are given this many rounds at the end; a plugin that never stops must not keep us. */
#define SETTLE_MOST 10000

static _Thread_local struct plait_loop *current;

static uint64_t system_clock(void *context)
{
	struct timespec now;
	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The turn that the alarm ends runs the timers itself. */
static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct plait_loop *loop = arg;
	(void)fd;
	(void)what;
	loop->alarm_at_ms = TIMER_NEVER;
}

/* No other thread touches a base, so it goes without locks. And without epoll's changelist: it would still name a
 * descriptor that was closed and is another loop's by then. */
static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct plait_loop *loop_new(unsigned index, unsigned count)
{
	struct plait_loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		return NULL;
	loop->index = index;
	loop->count = count;
	loop->tasks_tail = &loop->tasks;
	loop->alarm_at_ms = TIMER_NEVER;
	queue_pool_init(&loop->pool);
	loop_set_clock(loop, NULL, NULL);
	loop->input = malloc(LOOP_INPUT_SIZE);
	loop->base = base_new();
	loop->alarm = loop->base ? evtimer_new(loop->base, on_alarm, loop) : NULL;
	if (loop->input && loop->alarm && post_queue_init(&loop->posts, loop) == 0)
		return loop;
	if (loop->alarm)
		event_free(loop->alarm);
	if (loop->base)
		event_base_free(loop->base);
	free(loop->input);
	free(loop);
	return NULL;
}

static bool run_tasks(struct plait_loop *loop)
{
	struct task *task = loop->tasks;
	loop->tasks = NULL;
	loop->tasks_tail = &loop->tasks;
	bool any = task != NULL;
	while (task) {
		struct task *next = task->next;
		task->queued = false;
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
	while (loop_settle(loop))
		;
	post_queue_fini(&loop->posts);
	calls_free(loop);
	timer_heap_fini(&loop->timers);
	event_free(loop->alarm);
	event_base_free(loop->base);
	queue_pool_fini(&loop->pool);
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
	assert(loop == current && "called on another thread than the connection's loop");
}
#endif

void loop_set_clock(struct plait_loop *loop, loop_clock_fn *clock, void *context)
{
	loop->clock = clock ? clock : system_clock;
	loop->clock_context = context;
	loop->now_known = false;
}

uint64_t loop_now(struct plait_loop *loop)
{
	if (!loop->now_known) {
		loop->now_ms = loop->clock(loop->clock_context);
		loop->now_known = true;
	}
	return loop->now_ms;
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
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*loop->tasks_tail = task;
	loop->tasks_tail = &task->next;
}

/* Sets the alarm for the earliest timer. One set too early only costs a turn, so it is never moved to later. */
static void set_alarm(struct plait_loop *loop)
{
	uint64_t next = timer_heap_next(&loop->timers);
	if (next >= loop->alarm_at_ms)
		return;
	uint64_t now = loop_now(loop);
	uint64_t delay = next > now ? next - now : 0;
	struct timeval wait = { .tv_sec = (time_t)(delay / 1000),
				.tv_usec = (suseconds_t)(delay % 1000 * 1000) };
	loop->alarm_at_ms = next;
	event_add(loop->alarm, &wait);
}

void loop_turn(struct plait_loop *loop, bool wait)
{
	loop_enter(loop);
	loop->settled = 0;
	set_alarm(loop);
	loop->now_known = false;
	if (loop->tasks)
		wait = false;
	event_base_loop(loop->base, EVLOOP_ONCE | (wait ? 0 : EVLOOP_NONBLOCK));
	if (timer_heap_next(&loop->timers) != TIMER_NEVER)
		timer_heap_run(&loop->timers, loop_now(loop));
	run_tasks(loop);
	loop->now_known = false;
}

void loop_run(struct plait_loop *loop)
{
	while (!atomic_load_explicit(&loop->stopping, memory_order_acquire))
		loop_turn(loop, true);
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
