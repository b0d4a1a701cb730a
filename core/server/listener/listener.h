/* A listener: its sockets, on whichever loops, and what is made of what comes in, version after version. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "core/config/config.h"
#include "core/net/datagram/port.h"
#include "core/net/socket/socket.h"
#include "core/net/socket/unix_path.h"
#include "core/net/stream_listener.h"
#include "core/net/tls/tls.h"
#include "core/policy/limits.h"
#include "core/policy/throttle.h"
#include "core/server/broker.h"
#include "core/server/listener/version.h"
#include "core/server/reactor.h"

struct listener_kind;

/* Of a program's own listener; each may be NULL. */
struct own_protocols {
	struct plait_protocol *main, *overflow;
	struct plait_protocol **alpn; /* ended by NULL */
};

/* What an operator makes of a listener, whatever its configuration; it outlasts the reading of another one. */
enum listener_service {
	SERVICE_ON,
	SERVICE_PAUSED,  /* who comes waits with the kernel, and nobody is told to end */
	SERVICE_DRAINED, /* of streams: who comes is reset, and who is there is told to end */
};

/* A bound socket. The stream listener, or a port, owns the descriptor. */
struct bound_socket {
	int fd;
	unsigned address; /* which of the listener's */
	bool taken;       /* over by another listener */
};

struct plait_listener {
	struct plait_listener *next;   /* of the reactor's, which owns it */
	struct plait_reactor *reactor; /* NULL: it is not yet the reactor's */
	char *name;
	const struct listener_config *config; /* of the version that is served, or of the first one to be */
	const struct listener_kind *kind;
	struct socket_addresses addresses;
	struct bound_socket *sockets;
	unsigned socket_count;
	bool inherited; /* at least one socket is another listener's, too */
	struct listener_version
		*versions; /* the newest, which is served, then those that still have connections */
	struct listener_version *fresh; /* prepared, and not yet served; NULL: none */
	struct limits *limits;
	struct throttle *throttle;      /* NULL: no rate was ever limited */
	struct stream_listener *stream; /* of the stream kinds */
	struct plait_port **ports;      /* of the datagram kind, one for each socket */
	unsigned port_count;
	struct plait_port **successors; /* of these, for fresh */
	struct unix_path_id path;
	char address[256]; /* of the first socket, once bound */
	enum listener_service service;
	bool stopped;
	bool leaving;                /* it goes when nobody uses its versions any more */
	unsigned rounds;             /* through the loops, that have not come to their end */
	struct plait_timer deadline; /* of its draining */

	/* Of a program's own listener; else NULL. */
	struct config *own_config;
	struct tls_context *own_context;
	struct own_protocols own_protocols;
};

/* Borrows config until it has a version. Aborts when there is no memory. */
struct plait_listener *listener_new(const struct listener_config *config);

void own_protocols_free(struct own_protocols *protocols);

/* Finds the addresses to bind. 0, or a negative code with error filled. */
int listener_resolve(struct plait_listener *listener, struct plait_error *error);

/* Makes a version that is not yet served: the first one before the listener is bound, later ones while it serves. On the
 * reactor's thread, followed by listener_adopt or listener_discard. 0, or a negative code with error filled. */
int listener_prepare(struct plait_listener *listener, const struct version_parts *parts,
		     struct plait_reactor *reactor, struct plait_error *error);
void listener_discard(struct plait_listener *listener);

/* Newcomers get what was prepared, soon; what was served before goes with its last connection. */
void listener_adopt(struct plait_listener *listener);

struct listener_binding {
	enum config_accept accept_mode;
	unsigned first; /* the loop to begin with */

	/* Sockets that these have on its addresses are taken over, with all who wait there. Ended by NULL; NULL: none. */
	struct plait_listener *const *leaving;

	struct broker *broker; /* what others do not have comes from there */
};

/* Binds its sockets: one for each address, or with accept_mode reuseport one for each address and loop. The first version
 * is served from here on. */
int listener_bind(struct plait_listener *listener, struct plait_reactor *reactor,
		  const struct listener_binding *binding, struct plait_error *error);

/* What it took over when it was bound is its own from here on. */
void listener_inherit(struct plait_listener *listener, struct plait_listener *const *leaving);

/* What others took over of it is its own again: they are discarded. */
void listener_keep(struct plait_listener *listener);

/* Once bound: logs where it listens. */
void listener_announce(const struct plait_listener *listener);

/* Each takes effect on the loops soon. Under the reactor's lock. One that has been stopped neither starts nor stops. */
void listener_start(struct plait_listener *listener);
void listener_stop(struct plait_listener *listener);

/* Takes effect on the loops soon. Connections that have drain_timeout behind them and are still there are aborted, unless it
 * was set otherwise meanwhile. On the boss loop. */
void listener_serve(struct plait_listener *listener, enum listener_service service);

/* Connections that its version has; those of all are limits_count. On the boss loop, at the end of a round. */
size_t listener_version_connections(const struct listener_version *version);

/* It has been taken out of the configuration, or moved to another address: stops, and goes when its connections have.
 * drain: these are told to end, and aborted when drain_timeout has passed. On the boss loop. */
void listener_leave(struct plait_listener *listener, bool drain);

/* At once: when no loop runs. */
void listener_close(struct plait_listener *listener);

/* After the loops have ended, and their connections. */
void listener_free(struct plait_listener **listener);

/* For version.c: nobody has the version any more. On any loop. */
void listener_version_unused(struct reception *reception);

#endif
