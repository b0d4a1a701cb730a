/* A reactor: loops on threads of their own, and what a program needs to be a server without a configuration file.
 *
 *	struct plait_reactor *reactor = plait_reactor_new(NULL, NULL);
 *	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:7007", &echo, NULL, &error);
 *	plait_call_later(plait_reactor_loop(reactor, 0), 5000, stop, reactor);
 *	int status = plait_reactor_run(reactor);
 *	plait_reactor_free(&reactor);
 *
 * Unless it says otherwise, a call here belongs on the thread that made the reactor. */
#ifndef PLAIT_REACTOR_H
#define PLAIT_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/abi.h>
#include <plait/deferred.h>
#include <plait/error.h>
#include <plait/loop.h>
#include <plait/proxy.h>

struct plait_reactor;
struct plait_listener;
struct plait_protocol;

/* In place of a number of these options: without limit. */
#define PLAIT_UNLIMITED UINT64_MAX

/* Zero is the default of each. */
struct plait_reactor_options {
	unsigned loops; /* each with a thread of its own; 0: one a processor */
	uint64_t
		drain_timeout_ms; /* how long each part of the shutdown may take; 0: the configuration's default */
	bool leave_signals;       /* SIGINT and SIGTERM are the program's, not the reactor's */
	bool renew_on_hangup; /* SIGHUP does what plait_listener_renew does, for all listeners or, on an error, for none */
	uint64_t connections; /* of all listeners together, at one time; 0: any number */
	uint64_t
		buffered; /* bytes held for all peers, above which those are closed that hold the most; 0: a quarter
			       * of the machine's memory, or of the control group's */
};

/* NULL options: all defaults. The loops do not run yet, but can be given work: timers, posts, hooks. NULL with error filled
 * (error may be NULL). Any thread. */
PLAIT_EXPORT struct plait_reactor *plait_reactor_new(const struct plait_reactor_options *options,
						     struct plait_error *error);

/* Runs the loops until plait_reactor_stop, SIGINT or SIGTERM, then shuts down: hooks are called, listeners stop,
 * connections end in order. A second signal stops at once. Callbacks run on the loops' threads, also when there is one
 * loop only, never on the calling one. One reactor of a process at a time may have the signals; SIGPIPE is ignored.
 * Returns 0; PLAIT_ERROR_TIMEOUT when connections were aborted that were open, or still owed their peers something;
 * PLAIT_ERROR_INVALID when it ran before; PLAIT_ERROR_SYSTEM when it cannot start, or a callback or work on a thread
 * does not return (all are logged). */
PLAIT_EXPORT int plait_reactor_run(struct plait_reactor *reactor);

/* Begins the shutdown, once; before the run, so that it ends as soon as it has begun. Any thread, as long as the reactor
 * is there. */
PLAIT_EXPORT void plait_reactor_stop(struct plait_reactor *reactor);

/* After the run, or instead of it. Listeners go, and factories stop; what is still posted is called. When a callback or
 * work on a thread did not return, everything is left where it is. */
PLAIT_EXPORT void plait_reactor_free(struct plait_reactor **reactor);

/* A whole program: makes a reactor, calls fn(loop, arg) on its first loop when that runs, and ends when the Deferred that
 * fn returned has its result; NULL, for a program that is stopped by a signal or by plait_reactor_stop. A failure is
 * logged. Cancels the Deferred when the reactor stops before. Returns what main is to return: 0, or 1 when something
 * failed. */
typedef struct plait_deferred *plait_react_fn(struct plait_loop *loop, void *arg);
PLAIT_EXPORT int plait_react(const struct plait_reactor_options *options, plait_react_fn *fn, void *arg);

PLAIT_EXPORT unsigned plait_reactor_loops(const struct plait_reactor *reactor); /* any thread */
PLAIT_EXPORT struct plait_loop *plait_reactor_loop(const struct plait_reactor *reactor,
						   unsigned index); /* any thread */

/* The loop's reactor; NULL for one under test. Any thread. */
PLAIT_EXPORT struct plait_reactor *plait_loop_reactor(const struct plait_loop *loop);

/* A protocol that clients of a tls:// endpoint choose by ALPN, under the name that they offer. */
struct plait_listen_alpn {
	const char *name; /* "chat/1"; NULL ends a table of these */
	const struct plait_protocol *protocol;
	const void *options; /* what its option table would fill, borrowed; NULL: its defaults */
};

/* Zero is the default of a configured listener for each; their ranges are the configuration's, too. What is not said to be
 * borrowed is copied, but for the protocols, which must outlive the reactor. */
struct plait_listen_options {
	const char *name;    /* in the log; NULL: the protocol's */
	const void *options; /* what the protocol's option table would fill, borrowed; NULL: its defaults */
	const char *certificate, *key; /* PEM files, for tls://, or for plait_start_tls */
	uint64_t handshake_timeout_ms, idle_timeout_ms, close_timeout_ms;
	uint64_t buffer_high, buffer_low, buffer_cap, buffer_input; /* bytes */
	uint64_t connections, per_address;                          /* at one time */
	const char *mode; /* of a UNIX socket's file, an octal number */

	uint64_t read_rate, write_rate; /* bytes a second, of all its connections together */

	/* What serves the connections above `connections`, as the protocol does, and how many of them; NULL: they are
	 * refused. */
	const struct plait_protocol *overflow;
	uint64_t overflow_connections;

	/* What is offered by ALPN, the most wanted first; NULL: nothing. Who offers none of these names is refused; who
	 * offers nothing at all gets the endpoint's protocol. */
	const struct plait_listen_alpn *alpn;
	uint64_t handshakes; /* under way at one time */

	/* All else of TLS: a JSON text, read and judged as a context of the configuration, whose keys it has:
	 * "{\"certificate\": \"server.pem\", \"key\": \"server.key\", \"min_version\": \"1.3\"}". Relative paths
	 * start where the program stands. certificate and key may stand here or above. NULL: those two alone. */
	const char *tls;

	/* Whether connections begin with a PROXY header, and from whom one is believed: the configuration's networks, ended
	 * by NULL, of which there must be one unless that is off. */
	enum plait_proxy_mode proxy_mode;
	const char *const *proxy_trusted;
	uint64_t preamble_timeout_ms; /* of waiting for it */

	/* The configuration's lists of addresses, each ended by NULL: who may not come, and, unless NULL, who alone may. */
	const char *const *deny, *const *allow;

	/* More of its limits. */
	uint64_t prefix_connections;       /* of one block of addresses */
	uint64_t prefix_ipv4, prefix_ipv6; /* bits that the addresses of a block have in common */
	uint64_t accept_rate, accept_burst, address_rate, address_burst; /* newcomers a second, and at once */
	uint64_t connection_read_rate, connection_write_rate;            /* bytes a second, of each */
	const char *over;         /* what becomes of who is above one: "reset", "message" or "wait" */
	const char *over_message; /* what "message" sends */

	uint64_t first_byte_timeout_ms, message_timeout_ms, write_timeout_ms, lifetime_ms;
};

/* Listens on "tcp://127.0.0.1:0", "tls://[::]:7443", "udp://[::]:7007" or "unix:/run/x.sock" (a relative path starts where
 * the program stands; a host name is looked up, which takes its time). The protocol, which has its head from
 * PLAIT_PROTOCOL_HEAD, must outlive the reactor. factory_start is called on this thread. Before the run nobody is served
 * yet. NULL with error filled (error may be NULL). While the reactor runs, on any thread; not once it shuts down. */
PLAIT_EXPORT struct plait_listener *plait_listen(struct plait_reactor *reactor, const char *endpoint,
						 const struct plait_protocol *protocol,
						 const struct plait_listen_options *options,
						 struct plait_error *error);

/* "tcp://127.0.0.1:41234": with the port that the system chose. As long as the reactor is there. Any thread. */
PLAIT_EXPORT const char *plait_listener_address(const struct plait_listener *listener);

/* Reads the files of a listener's TLS anew: its certificate, its key, all that its settings name. 0, and handshakes that
 * begin from here on follow them; connections live on. Or a negative code with error filled (error may be NULL), and what
 * was read before stays in use. It reads files, which takes its time. Any thread, as long as the reactor is there. */
PLAIT_EXPORT int plait_listener_renew(struct plait_listener *listener, struct plait_error *error);

/* Takes no more newcomers, soon, or at once before the run; connections live on. What it is made of goes with the reactor.
 * Any thread while the reactor runs. */
PLAIT_EXPORT void plait_listener_stop(struct plait_listener **listener);

#endif
