/* Workers that have ended: what that means, and whether another one is started. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/log.h"
#include "core/server/supervisor/inside.h"

/* A worker that served for so long was well: what happens to it is no part of a row of failures. */
#define WELL_MS 1000

/* So many failures in a row are enough. */
#define FAILURES_MAX 10

static void give_up(struct supervisor *supervisor)
{
	log_answer(
		PLAIT_LOG_ERROR, NULL,
		"supervisor: giving up: %u workers in a row ended within %u s of service, the last one: %s; "
		"see the log above for why, then start the server again",
		supervisor->failures, WELL_MS / 1000, supervisor->last_crash);
	supervisor->status = SUPERVISOR_GAVE_UP;
	supervisor->over = true;
}

static void plan_restart(struct supervisor *supervisor, const struct worker_process *worker)
{
	bool well = worker->state == WORKER_SERVING && supervisor_now_ms() - worker->ready_ms >= WELL_MS;
	uint64_t delay_ms = 0;
	supervisor->failures = well ? 1 : supervisor->failures + 1;
	if (supervisor->failures >= FAILURES_MAX) {
		give_up(supervisor);
		return;
	}
	if (supervisor->failures > 1)
		delay_ms = backoff_delay(&supervisor->backoff, supervisor->failures - 1);
	supervisor->restart_ms = supervisor_now_ms() + delay_ms;
	log_answer(PLAIT_LOG_WARNING, NULL, "supervisor: starting another worker%s%.0llu%s",
		   delay_ms ? " in " : "", (unsigned long long)delay_ms, delay_ms ? " ms" : "");
}

static void describe(int status, char *out, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(out, size, "killed by signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
}

/* What it was before it ended. */
static void on_served_end(struct supervisor *supervisor, const struct worker_process *worker, int status)
{
	if (supervisor->over) /* with another one, and as that said */
		return;
	supervisor->status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
	if (!supervisor->was_ready) {
		supervisor->over = true;
		return;
	}
	/* One that is on its way will do. */
	if (!supervisor->stopping && supervisor_worker(supervisor, WORKER_STARTING))
		return;
	if (supervisor->stopping) {
		/* Before it takes signals for itself they end it, as they should; or it was not to serve. */
		if (WIFSIGNALED(status))
			supervisor->status = !worker->refused && WTERMSIG(status) != SIGTERM &&
					     WTERMSIG(status) != SIGINT;
		supervisor->over = true;
		return;
	}
	if (supervisor->wanted) {
		static const char why[] = "the worker that served has ended";
		log_answer(PLAIT_LOG_WARNING, NULL, "supervisor: not replaced: %s", why);
		supervisor_tell_outcome(supervisor, supervisor->wanted_by, why);
	}
	supervisor->wanted = false;
	plan_restart(supervisor, worker);
}

static void on_end(struct supervisor *supervisor, struct worker_process *worker, int status)
{
	const struct worker_process gone = *worker;
	char how[128], where[128];
	report_crash(worker, where, sizeof(where));
	supervisor_let_go(worker);
	describe(status, how, sizeof(how));
	store_unkeep(&supervisor->store, supervisor_bit(supervisor, worker));
	store_release(&supervisor->store, gone.number);
	struct worker_process *serving = supervisor_worker(supervisor, WORKER_SERVING);
	bool successor = gone.state == WORKER_STARTING && serving;
	if (successor && !gone.refused) {
		char why[256];
		snprintf(why, sizeof(why), "the new worker %s before it was ready; see the log for why", how);
		log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: not replaced, and all is as it was: %s", why);
		supervisor_tell_outcome(supervisor, gone.asked_by, why);
	}
	if (successor && supervisor->reloaded)
		supervisor_take_served(supervisor, serving);
	if (successor) {
		supervisor->reloaded = supervisor->hangup = false;
		return;
	}
	supervisor->hangup |= gone.state == WORKER_SERVING && gone.hangup;
	if (!gone.refused && (WIFSIGNALED(status) || (supervisor->was_ready && !supervisor->stopping &&
						      gone.state != WORKER_RETIRED))) {
		supervisor->crashes++;
		snprintf(supervisor->last_crash, sizeof(supervisor->last_crash), "%s%s%s", how,
			 where[0] ? " " : "", where);
		if (supervisor->was_ready)
			log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: worker %u (pid %d) %s", gone.number,
				   (int)gone.pid, how);
		supervisor_tell_news(supervisor);
	}
	if (gone.state != WORKER_RETIRED)
		on_served_end(supervisor, &gone, status);
}

void supervisor_reap(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		siginfo_t info = { 0 };
		int status;
		if (worker->state == WORKER_NONE ||
		    waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    info.si_pid == 0)
			continue;
		/* Its last words may make somebody kill it: not when its number may be another's. */
		supervisor_hear(supervisor, worker);
		if (waitpid(worker->pid, &status, 0) == worker->pid)
			on_end(supervisor, worker, status);
	}
}
