/* The reactor's life: made, run, shut down, freed; the same for the configured server and for programs of their own. */
#include "core/server/reactor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/async/hook.h"
#include "core/async/pool.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/config/config.h"
#include "core/loop/signals.h"
#include "core/net/net.h"
#include "core/net/shed.h"
#include "core/policy/limits.h"
#include "core/server/listener/listener.h"
#include "core/server/memory.h"
#include "core/server/renew.h"
#include "core/server/shutdown.h"

/* How long a loop may take to come out of a callback once it is told to stop for good. */
#define STOP_PATIENCE_MS 2000

#define SECOND_MS 1000

static uint64_t buffered_most(uint64_t setting)
{
	return setting == REACTOR_BUFFERED_AUTO ? memory_auto_buffered() : setting;
}

static void make_shed(struct plait_reactor *reactor, unsigned count, uint64_t buffered)
{
	struct plait_loop **loops = alloc_zeroed(count * sizeof(*loops), "a list of loops");
	for (unsigned i = 0; i < count; i++)
		loops[i] = workers_loop(reactor->workers, i);
	reactor->shed = shed_new(loops, count, buffered_most(buffered));
	free(loops);
}

void reactor_set_buffered(struct plait_reactor *reactor, uint64_t buffered)
{
	shed_set_most(reactor->shed, buffered_most(buffered));
}

struct plait_reactor *reactor_new(const struct reactor_settings *settings, struct plait_error *error)
{
	struct plait_reactor *reactor = calloc(1, sizeof(*reactor));
	if (!reactor) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a reactor");
		return NULL;
	}
	if (!alloc_keep_reserve()) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a reserve of it");
		free(reactor);
		return NULL;
	}
	pthread_mutex_init(&reactor->lock, NULL);
	reactor->limits = limits_server_new();
	if (!reactor->limits)
		alloc_fail("a server's limits");
	atomic_init(&reactor->limits->most, settings->connections);
	reactor->drain_timeout_ms = settings->drain_timeout_ms;
	reactor->leave_signals = settings->leave_signals;
	reactor->on_hangup = settings->on_hangup;
	reactor->on_hangup_arg = settings->on_hangup_arg;
	reactor->on_ending = settings->on_ending;
	reactor->on_unlisten = settings->on_unlisten;
	reactor->on_end_arg = settings->on_end_arg;
	reactor->renewal = renewal_new();
	reactor->workers = workers_new(settings->loops, error);
	if (!reactor->workers)
		goto fail;
	unsigned count = workers_count(reactor->workers);
	reactor->boss = loop_new(count, count);
	if (!reactor->boss) {
		plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make the main loop: %s",
				system_text(errno));
		goto fail;
	}
	reactor->threads = reactor->boss->threads = pool_new();
	reactor->boss->reactor = reactor;
	for (unsigned i = 0; i < count; i++) {
		struct plait_loop *loop = workers_loop(reactor->workers, i);
		loop->reactor = reactor;
		loop->threads = reactor->threads;
		net_new(loop);
	}
	make_shed(reactor, count, settings->buffered);
	return reactor;
fail:
	plait_reactor_free(&reactor);
	return NULL;
}

static void renew_all(void *arg)
{
	const struct plait_reactor *reactor = arg;
	log_write(PLAIT_LOG_INFO, NULL, "SIGHUP: reading certificates and all that belongs to them anew");
	renewal_all(reactor->renewal);
}

struct plait_reactor *plait_reactor_new(const struct plait_reactor_options *options,
					struct plait_error *error)
{
	struct reactor_settings settings = {
		.drain_timeout_ms = config_default_drain_timeout_ms(),
		.buffered = REACTOR_BUFFERED_AUTO,
	};
	if (options) {
		settings.loops = options->loops;
		settings.leave_signals = options->leave_signals;
		settings.connections = options->connections < INT64_MAX ? (int64_t)options->connections : 0;
		if (options->buffered)
			settings.buffered = options->buffered < INT64_MAX ? options->buffered : 0;
		if (options->drain_timeout_ms)
			settings.drain_timeout_ms = options->drain_timeout_ms;
	}
	struct plait_reactor *reactor = reactor_new(&settings, error);
	if (reactor && options && options->renew_on_hangup) {
		reactor->on_hangup = renew_all;
		reactor->on_hangup_arg = reactor;
	}
	return reactor;
}

/* ---- the boss ---- */

static void begin_shutdown(struct plait_reactor *reactor)
{
	pthread_mutex_lock(&reactor->lock);
	bool runs = reactor->state == REACTOR_RUNNING;
	if (runs)
		reactor->state = REACTOR_STOPPING;
	pthread_mutex_unlock(&reactor->lock);
	if (!runs)
		return;
	if (reactor->on_ending)
		reactor->on_ending(reactor->on_end_arg);
	reactor->shutdown = shutdown_begin(reactor);
}

static void on_hangup(struct plait_reactor *reactor)
{
	if (reactor->shutdown) {
		log_write(PLAIT_LOG_INFO, NULL, "SIGHUP: the server stops, and reads nothing anew");
		return;
	}
	reactor->on_hangup(reactor->on_hangup_arg);
}

/* of_this, of_other: whether this source, and the other one, has told it before. */
static void hear_signal(struct plait_reactor *reactor, int number, bool *of_this, bool of_other)
{
	bool again = *of_this || !of_other;
	if (number == SIGHUP) {
		on_hangup(reactor);
		return;
	}
	*of_this = true;
	if (reactor->shutdown && !again)
		return;
	if (reactor->shutdown) {
		log_write(PLAIT_LOG_WARNING, NULL, "%s again: stopping now", strsignal(number));
		shutdown_give_up(reactor->shutdown);
		return;
	}
	log_write(PLAIT_LOG_INFO, NULL, "%s: draining; the same again stops at once", strsignal(number));
	begin_shutdown(reactor);
}

static void on_signal(int number, void *arg)
{
	struct plait_reactor *reactor = arg;
	hear_signal(reactor, number, &reactor->signalled, reactor->told);
}

void reactor_told(struct plait_reactor *reactor, int number)
{
	hear_signal(reactor, number, &reactor->told, reactor->signalled);
}

int reactor_take_signals(struct plait_reactor *reactor, struct plait_error *error)
{
	int numbers[] = { SIGTERM, SIGINT, reactor->on_hangup ? SIGHUP : 0, 0 };
	signal(SIGPIPE, SIG_IGN);
	if (reactor->leave_signals || reactor->signals)
		return 0;
	reactor->signals = signals_new(reactor->boss, numbers, on_signal, reactor);
	if (reactor->signals)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot wait for signals: %s",
			       system_text(errno));
}

void reactor_stop(struct plait_reactor *reactor, bool now)
{
	begin_shutdown(reactor);
	if (now && reactor->shutdown)
		shutdown_give_up(reactor->shutdown);
}

static void on_stop(void *arg)
{
	begin_shutdown(arg);
}

void plait_reactor_stop(struct plait_reactor *reactor)
{
	plait_post(reactor->boss, on_stop, reactor);
}

static void each_second(void *arg)
{
	struct plait_reactor *reactor = arg;
	log_sweep();
	if (!reactor->shutdown)
		renewal_look(reactor->renewal, time(NULL));
	plait_call_later(reactor->boss, SECOND_MS, each_second, reactor);
}

/* ---- listeners ---- */

static int too_late(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the reactor has shut down, or is about to");
}

int reactor_expect_listener(struct plait_reactor *reactor, struct plait_error *error)
{
	pthread_mutex_lock(&reactor->lock);
	enum reactor_state state = reactor->state;
	pthread_mutex_unlock(&reactor->lock);
	if (state > REACTOR_RUNNING)
		return too_late(error);
	return state == REACTOR_NEW ? reactor_take_signals(reactor, error) : 0;
}

int reactor_add_listener(struct plait_reactor *reactor, struct plait_listener *listener,
			 struct plait_error *error)
{
	pthread_mutex_lock(&reactor->lock);
	enum reactor_state state = reactor->state;
	if (state <= REACTOR_RUNNING) {
		listener->reactor = reactor;
		if (reactor->last)
			reactor->last->next = listener;
		else
			reactor->first = listener;
		reactor->last = listener;
	}
	if (state == REACTOR_RUNNING)
		listener_start(listener);
	pthread_mutex_unlock(&reactor->lock);
	return state <= REACTOR_RUNNING ? 0 : too_late(error);
}

bool reactor_runs(struct plait_reactor *reactor)
{
	pthread_mutex_lock(&reactor->lock);
	bool runs = reactor->state == REACTOR_RUNNING;
	pthread_mutex_unlock(&reactor->lock);
	return runs;
}

void reactor_remove_listener(struct plait_reactor *reactor, struct plait_listener *listener)
{
	struct plait_listener *before = NULL;
	pthread_mutex_lock(&reactor->lock);
	struct plait_listener **at = &reactor->first;
	while (*at != listener) {
		before = *at;
		at = &before->next;
	}
	*at = listener->next;
	if (reactor->last == listener)
		reactor->last = before;
	pthread_mutex_unlock(&reactor->lock);
}

void reactor_announce(struct plait_reactor *reactor)
{
	pthread_mutex_lock(&reactor->lock);
	for (struct plait_listener *listener = reactor->first; listener; listener = listener->next)
		listener_announce(listener);
	pthread_mutex_unlock(&reactor->lock);
}

static void start_listeners(struct plait_reactor *reactor)
{
	pthread_mutex_lock(&reactor->lock);
	reactor->state = REACTOR_RUNNING;
	for (struct plait_listener *listener = reactor->first; listener; listener = listener->next)
		listener_start(listener);
	pthread_mutex_unlock(&reactor->lock);
}

void reactor_stop_listeners(struct plait_reactor *reactor)
{
	if (reactor->on_unlisten)
		reactor->on_unlisten(reactor->on_end_arg);
	pthread_mutex_lock(&reactor->lock);
	for (struct plait_listener *listener = reactor->first; listener; listener = listener->next)
		listener_stop(listener);
	pthread_mutex_unlock(&reactor->lock);
}

void plait_listener_stop(struct plait_listener **listener_at)
{
	struct plait_listener *listener = *listener_at;
	*listener_at = NULL;
	if (!listener)
		return;
	struct plait_reactor *reactor = listener->reactor;
	pthread_mutex_lock(&reactor->lock);
	if (reactor->state == REACTOR_RUNNING || reactor->state == REACTOR_STOPPING)
		listener_stop(listener);
	else
		listener_close(listener);
	pthread_mutex_unlock(&reactor->lock);
}

/* ---- the run ---- */

/* The loops' threads have ended: what connections are left go now. Returns how many were still owed something. */
static size_t abort_rest(struct plait_reactor *reactor)
{
	size_t owed = 0;
	bool any;
	do {
		any = false;
		for (unsigned i = 0; i < workers_count(reactor->workers); i++) {
			struct plait_loop *loop = workers_loop(reactor->workers, i);
			loop_enter(loop);
			owed += net_abort_all(loop->net);
			any |= loop_settle(loop);
		}
		any |= loop_settle(reactor->boss); /* to which they answer */
	} while (any);
	loop_enter(reactor->boss);
	return owed;
}

static int get_stuck(struct plait_reactor *reactor, const char *what)
{
	log_write(PLAIT_LOG_ERROR, NULL, "%s does not return: leaving without it", what);
	reactor->stuck = true;
	return PLAIT_ERROR_SYSTEM;
}

/* Ends all threads, those of the loops first: so what work results in finds no connection. 0, or a negative code. */
static int finish(struct plait_reactor *reactor)
{
	if (!workers_stop(reactor->workers, STOP_PATIENCE_MS))
		return get_stuck(reactor, "a plugin's callback");
	bool clean = reactor->shutdown && shutdown_was_clean(reactor->shutdown);
	atomic_fetch_add(&reactor->owed, abort_rest(reactor));
	if (!threads_stop(reactor->threads))
		return get_stuck(reactor, "a plugin's work on a thread");
	atomic_fetch_add(&reactor->owed, abort_rest(reactor));
	return clean || atomic_load(&reactor->owed) == 0 ? 0 : PLAIT_ERROR_TIMEOUT;
}

static int serve(struct plait_reactor *reactor, reactor_ready_fn *ready, void *arg)
{
	struct plait_error error;
	if (reactor_take_signals(reactor, &error) < 0 || workers_start(reactor->workers, &error) < 0) {
		log_write(PLAIT_LOG_ERROR, NULL, "%s", error.text);
		return PLAIT_ERROR_SYSTEM;
	}
	start_listeners(reactor);
	if (ready)
		ready(reactor, arg);
	loop_run(reactor->boss);
	return finish(reactor);
}

int reactor_run(struct plait_reactor *reactor, reactor_ready_fn *ready, void *arg)
{
	if (reactor->state != REACTOR_NEW) {
		log_write(PLAIT_LOG_ERROR, NULL, "a reactor runs once only: make another one");
		return PLAIT_ERROR_INVALID;
	}
	struct plait_loop *before = plait_loop_current();
	loop_enter(reactor->boss);
	plait_call_later(reactor->boss, SECOND_MS, each_second, reactor);
	int result = serve(reactor, ready, arg);
	pthread_mutex_lock(&reactor->lock);
	reactor->state = REACTOR_ENDED;
	pthread_mutex_unlock(&reactor->lock);
	loop_enter(before);
	log_flush();
	return result;
}

int plait_reactor_run(struct plait_reactor *reactor)
{
	int result = reactor_run(reactor, NULL, NULL);
	signals_free(&reactor->signals);
	return result;
}

void plait_reactor_free(struct plait_reactor **reactor_at)
{
	struct plait_reactor *reactor = *reactor_at;
	*reactor_at = NULL;
	if (!reactor || reactor->stuck)
		return;
	if (reactor->threads &&
	    !threads_stop(reactor->threads)) /* it did not run, but its threads may have */
		return;
	reactor->state = REACTOR_ENDED;
	while (reactor->first) {
		struct plait_listener *listener = reactor->first;
		reactor->first = listener->next;
		listener_free(&listener);
	}
	unsigned count = reactor->workers ? workers_count(reactor->workers) : 0;
	for (unsigned i = 0; i < count; i++)
		hooks_free(workers_loop(reactor->workers, i));
	/* What factories posted when they stopped still needs the loops' parts. */
	if (reactor->workers)
		workers_settle(reactor->workers);
	if (reactor->boss)
		loop_settle(reactor->boss); /* what they answer to */
	for (unsigned i = 0; i < count; i++)
		net_free(workers_loop(reactor->workers, i));
	workers_free(&reactor->workers);
	signals_free(&reactor->signals);
	loop_free(&reactor->boss);
	threads_free(&reactor->threads);
	shutdown_free(&reactor->shutdown);
	renewal_free(&reactor->renewal);
	pthread_mutex_destroy(&reactor->lock);
	free(reactor->limits);
	if (reactor->shed)
		shed_free(&reactor->shed);
	free(reactor);
}

unsigned plait_reactor_loops(const struct plait_reactor *reactor)
{
	return workers_count(reactor->workers);
}

struct plait_loop *plait_reactor_loop(const struct plait_reactor *reactor, unsigned index)
{
	return workers_loop(reactor->workers, index);
}

struct plait_reactor *plait_loop_reactor(const struct plait_loop *loop)
{
	return loop->reactor;
}
