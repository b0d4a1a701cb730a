/* Worker loops, one a thread. */
#include "core/loop/workers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/system_text.h"
#include "core/loop/signals.h"

/* Threads that have run nothing yet stop at once. */
#define START_PATIENCE_MS 10000

struct worker {
	struct plait_loop *loop;
	pthread_t thread;
	bool running;
};

struct workers {
	unsigned count;
	struct worker items[];
};

static unsigned processors(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0 || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

struct workers *workers_new(unsigned count, struct plait_error *error)
{
	if (count == 0)
		count = processors();
	if (count > PLAIT_LOOPS_MAX)
		count = PLAIT_LOOPS_MAX;
	struct workers *workers = calloc(1, sizeof(*workers) + count * sizeof(struct worker));
	if (!workers) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for %u loops", count);
		return NULL;
	}
	workers->count = count;
	for (unsigned i = 0; i < count; i++) {
		workers->items[i].loop = loop_new(i, count);
		if (!workers->items[i].loop) {
			plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make loop %u of %u: %s",
					i + 1, count, system_text(errno));
			workers_free(&workers);
			return NULL;
		}
	}
	return workers;
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

int workers_start(struct workers *workers, struct plait_error *error)
{
	sigset_t all, before;
	int failure = 0;
	signals_fill(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < workers->count && !failure; i++) {
		struct worker *worker = &workers->items[i];
		loop_start(worker->loop);
		failure = pthread_create(&worker->thread, NULL, run, worker);
		worker->running = !failure;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!failure)
		return 0;
	workers_stop(workers, START_PATIENCE_MS);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot start a thread: %s",
			       system_text(failure));
}

/* Joins a thread, waiting for it until then at most; false when it has not ended. */
static bool join(struct worker *worker, const struct timespec *until)
{
	if (worker->running && pthread_timedjoin_np(worker->thread, NULL, until) != 0)
		return false;
	worker->running = false;
	return true;
}

bool workers_stop(struct workers *workers, unsigned patience_ms)
{
	struct timespec until;
	bool all = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += patience_ms / 1000 + 1;
	for (unsigned i = 0; i < workers->count; i++) {
		if (workers->items[i].running)
			loop_stop(workers->items[i].loop);
	}
	for (unsigned i = 0; i < workers->count; i++)
		all &= join(&workers->items[i], &until);
	return all;
}

void workers_settle(struct workers *workers)
{
	bool any;
	do {
		any = false;
		for (unsigned i = 0; i < workers->count; i++) {
			if (workers->items[i].loop)
				any |= loop_settle(workers->items[i].loop);
		}
	} while (any);
}

void workers_free(struct workers **workers_at)
{
	struct workers *workers = *workers_at;
	if (!workers)
		return;
	workers_settle(workers);
	*workers_at = NULL;
	for (unsigned i = 0; i < workers->count; i++)
		loop_free(&workers->items[i].loop);
	free(workers);
}

unsigned workers_count(const struct workers *workers)
{
	return workers->count;
}

struct plait_loop *workers_loop(const struct workers *workers, unsigned index)
{
	return workers->items[index].loop;
}

struct plait_loop *workers_least_loaded(const struct workers *workers, struct plait_loop *preferred)
{
	struct plait_loop *best = preferred;
	unsigned least = atomic_load_explicit(&best->load, memory_order_relaxed);
	for (unsigned i = 0; i < workers->count && least > 0; i++) {
		struct plait_loop *loop = workers->items[i].loop;
		unsigned load = atomic_load_explicit(&loop->load, memory_order_relaxed);
		if (load < least) {
			best = loop;
			least = load;
		}
	}
	return best;
}

void workers_post_all(struct workers *workers, plait_call_fn *fn, void *arg)
{
	for (unsigned i = 0; i < workers->count; i++)
		plait_post(workers->items[i].loop, fn, arg);
}
