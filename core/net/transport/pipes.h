/* The transport of a connection to a child process: a pipe from it and a pipe to it. */
#ifndef NET_TRANSPORT_PIPES_H
#define NET_TRANSPORT_PIPES_H

#include "core/net/transport/transport.h"

/* Its context; freed by whoever made it, after closed was called. */
struct pipes {
	struct watch in, out; /* fd -1: closed */
	struct transport *transport;
	void (*closed)(struct pipes *pipes, bool reset); /* last */
};

void pipes_init(struct pipes *pipes, struct plait_loop *loop, int in, int out);

extern const struct transport_ops transport_pipes;

#endif
