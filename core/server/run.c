/* Serving: sockets are bound, loops run, signals end it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/loop/signals.h"
#include "core/net/net.h"
#include "core/server/drain.h"
#include "core/server/parts.h"

/* How long a loop may take to come out of a callback once it is told to stop for good. */
#define STOP_PATIENCE_MS 2000

#define LOG_SWEEP_MS 1000

/* A server is limited by its configuration, not by a shell's habit. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void on_signal(int number, void *arg)
{
	struct server *server = arg;
	if (server->drain) {
		log_write(PLAIT_LOG_WARNING, NULL, "%s again: stopping now", strsignal(number));
		drain_give_up(server->drain);
		return;
	}
	log_write(PLAIT_LOG_INFO, NULL, "%s: draining; the same again stops at once", strsignal(number));
	server->drain = drain_begin(server);
	if (!server->drain)
		loop_stop(server->boss);
}

/* Before anything is bound: whoever sees a listener may send a signal, which waits until the main loop runs. */
static int boss_new(struct server *server)
{
	static const int numbers[] = { SIGTERM, SIGINT, 0 };
	unsigned count = workers_count(server->reactor);

	signal(SIGPIPE, SIG_IGN);
	server->boss = loop_new(count, count);
	if (!server->boss)
		return -1;
	server->signals = signals_new(server->boss, numbers, on_signal, server);
	return server->signals ? 0 : -1;
}

int server_bind(struct server *server, struct problems *problems)
{
	struct plait_error error = { 0 };
	size_t errors = problems->errors;

	raise_descriptor_limit();
	server->reactor = workers_new((unsigned)server->config->threads, &error);
	if (!server->reactor) {
		problems_add(problems, "threads", "%s", error.text);
		return -1;
	}
	if (boss_new(server) < 0) {
		problems_add(problems, NULL, "cannot make the main loop: %s", strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < workers_count(server->reactor); i++)
		net_new(workers_loop(server->reactor, i));
	for (size_t i = 0; i < server->listener_count; i++) {
		char path[64];
		if (listener_bind(&server->listeners[i], server->reactor,
				  (enum config_accept)server->config->accept, (unsigned)(i % PLAIT_LOOPS_MAX),
				  &error) == 0)
			continue;
		snprintf(path, sizeof(path), "listeners[%zu].bind", i);
		problems_add(problems, path, "%s%s%s", error.path, error.path[0] ? ": " : "", error.text);
		error = (struct plait_error){ 0 };
	}
	if (problems->errors > errors)
		return -1;
	for (size_t i = 0; i < server->listener_count; i++)
		listener_announce(&server->listeners[i]);
	return 0;
}

static unsigned long long counted(const struct server *server, size_t offset)
{
	unsigned long long sum = 0;
	for (unsigned i = 0; i < workers_count(server->reactor); i++) {
		const char *counters = (const char *)&workers_loop(server->reactor, i)->net->counters;
		sum += atomic_load((const atomic_ullong *)(const void *)(counters + offset));
	}
	return sum;
}

/* The loops' threads have ended: what connections are left go now. Returns how many were still owed something. */
static size_t abort_rest(struct server *server)
{
	size_t owed = 0;
	bool any;
	do {
		any = false;
		for (unsigned i = 0; i < workers_count(server->reactor); i++) {
			struct plait_loop *loop = workers_loop(server->reactor, i);
			loop_enter(loop);
			owed += net_abort_all(loop->net);
			any |= loop_settle(loop);
		}
		any |= loop_settle(server->boss); /* to which they answer */
	} while (any);
	loop_enter(server->boss);
	return owed;
}

static void stop_loops(struct server *server)
{
	if (workers_stop(server->reactor, STOP_PATIENCE_MS))
		return;
	log_write(PLAIT_LOG_ERROR, NULL, "a plugin's callback does not return: leaving without it");
	log_flush();
	_exit(1);
}

/* Says how it went. Returns the exit status. */
static int finish(struct server *server)
{
	stop_loops(server);
	bool clean = server->drain && drain_was_clean(server->drain);
	size_t owed = abort_rest(server);
	unsigned long long served = counted(server, offsetof(struct net_counters, opened));
	log_write(PLAIT_LOG_INFO, NULL, "stopped: %llu connection%s served, %llu bytes in, %llu out", served,
		  served == 1 ? "" : "s", counted(server, offsetof(struct net_counters, bytes_in)),
		  counted(server, offsetof(struct net_counters, bytes_out)));
	if (!clean && owed > 0)
		log_write(PLAIT_LOG_WARNING, NULL, "%zu connections were aborted", owed);
	return clean || owed == 0 ? 0 : 1;
}

static void sweep_log(void *arg)
{
	struct server *server = arg;
	log_sweep();
	plait_call_later(server->boss, LOG_SWEEP_MS, sweep_log, server);
}

int server_run(struct server *server)
{
	struct plait_error error;
	int status = 1;

	loop_enter(server->boss);
	plait_call_later(server->boss, LOG_SWEEP_MS, sweep_log, server);
	if (workers_start(server->reactor, &error) < 0) {
		log_write(PLAIT_LOG_ERROR, NULL, "%s", error.text);
	} else {
		for (size_t i = 0; i < server->listener_count; i++)
			listener_start(&server->listeners[i]);
		log_write(PLAIT_LOG_INFO, NULL, "ready: listeners %zu, loops %u", server->listener_count,
			  workers_count(server->reactor));
		loop_run(server->boss);
		status = finish(server);
	}
	drain_free(&server->drain);
	loop_enter(NULL);
	log_flush();
	return status;
}
