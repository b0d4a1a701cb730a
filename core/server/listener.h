/* A listener: its sockets, on whichever loops, and what is made of what comes in. */
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
#include "core/server/reactor.h"

struct listener_kind;

/* Of a program's own listener; each may be NULL. */
struct own_protocols {
	struct plait_protocol *main, *overflow;
	struct plait_protocol **alpn; /* ended by NULL */
};

struct plait_listener {
	struct plait_listener *next; /* of the reactor's, which owns it */
	struct plait_reactor *reactor;
	const struct listener_config *config;
	const struct listener_kind *kind;
	struct tls_context *context; /* borrowed; NULL: no TLS */
	struct tls_context *
		*name_contexts; /* borrowed, one for each of server_names: filled before it is prepared */
	struct tls_server *tls;
	struct tls_directory
		*directory; /* borrowed, set before it is prepared; NULL: no context has a name */
	struct socket_addresses addresses;
	int bound[SOCKET_ADDRESSES_MAX]; /* for each address, the first socket; stream or ports own it */
	struct plait_factory *factory;
	struct plait_factory *overflow; /* NULL: none */
	struct plait_factory **alpn;    /* one for each of the configuration's */
	struct factory_choices choices; /* these, for the factory */
	struct limits *limits;
	struct throttle *throttle;      /* NULL: no rate is limited */
	struct stream_listener *stream; /* of the stream kinds */
	struct plait_port **ports;      /* of the datagram kind */
	unsigned port_count;
	struct unix_path_id path;
	char address[256]; /* of the first socket, once bound */
	bool stopped;

	/* Of a program's own listener; else NULL. */
	struct config *own_config;
	struct tls_context *own_context;
	struct own_protocols own_protocols;
};

/* Borrows config and context (NULL: no TLS). Aborts when there is no memory. */
struct plait_listener *listener_new(const struct listener_config *config, struct tls_context *context);

void own_protocols_free(struct own_protocols *protocols);

/* Finds the addresses to bind. 0, or a negative code with error filled. */
int listener_resolve(struct plait_listener *listener, struct plait_error *error);

/* Starts the factory, which knows the reactor. 0, or a negative code with error filled. */
int listener_prepare(struct plait_listener *listener, struct plait_reactor *reactor,
		     struct plait_error *error);

/* Binds its sockets: one for each address, or with accept_mode reuseport one for each address and loop. first: the loop
 * to begin with. */
int listener_bind(struct plait_listener *listener, struct plait_reactor *reactor,
		  enum config_accept accept_mode, unsigned first, struct plait_error *error);

/* Once bound: logs where it listens. */
void listener_announce(const struct plait_listener *listener);

/* Each takes effect on the loops soon. Under the reactor's lock. One that has been stopped neither starts nor stops. */
void listener_start(struct plait_listener *listener);
void listener_stop(struct plait_listener *listener);

/* At once: when no loop runs. */
void listener_close(struct plait_listener *listener);

/* After the loops have ended, and their connections. */
void listener_free(struct plait_listener **listener);

#endif
