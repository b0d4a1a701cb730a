/* A reactor from the inside: worker loops with their network parts, listeners, and the boss loop of the thread that runs it,
 * which has the signals and coordinates the others. */
#ifndef SERVER_REACTOR_H
#define SERVER_REACTOR_H

#include <plait/reactor.h>

#include <pthread.h>
#include <stdatomic.h>

#include "core/loop/workers.h"

struct limits_server;
struct renewal;
struct shed;
struct shutdown;
struct signals;
struct threads;

enum reactor_state { REACTOR_NEW, REACTOR_RUNNING, REACTOR_STOPPING, REACTOR_ENDED };

struct plait_reactor {
	struct workers *workers;
	struct plait_loop *boss;
	struct threads *threads;      /* of all loops */
	struct signals *signals;      /* the boss's; NULL: not taken */
	struct shutdown *shutdown;    /* NULL before it begins */
	struct renewal *renewal;      /* of the TLS contexts; boss's, and any thread's where it says so */
	struct limits_server *limits; /* of all listeners */
	struct shed *shed;            /* of all connections but the control socket's */
	uint64_t drain_timeout_ms;
	bool leave_signals;
	plait_call_fn *on_hangup; /* NULL: SIGHUP is not taken */
	void *on_hangup_arg;
	plait_call_fn *on_ending, *on_unlisten; /* NULL: none */
	void *on_end_arg;
	bool signalled, told; /* to stop: by a signal, by the supervisor */
	bool stuck;           /* a callback, or work on a thread, did not return: nothing can be freed */
	atomic_size_t owed;   /* aborted connections that still owed their peers something */

	atomic_uint listened; /* how many times a program has listened */

	pthread_mutex_t lock; /* of what follows */
	enum reactor_state state;
	struct plait_listener *first, *last; /* owned */
};

struct reactor_settings {
	unsigned loops;                  /* 0: one a processor */
	int64_t connections;             /* of all listeners; 0: any number */
	uint64_t buffered;               /* bytes for all peers; 0: any number; or: */
#define REACTOR_BUFFERED_AUTO UINT64_MAX /* what fits the machine */
	uint64_t drain_timeout_ms;
	bool leave_signals;
	plait_call_fn *on_hangup; /* for SIGHUP, on the boss loop; NULL: it is not taken */
	void *on_hangup_arg;
	/* On the boss loop, as the shutdown begins, and before the listeners stop for it; NULL: none. */
	plait_call_fn *on_ending, *on_unlisten;
	void *on_end_arg; /* of both */
};

/* NULL with error filled. */
struct plait_reactor *reactor_new(const struct reactor_settings *settings, struct plait_error *error);

/* Signals that come from here on wait until the reactor runs, which they then end: so that whoever sees a listener may send
 * one. Does nothing when it was done, or the signals are to be left alone. 0, or a negative code with error filled. */
int reactor_take_signals(struct plait_reactor *reactor, struct plait_error *error);

/* A listener will be added. 0, or a negative code with error filled when it is too late for that, or signals cannot be
 * taken. */
int reactor_expect_listener(struct plait_reactor *reactor, struct plait_error *error);

/* Takes the bound listener over, and starts it when the reactor runs, or as soon as it does. 0, or PLAIT_ERROR_CLOSING
 * with error filled, and the listener is still the caller's. */
int reactor_add_listener(struct plait_reactor *reactor, struct plait_listener *listener,
			 struct plait_error *error);

/* One that has left. */
void reactor_remove_listener(struct plait_reactor *reactor, struct plait_listener *listener);

/* Its loops run, and no shutdown has begun. */
bool reactor_runs(struct plait_reactor *reactor);

/* Logs where all listeners listen. */
void reactor_announce(struct plait_reactor *reactor);

/* Ready to run: is called on the boss loop when all has been started. */
typedef void reactor_ready_fn(struct plait_reactor *reactor, void *arg);

/* plait_reactor_run, which keeps the signals. */
int reactor_run(struct plait_reactor *reactor, reactor_ready_fn *ready, void *arg);

/* Drains and ends it, as a signal does; now: without draining, as a second signal does. On the boss loop. */
void reactor_stop(struct plait_reactor *reactor, bool now);

/* A signal, SIGTERM, SIGINT or SIGHUP, that came to the supervisor. Whoever signals all of a group signals both: one from
 * either is one. On the boss loop. */
void reactor_told(struct plait_reactor *reactor, int number);

/* As in the settings. Any thread. */
void reactor_set_buffered(struct plait_reactor *reactor, uint64_t buffered);

/* For shutdown.c. */
void reactor_stop_listeners(struct plait_reactor *reactor);

#endif
