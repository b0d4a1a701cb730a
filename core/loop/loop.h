/* A loop from the inside: its descriptors, its timers, its posts, and what runs at the end of each turn. Its own
 * descriptors are in an epoll set; libevent's base is for guests, libraries and signals that need one. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdatomic.h>

#include <plait/loop.h>

#include "core/base/code_range.h"
#include "core/base/compiler.h"
#include "core/base/queue.h"
#include "core/loop/beat.h"
#include "core/loop/data.h"
#include "core/loop/end.h"
#include "core/loop/post.h"
#include "core/loop/timer.h"

struct epoll_event;
struct event;
struct event_base;
struct hooks;
struct net;
struct plait_reactor;
struct processes;
struct waiting_call;
struct threads;

/* Bytes are read into one buffer of this size a loop. */
#define LOOP_INPUT_SIZE 65536

/* Work for the end of the current turn, embedded in what it works on. */
struct task;
typedef void task_fn(struct task *task);
struct task {
	struct task *next; /* NULL: not queued; the last one's is itself */
	task_fn *fn;
};

typedef uint64_t loop_clock_fn(void *context); /* monotonic milliseconds */

struct plait_loop {
	int set; /* epoll's, of all watches */
	bool now_known;
	uint64_t now_ms;
	struct task *tasks, *last_task; /* NULL: none */
	struct net *net;                /* core/net's part; NULL until it sets it */
	struct plait_reactor *reactor;  /* NULL: on trial */
	struct hooks *hooks;            /* core/async's; NULL: none */
	struct processes *processes;    /* core/async's; NULL: none */
	uint8_t *input;                 /* LOOP_INPUT_SIZE bytes, whoever reads uses them */
	struct timer_heap timers;
	loop_clock_fn *clock; /* NULL: the system's */
	void *clock_context;
	unsigned index, count;
	unsigned settled;  /* rounds since the last turn */
	struct beat *beat; /* told once a turn; own_beat unless somebody watches */
	struct beat own_beat;
	unsigned beat_ms; /* with guests a turn comes this often by itself; 0: it need not */
	struct queue_pool pool;
	struct calls *calls; /* what plait_call_later scheduled */
	struct threads *
		threads; /* core/async's, shared with other loops; NULL until whoever made the loop sets it */
	struct loop_data data;

	struct event_base *guests; /* NULL until somebody asks for it; no other thread touches it */
	struct event *guest_wait;  /* of guests: for the set */
	struct epoll_event *ready; /* what one wait reports */

	/* What other threads touch, apart from what this one needs in every turn. */
	_Alignas(CACHE_LINE) struct post_queue posts;
	struct loop_ends ends;
	_Alignas(CACHE_LINE)
		atomic_uint load; /* connections it has or is about to get; any thread reads it */
	atomic_bool stopping;
	atomic_bool started;
	struct waiting_call *first_waiting, *last_waiting; /* start.c's */
};

/* NULL when the system refuses; errno tells. */
struct plait_loop *loop_new(unsigned index, unsigned count);

/* On the thread that ran it last, or after that thread was joined. Runs what is still posted or due for the end of a
 * turn; timers are forgotten, and what plait_loop_data made goes. */
void loop_free(struct plait_loop **loop);

/* Runs, once, what is posted and due for the end of a turn, on a loop that no thread runs any more. Returns whether
 * there was anything; false for ever after a great many times. */
bool loop_settle(struct plait_loop *loop);

/* Until the first turn, or this, what goes on the loop's thread may go on any one thread. Calls that wait for it are
 * posted. Once is enough. */
void loop_start(struct plait_loop *loop);

static inline bool loop_started(const struct plait_loop *loop)
{
	return atomic_load_explicit(&loop->started, memory_order_acquire);
}

/* Makes the loop the current one of this thread and runs turns until loop_stop. */
void loop_run(struct plait_loop *loop);
void loop_stop(struct plait_loop *loop); /* any thread */

/* One turn: waits for events (not at all when wait is false), then timers, then tasks. Makes the loop current. */
void loop_turn(struct plait_loop *loop, bool wait);

/* A base of libevent's that lives on the loop's thread, for what needs one: signals, and libraries such as evhttp, evdns
 * and others' clients. From the first call on every turn waits on it, too, which costs a system call more. NULL when the
 * system refuses. On the loop, or before it runs. */
struct event_base *loop_guests(struct plait_loop *loop);

/* Makes the loop the calling thread's current one; NULL: none. */
void loop_enter(struct plait_loop *loop);

/* Replaces the clock; NULL: the system's. */
void loop_set_clock(struct plait_loop *loop, loop_clock_fn *clock, void *context);

/* Somebody watches beat from here on, which then lasts as long as the loop, and expects to see it within the time when the
 * loop has guests. Before the loop runs. */
void loop_watch_beat(struct plait_loop *loop, struct beat *beat, unsigned within_ms);

/* For loop_now. */
void loop_read_clock(struct plait_loop *loop);

/* Read once a turn. */
static inline uint64_t loop_now(struct plait_loop *loop)
{
	if (!loop->now_known)
		loop_read_clock(loop);
	return loop->now_ms;
}

/* Queues task for the end of this turn, or of the next when tasks are running already; queued once at most. */
void loop_defer(struct plait_loop *loop, struct task *task);

static inline void task_init(struct task *task, task_fn *fn)
{
	*task = (struct task){ .fn = fn };
}

static inline bool task_queued(const struct task *task)
{
	return task->next != NULL;
}

static inline void loop_start_timer(struct plait_loop *loop, struct timer *timer, uint64_t deadline_ms)
{
	timer_start_at(&loop->timers, timer, deadline_ms);
}

static inline void loop_stop_timer(struct plait_loop *loop, struct timer *timer)
{
	timer_stop(&loop->timers, timer);
}

/* Aborts when the calling thread does not run this loop, which has started; debug builds only, for it is on the path of
 * every byte. */
#ifdef PLAIT_DEBUG
void loop_assert_here(const struct plait_loop *loop);
#else
static inline void loop_assert_here(const struct plait_loop *loop)
{
	(void)loop;
}
#endif

/* How many calls of plait_call_later are still to come. */
size_t loop_calls(const struct plait_loop *loop);

/* Whether a scheduled call, or the end of the loop's data, leads into that code. On the loop. */
bool loop_needs(const struct plait_loop *loop, struct code_range code);

/* For loop.c. */
void calls_free(struct plait_loop *loop);
void loop_forget_waiting(struct plait_loop *loop);

/* "2.1.12-stable" */
const char *loop_library_version(void);

#endif
