/* A configured listener: its sockets, on whichever loops, and what is made of what comes in. */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "core/config/config.h"
#include "core/loop/workers.h"
#include "core/net/port.h"
#include "core/net/socket.h"
#include "core/net/stream_listener.h"
#include "core/net/tls.h"
#include "core/net/unix_path.h"
#include "core/policy/limits.h"

struct listener_kind;

struct listener {
	const struct listener_config *config;
	const struct listener_kind *kind;
	struct tls_context *tls; /* borrowed; NULL: none */
	struct socket_addresses addresses;
	int bound[SOCKET_ADDRESSES_MAX]; /* for each address, the first socket; stream or ports own it */
	struct plait_factory *factory;
	struct limits *limits;
	struct stream_listener *stream; /* of the stream kinds */
	struct plait_port **ports;      /* of the datagram kind */
	unsigned port_count;
	struct unix_path_id path;
};

/* Borrows config and tls (NULL: none). */
void listener_init(struct listener *listener, const struct listener_config *config, struct tls_context *tls);

/* Finds the addresses to bind. 0, or a negative code with error filled. */
int listener_resolve(struct listener *listener, struct plait_error *error);

/* Starts the factory. 0, or a negative code with error filled. */
int listener_prepare(struct listener *listener, struct plait_error *error);

/* Binds its sockets: one for each address, or with accept_mode reuseport one for each address and loop. first: the loop
 * to begin with. */
int listener_bind(struct listener *listener, struct workers *reactor, enum config_accept accept_mode,
		  unsigned first, struct plait_error *error);

/* Once bound: logs where it listens. */
void listener_announce(const struct listener *listener);

/* Takes effect on the loops soon. */
void listener_start(struct listener *listener);
void listener_stop(struct listener *listener);

/* After the loops have ended, and their connections. */
void listener_fini(struct listener *listener);

#endif
