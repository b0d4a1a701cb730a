/* Worker loops, one a thread. */
#include "core/loop/reactor.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Threads that have run nothing yet stop at once. */
#define START_PATIENCE_MS 10000

struct worker {
	struct plait_loop *loop;
	pthread_t thread;
	bool running;
};

struct reactor {
	unsigned count;
	struct worker workers[];
};

static unsigned processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

struct reactor *reactor_new(unsigned count, struct plait_error *error)
{
	if (count == 0)
		count = processors();
	if (count > PLAIT_LOOPS_MAX)
		count = PLAIT_LOOPS_MAX;
	struct reactor *reactor = calloc(1, sizeof(*reactor) + count * sizeof(struct worker));
	if (!reactor) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for %u loops", count);
		return NULL;
	}
	reactor->count = count;
	for (unsigned i = 0; i < count; i++) {
		reactor->workers[i].loop = loop_new(i, count);
		if (!reactor->workers[i].loop) {
			plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make loop %u of %u: %s",
					i + 1, count, strerror(errno));
			reactor_free(&reactor);
			return NULL;
		}
	}
	return reactor;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	char name[16];
	snprintf(name, sizeof(name), "loop-%u", worker->loop->index);
	pthread_setname_np(pthread_self(), name);
	loop_run(worker->loop);
	return NULL;
}

int reactor_start(struct reactor *reactor, struct plait_error *error)
{
	sigset_t all, before;
	int failure = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < reactor->count && !failure; i++) {
		struct worker *worker = &reactor->workers[i];
		failure = pthread_create(&worker->thread, NULL, run, worker);
		worker->running = !failure;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failure)
		return 0;
	reactor_stop(reactor, START_PATIENCE_MS);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot start a thread: %s",
			       strerror(failure));
}

/* Joins a thread, waiting for it until then at most; false when it has not ended. */
static bool join(struct worker *worker, const struct timespec *until)
{
	if (worker->running && pthread_timedjoin_np(worker->thread, NULL, until) != 0)
		return false;
	worker->running = false;
	return true;
}

bool reactor_stop(struct reactor *reactor, unsigned patience_ms)
{
	struct timespec until;
	bool all = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += patience_ms / 1000 + 1;
	for (unsigned i = 0; i < reactor->count; i++) {
		if (reactor->workers[i].running)
			loop_stop(reactor->workers[i].loop);
	}
	for (unsigned i = 0; i < reactor->count; i++)
		all &= join(&reactor->workers[i], &until);
	return all;
}

void reactor_settle(struct reactor *reactor)
{
	bool any;
	do {
		any = false;
		for (unsigned i = 0; i < reactor->count; i++) {
			if (reactor->workers[i].loop)
				any |= loop_settle(reactor->workers[i].loop);
		}
	} while (any);
}

void reactor_free(struct reactor **reactor_at)
{
	struct reactor *reactor = *reactor_at;
	if (!reactor)
		return;
	reactor_settle(reactor);
	*reactor_at = NULL;
	for (unsigned i = 0; i < reactor->count; i++)
		loop_free(&reactor->workers[i].loop);
	free(reactor);
}

unsigned reactor_count(const struct reactor *reactor)
{
	return reactor->count;
}

struct plait_loop *reactor_loop(const struct reactor *reactor, unsigned index)
{
	return reactor->workers[index].loop;
}

struct plait_loop *reactor_least_loaded(const struct reactor *reactor, struct plait_loop *preferred)
{
	struct plait_loop *best = preferred;
	unsigned least = atomic_load_explicit(&best->load, memory_order_relaxed);
	for (unsigned i = 0; i < reactor->count && least > 0; i++) {
		struct plait_loop *loop = reactor->workers[i].loop;
		unsigned load = atomic_load_explicit(&loop->load, memory_order_relaxed);
		if (load < least) {
			best = loop;
			least = load;
		}
	}
	return best;
}

void reactor_post_all(struct reactor *reactor, plait_call_fn *fn, void *arg)
{
	for (unsigned i = 0; i < reactor->count; i++)
		plait_post(reactor->workers[i].loop, fn, arg);
}
