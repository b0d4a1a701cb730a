/* The pool: one queue, threads that are started when it grows, and that end when they have been idle for a while. */
#include "core/async/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/function.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/loop/signals.h"

/* Used again for the next thread, and freed only with the pool: who wakes one need not care whether it has ended. */
struct worker {
	struct pool *pool;
	struct worker *next;        /* of all */
	struct worker *below, **at; /* among the idle; at NULL: it is not */
	bool used;
	pthread_cond_t wake;
	pthread_t thread;
	char name[16];

	const void *what; /* it is doing; NULL: nothing */
	struct timespec since;
};

struct pool {
	struct threads threads;
	pthread_mutex_t lock; /* of all below */
	struct plait_thread_settings settings;
	struct work *first, *last;
	unsigned queued;
	struct worker *workers; /* the used and the others */
	struct worker *idle;    /* the one that became so last is woken first, so that the others may end */
	unsigned count;         /* of threads */
	unsigned coming; /* of these, on their way to the queue: started, woken, or done with their work */
	bool stopping;
	pthread_cond_t none; /* count has become 0 */
	bool unjoined;       /* a thread has ended; the next that does joins it */
	pthread_t ended;
};

static struct pool *pool_of(struct threads *threads)
{
	return CONTAINER_OF(threads, struct pool, threads);
}

static struct timespec now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

static struct timespec in_ms(unsigned ms)
{
	struct timespec time = now();
	time.tv_sec += ms / 1000;
	time.tv_nsec += ms % 1000 * 1000000L;
	if (time.tv_nsec >= 1000000000L) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000L;
	}
	return time;
}

static void init_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* ---- the queue ---- */

static void enqueue(struct pool *pool, struct work *work)
{
	work->next = NULL;
	work->previous = pool->last;
	if (pool->last)
		pool->last->next = work;
	else
		pool->first = work;
	pool->last = work;
	work->queued = true;
	pool->queued++;
}

static void dequeue(struct pool *pool, struct work *work)
{
	if (work->previous)
		work->previous->next = work->next;
	else
		pool->first = work->next;
	if (work->next)
		work->next->previous = work->previous;
	else
		pool->last = work->previous;
	work->queued = false;
	pool->queued--;
}

/* ---- threads ---- */

static void push_idle(struct worker *worker)
{
	struct pool *pool = worker->pool;
	worker->below = pool->idle;
	worker->at = &pool->idle;
	if (worker->below)
		worker->below->at = &worker->below;
	pool->idle = worker;
}

static void remove_idle(struct worker *worker)
{
	*worker->at = worker->below;
	if (worker->below)
		worker->below->at = worker->at;
	worker->at = NULL;
}

static struct worker *pop_idle(struct pool *pool)
{
	struct worker *worker = pool->idle;
	if (!worker)
		return NULL;
	remove_idle(worker);
	pool->coming++;
	return worker;
}

static void wake_all(struct pool *pool)
{
	struct worker *worker;
	while ((worker = pop_idle(pool)))
		pthread_cond_signal(&worker->wake);
}

/* Waits until it is woken. False when it was idle for too long and may end. */
static bool wait_for_work(struct worker *worker)
{
	struct pool *pool = worker->pool;
	struct timespec until = in_ms(pool->settings.idle_ms);
	push_idle(worker);
	while (worker->at) {
		if (pool->count <= pool->settings.min)
			pthread_cond_wait(&worker->wake, &pool->lock);
		else if (pthread_cond_timedwait(&worker->wake, &pool->lock, &until) == ETIMEDOUT &&
			 worker->at && pool->count > pool->settings.min) {
			remove_idle(worker);
			return false;
		}
	}
	pool->coming--;
	return true;
}

static void do_work(struct worker *worker, struct work *work)
{
	struct pool *pool = worker->pool;
	dequeue(pool, work);
	worker->what = work->what;
	worker->since = now();
	pthread_mutex_unlock(&pool->lock);
	work->run(work);
	pthread_mutex_lock(&pool->lock);
	worker->what = NULL;
	pool->coming++; /* who hears of this result and submits more need not wake another */
	pthread_mutex_unlock(&pool->lock);
	work->done(work);
	pthread_mutex_lock(&pool->lock);
	pool->coming--;
}

/* The thread's last act; the lock is held and given up. */
static void leave(struct worker *worker)
{
	struct pool *pool = worker->pool;
	bool other = pool->unjoined;
	pthread_t before = pool->ended;
	pool->unjoined = true;
	pool->ended = worker->thread;
	worker->used = false;
	if (--pool->count == 0)
		pthread_cond_broadcast(&pool->none);
	pthread_mutex_unlock(&pool->lock);
	if (other)
		pthread_join(before, NULL);
}

static void *serve(void *arg)
{
	struct worker *worker = arg;
	struct pool *pool = worker->pool;
	pthread_setname_np(pthread_self(), worker->name);
	pthread_mutex_lock(&pool->lock);
	pool->coming--;
	while (pool->count <= pool->settings.max) {
		if (pool->first)
			do_work(worker, pool->first);
		else if (pool->stopping || !wait_for_work(worker))
			break;
	}
	leave(worker);
	return NULL;
}

static struct worker *unused_worker(struct pool *pool)
{
	struct worker *worker = pool->workers;
	unsigned number = 0;
	for (; worker && worker->used; worker = worker->next)
		number++;
	if (worker)
		return worker;
	worker = alloc_zeroed(sizeof(*worker), "a thread");
	worker->pool = pool;
	init_condition(&worker->wake);
	snprintf(worker->name, sizeof(worker->name), "work-%u", number);
	worker->next = pool->workers;
	pool->workers = worker;
	return worker;
}

/* With the lock, which the new thread waits for. 0 or what pthread_create says. */
static int start_thread(struct pool *pool)
{
	struct worker *worker = unused_worker(pool);
	sigset_t all, before;
	signals_fill(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failure = pthread_create(&worker->thread, NULL, serve, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failure)
		return failure;
	worker->used = true;
	pool->count++;
	pool->coming++;
	return 0;
}

/* ---- what others call ---- */

/* Finds a thread that will come to the queue. 0, or a negative code with error filled. */
static int call_thread(struct pool *pool, struct worker **woken, struct plait_error *error)
{
	if (pool->queued < pool->coming)
		return 0;
	*woken = pop_idle(pool);
	if (*woken)
		return 0;
	int failure = pool->count < pool->settings.max ? start_thread(pool) : 0;
	if (failure && pool->count == 0) /* else those that there are will come to it */
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot start a thread: %s",
				       system_text(failure));
	if (pool->queued >= pool->settings.queue + pool->coming)
		return plait_error_set(error, PLAIT_ERROR_OVERFLOW, NULL,
				       "as much work as may, %u pieces, waits for %u threads",
				       pool->settings.queue, pool->count);
	return 0;
}

static int pool_submit(struct threads *threads, struct work *work, struct plait_error *error)
{
	struct pool *pool = pool_of(threads);
	struct worker *woken = NULL;
	int result;
	pthread_mutex_lock(&pool->lock);
	if (pool->stopping)
		result = plait_error_set(error, PLAIT_ERROR_CLOSING, NULL,
					 "the reactor ends, and its threads take no more work");
	else
		result = call_thread(pool, &woken, error);
	if (result == 0)
		enqueue(pool, work);
	pthread_mutex_unlock(&pool->lock);
	if (woken)
		pthread_cond_signal(&woken->wake); /* earlier it would only wait for the lock */
	return result;
}

static bool pool_cancel(struct threads *threads, struct work *work)
{
	struct pool *pool = pool_of(threads);
	pthread_mutex_lock(&pool->lock);
	bool queued = work->queued;
	if (queued)
		dequeue(pool, work);
	pthread_mutex_unlock(&pool->lock);
	return queued;
}

static void pool_configure(struct threads *threads, const struct plait_thread_settings *settings)
{
	struct pool *pool = pool_of(threads);
	pthread_mutex_lock(&pool->lock);
	pool->settings = *settings;
	wake_all(pool); /* some may be too many */
	pthread_mutex_unlock(&pool->lock);
}

static void complain(const struct worker *worker)
{
	char what[320];
	function_describe(worker->what, what, sizeof(what));
	log_write(PLAIT_LOG_ERROR, NULL, "thread %s has not ended: its work, %s, runs for %ld seconds",
		  worker->name, what, (long)(now().tv_sec - worker->since.tv_sec));
}

static void drop_queue(struct pool *pool)
{
	struct work *work;
	while ((work = pool->first)) {
		dequeue(pool, work);
		pthread_mutex_unlock(&pool->lock);
		work->drop(work);
		pthread_mutex_lock(&pool->lock);
	}
}

/* Work that is done and has not yet told so counts, whosever it is. */
static bool pool_needs(struct threads *threads, struct code_range code)
{
	struct pool *pool = pool_of(threads);
	pthread_mutex_lock(&pool->lock);
	bool any = pool->coming > 0;
	for (const struct work *work = pool->first; work && !any; work = work->next)
		any = code_range_has(code, (uintptr_t)work->what);
	for (const struct worker *worker = pool->workers; worker && !any; worker = worker->next)
		any = code_range_has(code, (uintptr_t)worker->what);
	pthread_mutex_unlock(&pool->lock);
	return any;
}

static bool pool_stop(struct threads *threads)
{
	struct pool *pool = pool_of(threads);
	pthread_mutex_lock(&pool->lock);
	struct timespec until = in_ms(pool->settings.deadline_ms);
	pool->stopping = true;
	drop_queue(pool);
	wake_all(pool);
	while (pool->count > 0 && pthread_cond_timedwait(&pool->none, &pool->lock, &until) == 0)
		;
	bool all = pool->count == 0, join = all && pool->unjoined;
	for (struct worker *worker = pool->workers; worker && !all; worker = worker->next) {
		if (worker->what)
			complain(worker);
	}
	if (join)
		pool->unjoined = false;
	pthread_mutex_unlock(&pool->lock);
	if (join)
		pthread_join(pool->ended, NULL); /* which joins the one before it, and so on */
	return all;
}

static void pool_free(struct threads *threads)
{
	struct pool *pool = pool_of(threads);
	while (pool->workers) {
		struct worker *worker = pool->workers;
		pool->workers = worker->next;
		pthread_cond_destroy(&worker->wake);
		free(worker);
	}
	pthread_cond_destroy(&pool->none);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

struct threads *pool_new(void)
{
	static const struct threads_kind kind = { pool_submit, pool_cancel, pool_configure,
						  pool_needs,  pool_stop,   pool_free };
	struct pool *pool = alloc_zeroed(sizeof(*pool), "threads");
	pool->threads.kind = &kind;
	pool->settings = threads_defaults;
	pthread_mutex_init(&pool->lock, NULL);
	init_condition(&pool->none);
	return &pool->threads;
}

unsigned pool_count(struct threads *threads)
{
	struct pool *pool = pool_of(threads);
	pthread_mutex_lock(&pool->lock);
	unsigned count = pool->count;
	pthread_mutex_unlock(&pool->lock);
	return count;
}
