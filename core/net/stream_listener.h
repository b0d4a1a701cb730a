/* A stream listener: bound sockets, and connections made of what they accept. */
#ifndef NET_STREAM_LISTENER_H
#define NET_STREAM_LISTENER_H

#include "core/loop/workers.h"
#include "core/net/factory.h"
#include "core/net/transport/transport.h"

/* Who may come in: the policies' place. Called on any loop. */
struct admission {
	/* PLAIT_REASON_NONE admits, and release will follow; anything else is why not. *overflow: it is to be served by the
	 * factory for those for whom there is no room. */
	enum plait_reason (*admit)(struct admission *admission, const struct plait_addr *peer,
				   bool *overflow);
	void (*release)(struct admission *admission, const struct plait_addr *peer);

	/* Around the handshake of who was admitted, where there is one. False: there are too many under way, and no end
	 * will follow. */
	bool (*begin_handshake)(struct admission *admission);
	void (*end_handshake)(struct admission *admission);
};

struct stream_listener;

struct stream_listener_options {
	struct workers *workers;
	struct plait_factory *factory;
	struct plait_factory *overflow; /* NULL: admission never asks for it */
	const struct transport_ops *transport;
	void *transport_context;
	struct admission *admission; /* NULL: everybody */
	bool keep_on_loop;           /* connections stay on the loop that accepted them */
};

/* Nothing is accepted yet. NULL: no memory. */
struct stream_listener *stream_listener_new(const struct stream_listener_options *options);

/* Takes the listening socket fd over, to accept on loop. Before start. 0, or -1: no memory (fd is closed). */
int stream_listener_add(struct stream_listener *listener, struct plait_loop *loop, int fd);

/* Any thread; takes effect on each loop soon. Stopping closes the sockets. */
void stream_listener_start(struct stream_listener *listener);
void stream_listener_stop(struct stream_listener *listener);

/* After all loops have ended. */
void stream_listener_free(struct stream_listener **listener);

#endif
