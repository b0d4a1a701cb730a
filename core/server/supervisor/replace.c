/* One worker in the place of another that still serves. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/server/supervisor/inside.h"

/* Beyond twice the drain_timeout, for what a server does after that. */
#define RETIRE_PATIENCE_MS 30000

void supervisor_tell_outcome(struct supervisor *supervisor, uint32_t number, const char *error)
{
	struct channel_message message;
	memset(&message, 0, sizeof(message));
	message.kind = CHANNEL_UPGRADED;
	message.u.reply.code = error ? PLAIT_ERROR_REFUSED : 0;
	if (error)
		snprintf(message.u.reply.text, sizeof(message.u.reply.text), "%s", error);
	for (unsigned i = 0; number && i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		if (worker->state != WORKER_NONE && worker->number == number && worker->channel >= 0)
			(void)channel_send(worker->channel, &message, -1, false);
	}
}

/* Its connections have drain_timeout to end by themselves, and as much when they are told to. */
uint64_t supervisor_drained_ms(const struct supervisor *supervisor)
{
	return supervisor_now_ms() + 2 * supervisor->config->drain_timeout_ms + RETIRE_PATIENCE_MS;
}

static void retire(struct supervisor *supervisor, struct worker_process *worker)
{
	worker->state = WORKER_RETIRED;
	if (supervisor->stops < 2 && worker->channel >= 0) /* else it has less time already */
		worker->kill_ms = supervisor_drained_ms(supervisor);
	supervisor_tell(worker, CHANNEL_RETIRE, 0);
}

void supervisor_promote(struct supervisor *supervisor, struct worker_process *worker)
{
	struct worker_process *before = supervisor_worker(supervisor, WORKER_SERVING);
	worker->state = WORKER_SERVING;
	worker->ready_ms = supervisor_now_ms();
	if (supervisor->stops < 2)
		worker->kill_ms = 0;
	if (supervisor->was_ready)
		log_answer(PLAIT_LOG_INFO, NULL, "supervisor: worker %u (pid %d) serves, after %llu ms",
			   worker->number, (int)worker->pid,
			   (unsigned long long)(worker->ready_ms - worker->born_ms));
	supervisor->was_ready = true;
	supervisor_tell_outcome(supervisor, worker->asked_by, NULL);
	if (before)
		retire(supervisor, before);
	if (supervisor->reloaded || supervisor->hangup || (before && before->hangup))
		supervisor_tell(worker, CHANNEL_RELOAD, 0);
	supervisor->reloaded = supervisor->hangup = false;
	supervisor->replace = worker->upgrade;
	worker->upgrade = false;
	for (unsigned i = 0; i < supervisor->stops && i < 2; i++)
		supervisor_tell(worker, CHANNEL_STOP, SIGTERM);
}

void supervisor_refuse(struct supervisor *supervisor, struct worker_process *worker, const char *why)
{
	log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: worker %u (pid %d) does not take over: %s",
		   worker->number, (int)worker->pid, why);
	supervisor_tell_outcome(supervisor, worker->asked_by, why);
	worker->asked_by = 0;
	worker->refused = true;
	kill(worker->pid, SIGKILL);
}

void supervisor_replace(struct supervisor *supervisor, bool upgrade, uint32_t asked_by)
{
	const char *why = NULL;
	if (supervisor->stopping)
		why = "the server is stopping";
	else if (supervisor->wanted || supervisor_worker(supervisor, WORKER_STARTING) ||
		 !supervisor_worker(supervisor, WORKER_SERVING))
		why = "another worker is being started; try again when it serves";
	else if (upgrade && !supervisor->program)
		why = "it is not known where the program is; start it by its path";
	if (!why) {
		supervisor->wanted = true;
		supervisor->wanted_upgrade = upgrade;
		supervisor->wanted_by = asked_by;
		return;
	}
	log_answer(PLAIT_LOG_WARNING, NULL, "supervisor: not replaced: %s", why);
	supervisor_tell_outcome(supervisor, asked_by, why);
}
