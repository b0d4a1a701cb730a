/* The supervisor's life: workers are started, heard, told and replaced, until one has stopped or too many have died. */
#include "core/server/supervisor/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/loop/signals.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/upgrade.h"

#define DELAY_FIRST_MS 100
#define DELAY_MOST_MS 2000

/* After a second signal to stop a worker ends at once, but for a callback that does not return. */
#define STOP_PATIENCE_MS 5000

/* A worker that takes the place of another one has so long to begin. */
#define START_PATIENCE_MS 60000

uint64_t supervisor_now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

struct worker_process *supervisor_worker(struct supervisor *supervisor, enum worker_state state)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		if (supervisor->workers[i].state == state)
			return &supervisor->workers[i];
	return NULL;
}

bool supervisor_tell(struct worker_process *worker, enum channel_kind kind, int number)
{
	struct channel_message message;
	worker->hangup |= kind == CHANNEL_RELOAD;
	/* The last of so many is heard after this. What is said but once, and answers, find room. */
	if (kind == CHANNEL_RELOAD && worker->channel >= 0 && channel_is_behind(worker->channel))
		return true;
	memset(&message, 0, sizeof(message));
	message.kind = (uint16_t)kind;
	message.u.number = number;
	return worker->channel >= 0 && channel_send(worker->channel, &message, -1, false) == 0;
}

/* ---- starting ---- */

void supervisor_forget_read(struct worker_process *worker)
{
	if (worker->read >= 0)
		close(worker->read);
	worker->read = -1;
	config_free(&worker->given);
}

void supervisor_let_go(struct worker_process *worker)
{
	if (worker->channel >= 0)
		close(worker->channel);
	if (worker->text >= 0)
		close(worker->text);
	supervisor_forget_read(worker);
	if (worker->page_fd >= 0) /* the page may not be there after an upgrade */
		close(worker->page_fd);
	page_close(&worker->page);
	*worker = (struct worker_process){ .state = WORKER_NONE };
}

/* Closes all that is the supervisor's; the sockets live on with whoever else has them. */
static void fini(struct supervisor *supervisor)
{
	store_forget(&supervisor->store);
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		if (supervisor->workers[i].state != WORKER_NONE)
			supervisor_let_go(&supervisor->workers[i]);
	}
	if (supervisor->text >= 0)
		close(supervisor->text);
	if (supervisor->signals >= 0)
		close(supervisor->signals);
	config_free(&supervisor->config);
	free(supervisor->program);
	lender_fini(&supervisor->lender);
	identity_fini(&supervisor->identity);
	pthread_sigmask(SIG_SETMASK, &supervisor->mask, NULL);
}

void supervisor_tell_news(const struct supervisor *supervisor)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct page *page = supervisor->workers[i].page;
		if (!page)
			continue;
		atomic_store(&page->news.pid, (int)getpid());
		atomic_store(&page->news.started, supervisor->started);
		atomic_store(&page->news.crashes, supervisor->crashes);
		memcpy(page->news.last_crash, supervisor->last_crash, sizeof(page->news.last_crash));
	}
}

/* How a worker is to be. */
struct start {
	bool upgrade;
	uint32_t asked_by;
};

/* 0, or -1 with errno; 1 in the worker, whose channel is *channel then. */
static int start_worker(struct supervisor *supervisor, const struct start *start, int *channel)
{
	struct worker_process *worker = supervisor_worker(supervisor, WORKER_NONE);
	int ends[2];
	if (!worker) {
		errno = EAGAIN;
		return -1;
	}
	struct page *page = NULL;
	int page_fd = page_new(&page);
	if (page_fd < 0)
		return -1;
	if (channel_pair(ends) < 0) {
		page_close(&page);
		close(page_fd);
		return -1;
	}
	page->watchdog_ms = (uint32_t)supervisor->config->watchdog_ms;
	page->number = supervisor->started + 1;
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		close(page_fd);
		page_close(&page);
		if (start->upgrade)
			upgrade_exec_worker(supervisor, ends[1]);
		*channel = ends[1];
		return 1;
	}
	int failure = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		close(page_fd);
		page_close(&page);
		errno = failure;
		return -1;
	}
	*worker = (struct worker_process){ .state = WORKER_STARTING,
					   .number = ++supervisor->started,
					   .pid = pid,
					   .channel = ends[0],
					   .text = -1,
					   .read = -1,
					   .upgrade = start->upgrade,
					   .asked_by = start->asked_by,
					   .page_fd = page_fd,
					   .page = page,
					   .born_ms = supervisor_now_ms() };
	if (supervisor->was_ready)
		worker->kill_ms = worker->born_ms + START_PATIENCE_MS;
	supervisor_tell_news(supervisor);
	return 0;
}

/* ---- signals ---- */

static void stop(struct supervisor *supervisor, int number)
{
	supervisor->stopping = true;
	supervisor->restart_ms = 0;
	supervisor->stops++;
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		if (worker->state == WORKER_NONE)
			continue;
		/* One that has lost its channel, or reads nothing of it, may take a signal still. */
		if (worker->state == WORKER_STARTING || !supervisor_tell(worker, CHANNEL_STOP, number))
			kill(worker->pid, number);
		if (supervisor->stops > 1)
			worker->kill_ms = supervisor_now_ms() + STOP_PATIENCE_MS;
	}
	if (!supervisor->over && !supervisor_worker(supervisor, WORKER_SERVING) &&
	    !supervisor_worker(supervisor, WORKER_STARTING)) {
		supervisor->status = 0; /* one was to be started again; what it died of has been told */
		supervisor->over = true;
	}
}

static void on_signal(struct supervisor *supervisor, int number)
{
	struct worker_process *serving = supervisor_worker(supervisor, WORKER_SERVING);
	struct worker_process *starting = supervisor_worker(supervisor, WORKER_STARTING);
	switch (number) {
	case SIGTERM:
	case SIGINT: stop(supervisor, number); return;
	case SIGHUP:
		if (serving)
			supervisor_tell(serving, CHANNEL_RELOAD, 0);
		supervisor->hangup |= !serving || starting;
		return;
	case SIGUSR2: supervisor_replace(supervisor, true, 0); return;
	default: return;
	}
}

static void read_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;
	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		on_signal(supervisor, (int)info.ssi_signo);
}

static int take_signals(struct supervisor *supervisor)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, &supervisor->mask);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	supervisor->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return supervisor->signals < 0 ? -1 : 0;
}

/* ---- the loop ---- */

static uint64_t next_deadline(struct supervisor *supervisor)
{
	uint64_t next = supervisor->restart_ms ? supervisor->restart_ms : UINT64_MAX;
	uint64_t watch_ms = watch_workers(supervisor, supervisor_now_ms());
	if (watch_ms < next)
		next = watch_ms;
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		const struct worker_process *worker = &supervisor->workers[i];
		if (worker->state != WORKER_NONE && worker->kill_ms && worker->kill_ms < next)
			next = worker->kill_ms;
	}
	return next;
}

static void kill_late(struct supervisor *supervisor)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		struct worker_process *worker = &supervisor->workers[i];
		if (worker->state == WORKER_NONE || !worker->kill_ms || worker->kill_ms > supervisor_now_ms())
			continue;
		worker->kill_ms = 0;
		log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: worker %u (pid %d) does not end: killing it",
			   worker->number, (int)worker->pid);
		kill(worker->pid, SIGKILL);
	}
}

static void wait_for_news(struct supervisor *supervisor)
{
	struct pollfd polled[1 + WORKERS_MAX];
	uint64_t next = next_deadline(supervisor), now = supervisor_now_ms();
	int timeout = next == UINT64_MAX   ? -1
		      : next <= now        ? 0
		      : next - now > 60000 ? 60000
					   : (int)(next - now);
	polled[0] = (struct pollfd){ .fd = supervisor->signals, .events = POLLIN };
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		const struct worker_process *worker = &supervisor->workers[i];
		int fd = worker->state == WORKER_NONE ? -1 : worker->channel;
		polled[1 + i] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	if (poll(polled, 1 + WORKERS_MAX, timeout) < 0)
		return;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		if (polled[1 + i].revents && supervisor->workers[i].state != WORKER_NONE)
			supervisor_hear(supervisor, &supervisor->workers[i]);
	read_signals(supervisor);
	supervisor_reap(supervisor);
	kill_late(supervisor);
}

/* As start_worker. */
static bool start_wanted(struct supervisor *supervisor, int *channel)
{
	struct start start = { .upgrade = supervisor->wanted_upgrade, .asked_by = supervisor->wanted_by };
	supervisor->wanted = false;
	if (supervisor->stopping) {
		supervisor_tell_outcome(supervisor, start.asked_by, "the server is stopping");
		return false;
	}
	if (start.upgrade)
		log_answer(PLAIT_LOG_INFO, NULL, "supervisor: upgrading to %s", supervisor->program);
	int result = start_worker(supervisor, &start, channel);
	if (result < 0) {
		log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: cannot start a worker: %s", strerror(errno));
		supervisor_tell_outcome(supervisor, start.asked_by, strerror(errno));
	}
	return result > 0;
}

/* The same process, with the program that the worker is of. */
static void become_next(struct supervisor *supervisor)
{
	supervisor->replace = false;
	log_flush();
	upgrade_exec(supervisor);
	log_answer(
		PLAIT_LOG_ERROR, NULL,
		"supervisor: cannot become %s: %s; the worker is the new one, and this goes on as the old one",
		supervisor->program, strerror(errno));
}

/* Until it is over: false; or in a worker: true. */
static bool supervise(struct supervisor *supervisor, int *channel)
{
	while (!supervisor->over) {
		if (supervisor->restart_ms && supervisor->restart_ms <= supervisor_now_ms()) {
			supervisor->restart_ms = 0;
			int result = start_worker(supervisor, &(struct start){ 0 }, channel);
			if (result > 0)
				return true;
			if (result < 0) {
				log_answer(PLAIT_LOG_ERROR, NULL, "supervisor: cannot start a worker: %s",
					   strerror(errno));
				supervisor->restart_ms = supervisor_now_ms() + DELAY_MOST_MS;
			}
		}
		if (supervisor->wanted && start_wanted(supervisor, channel))
			return true;
		if (supervisor->replace && !supervisor->stopping &&
		    !supervisor_worker(supervisor, WORKER_STARTING))
			become_next(supervisor);
		wait_for_news(supervisor);
	}
	return false;
}

/* Those that drain go on, without a supervisor. */
static void end(struct supervisor *supervisor)
{
	store_clear(&supervisor->store);
	while (supervisor_worker(supervisor, WORKER_RETIRED) && supervisor->stopping)
		wait_for_news(supervisor);
}

/* The same limit for all that is to be held here. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* 0, or -1 with errno. */
static int init(struct supervisor *supervisor, const struct supervised *supervised)
{
	struct problems problems;
	problems_init(&problems);
	supervisor->config = config_load_text(supervised->file, supervised->text, supervised->len, &problems);
	if (supervisor->config)
		lender_learn(&supervisor->lender, supervisor->config);
	problems_fini(&problems);
	supervisor->text = channel_write_text(supervised->text, supervised->len);
	supervisor->restart_ms = supervisor_now_ms();
	return supervisor->text < 0 || take_signals(supervisor) < 0 ? -1 : 0;
}

/* Whom the files of UNIX sockets are given to. */
static void find_owner(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	struct problems problems;
	if (!config || !config->user || geteuid() != 0)
		return;
	problems_init(&problems); /* the worker tells of them */
	supervisor->owns = identity_find(config->user, config->group, &supervisor->identity, &problems) == 0;
	problems_fini(&problems);
}

static int run(struct supervisor *supervisor)
{
	int channel = -1;
	find_owner(supervisor);
	bool worker = supervise(supervisor, &channel);
	const char *file = supervisor->file;
	if (!worker)
		end(supervisor);
	else
		signal(SIGUSR2, SIG_IGN); /* it may wait already, and is meant for the supervisor */
	fini(supervisor);
	return worker ? worker_run(file, channel) : supervisor->status;
}

int supervisor_run(const struct supervised *supervised)
{
	struct supervisor supervisor = {
		.file = supervised->file,
		.program = upgrade_find_program(),
		.text = -1,
		.signals = -1,
		.status = 1,
		.backoff = { .initial_ms = DELAY_FIRST_MS,
			     .max_ms = DELAY_MOST_MS,
			     .factor = 2,
			     .jitter = 0.2,
			     .chance = (uint64_t)getpid() * UINT64_C(0x9e3779b97f4a7c15) +
				       supervisor_now_ms() },
	};
	raise_descriptor_limit();
	signals_hold(SIGHUP); /* in workers, too, until they take it */
	if (init(&supervisor, supervised) == 0)
		return run(&supervisor);
	log_answer(PLAIT_LOG_ERROR, NULL, "cannot supervise: %s", strerror(errno));
	fini(&supervisor);
	return 1;
}

int supervisor_resume(const char *file, int *status)
{
	struct supervisor supervisor = { .file = file, .program = upgrade_find_program() };
	int found = upgrade_resume(&supervisor);
	if (found == 0) {
		free(supervisor.program);
		return 0;
	}
	*status = 1;
	if (found < 0) {
		log_answer(PLAIT_LOG_ERROR, NULL, "cannot take over from the supervisor before");
		free(supervisor.program);
		return 1;
	}
	const struct config *config = supervisor.config;
	log_configure((enum plait_log_level)config->log.level, (enum log_format)config->log.format);
	signal(SIGPIPE, SIG_IGN);
	log_answer(PLAIT_LOG_INFO, NULL, "supervisor: upgraded to plait %s", plait_version());
	*status = run(&supervisor);
	return 1;
}
