/* Signals, through libevent's signal events. */
#include "core/loop/signals.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "core/loop/loop.h"

#define SIGNALS_MAX 8

struct signals {
	signals_fn *fn;
	void *arg;
	struct event *events[SIGNALS_MAX];
};

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct signals *signals = arg;
	(void)what;
	signals->fn((int)number, signals->arg);
}

void signals_fill(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP };
	sigfillset(set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(set, faults[i]);
}

void signals_hold(int number)
{
	sigset_t held;
	sigemptyset(&held);
	sigaddset(&held, number);
	pthread_sigmask(SIG_BLOCK, &held, NULL);
}

/* What has waited arrives. */
static void release(const int *numbers)
{
	sigset_t held;
	sigemptyset(&held);
	for (unsigned i = 0; i < SIGNALS_MAX && numbers[i]; i++)
		sigaddset(&held, numbers[i]);
	pthread_sigmask(SIG_UNBLOCK, &held, NULL);
}

struct signals *signals_new(struct plait_loop *loop, const int *numbers, signals_fn *fn, void *arg)
{
	struct event_base *base = loop_guests(loop);
	struct signals *signals = base ? calloc(1, sizeof(*signals)) : NULL;
	if (!signals)
		return NULL;
	signals->fn = fn;
	signals->arg = arg;
	for (unsigned i = 0; i < SIGNALS_MAX && numbers[i]; i++) {
		signals->events[i] = evsignal_new(base, numbers[i], on_signal, signals);
		if (!signals->events[i] || event_add(signals->events[i], NULL) < 0) {
			signals_free(&signals);
			return NULL;
		}
	}
	release(numbers);
	return signals;
}

void signals_free(struct signals **signals_at)
{
	struct signals *signals = *signals_at;
	*signals_at = NULL;
	if (!signals)
		return;
	for (unsigned i = 0; i < SIGNALS_MAX; i++) {
		if (signals->events[i])
			event_free(signals->events[i]);
	}
	free(signals);
}
