/* Loops of workers that stand still: found, told, and ended. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/server/supervisor/inside.h"

/* How long the thread that is told to abort may take for its report. */
#define REPORT_MS 1000

#define SHORTEST_MS 25

/* The state of a process, as in /proc: 'T' is stopped; tracer: the number of a debugger. */
static char process_state(pid_t pid, int *tracer)
{
	char path[64], line[256], state = '?';
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	*tracer = 0;
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "State:", 6) == 0)
			state = line[6 + strspn(line + 6, " \t")];
		if (strncmp(line, "TracerPid:", 10) == 0)
			*tracer = atoi(line + 10);
	}
	if (file)
		fclose(file);
	return state;
}

static void end_it(struct worker_process *worker, unsigned loop, uint64_t stood_ms, uint64_t now)
{
	const struct beat *beat = &worker->page->beats[loop];
	char what[32], for_s[32];
	int tracer;
	char state = process_state(worker->pid, &tracer);
	if (tracer)
		return;
	snprintf(what, sizeof(what), loop < worker->page->loops - 1 ? "loop %u" : "the main loop", loop);
	snprintf(for_s, sizeof(for_s), "%llu.%llu s", (unsigned long long)(stood_ms / 1000),
		 (unsigned long long)(stood_ms % 1000 / 100));
	worker->hung = true;
	if (state == 'T') {
		log_answer(PLAIT_LOG_ERROR, NULL,
			   "supervisor: worker %u (pid %d) has been stopped by a signal for %s: killing it",
			   worker->number, (int)worker->pid, for_s);
		kill(worker->pid, SIGKILL);
		worker->kill_ms = now + REPORT_MS;
		return;
	}
	log_answer(PLAIT_LOG_ERROR, NULL,
		   "supervisor: %s of worker %u (pid %d, thread %d) has stood still for %s: aborting it",
		   what, worker->number, (int)worker->pid, (int)beat->thread, for_s);
	if (syscall(SYS_tgkill, worker->pid, beat->thread, SIGABRT) < 0)
		kill(worker->pid, SIGABRT);
	worker->kill_ms = now + REPORT_MS;
}

/* Whether that is no waiting for events. */
static bool stands_still(const struct beat *beat, uint32_t turns, const struct loop_watch *watch)
{
	return beat->thread != 0 && turns == watch->turns && (turns % 2 == 0 || beat->regular);
}

/* The worker writes to it at any time: it is read once, and then judged. */
static uint32_t count_loops(const struct page *page)
{
	uint32_t loops = *(const volatile uint32_t *)&page->loops;
	return loops <= PLAIT_LOOPS_MAX + 1 ? loops : 0;
}

static void look_at(struct supervisor *supervisor, struct worker_process *worker, bool overslept,
		    uint64_t now)
{
	const struct page *page = worker->page;
	uint32_t loops = count_loops(page);
	bool serving = worker->state == WORKER_SERVING && !worker->stopping && !supervisor->stopping;
	/* While it stops, only the loop that has the deadline of that. */
	for (uint32_t i = serving || loops == 0 ? 0 : loops - 1; i < loops; i++) {
		const struct beat *beat = &page->beats[i];
		struct loop_watch *watch = &worker->watches[i];
		uint32_t turns = *(const volatile uint32_t *)&beat->turns;
		uint64_t limit_ms = supervisor->config->watchdog_ms;
		if (beat->regular && limit_ms < page->watchdog_ms)
			limit_ms = page->watchdog_ms;
		limit_ms += (uint64_t)beat->patience_s * 1000;
		if (overslept || !stands_still(beat, turns, watch))
			*watch = (struct loop_watch){ .turns = turns, .since_ms = now };
		else if (now - watch->since_ms >= limit_ms) {
			end_it(worker, i, now - watch->since_ms, now);
			return;
		}
	}
}

uint64_t watch_workers(struct supervisor *supervisor, uint64_t now)
{
	uint64_t period_ms = supervisor->config->watchdog_ms / 4;
	if (period_ms == 0)
		return UINT64_MAX;
	if (period_ms < SHORTEST_MS)
		period_ms = SHORTEST_MS;
	if (now < supervisor->watched_ms + period_ms)
		return supervisor->watched_ms + period_ms;
	/* Who was stopped itself, with the machine or alone, knows nothing of that time. */
	bool overslept = now - supervisor->watched_ms > 2 * period_ms;
	supervisor->watched_ms = now;
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		if (worker->state >= WORKER_SERVING && worker->page && !worker->hung)
			look_at(supervisor, worker, overslept, now);
	}
	return now + period_ms;
}
