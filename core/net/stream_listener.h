/* A stream listener: bound sockets, and connections made of what they accept. What becomes of who comes can be replaced
 * while it accepts. */
#ifndef NET_STREAM_LISTENER_H
#define NET_STREAM_LISTENER_H

#include "core/loop/workers.h"
#include "core/net/conn/conn.h"
#include "core/net/factory.h"
#include "core/net/proxy/settings.h"
#include "core/net/transport/transport.h"

/* Who may come in: the policies' place. Called on any loop. */
struct admission {
	/* PLAIT_REASON_NONE admits, and release will follow; anything else is why not. *overflow: it is to be served by the
	 * factory for those for whom there is no room. */
	enum plait_reason (*admit)(struct admission *admission, const struct plait_addr *peer,
				   bool *overflow);
	void (*release)(struct admission *admission, const struct plait_addr *peer);

	/* Around the handshake of who was admitted, where there is one; and around the wait for a PROXY header, before who it
	 * is about is admitted. False: there are too many under way, and no end
	 * will follow. */
	bool (*begin_handshake)(struct admission *admission);
	void (*end_handshake)(struct admission *admission);
};

struct stream_listener;

/* What becomes of who is accepted. It never changes; a listener can be given another one, and connections keep the one that
 * they came by until they end. */
struct reception {
	struct plait_factory *factory;
	struct plait_factory *overflow; /* NULL: admission never asks for it */
	void *transport_context;
	struct admission *admission;        /* NULL: everybody */
	const struct proxy_settings *proxy; /* NULL: no PROXY header is read */

	/* Neither a listener nor a connection has it any more. Once, on whichever loop was the last; not when the listener is
	 * freed. NULL: nobody asks. */
	void (*unused)(struct reception *reception);

	/* Of stream_listener.c. */
	struct conn_owner owner; /* of its connections */
	struct stream_listener *listener;
	atomic_size_t references;
};

struct stream_listener_options {
	struct workers *workers;
	const struct transport_ops *transport;
	bool keep_on_loop; /* connections stay on the loop that accepted them */
};

/* reception is borrowed as long as it is used. Nothing is accepted yet. NULL: no memory. */
struct stream_listener *stream_listener_new(const struct stream_listener_options *options,
					    struct reception *reception);

/* Takes the listening socket fd over, to accept on loop. Before start. 0, or -1: no memory (fd is closed). */
int stream_listener_add(struct stream_listener *listener, struct plait_loop *loop, int fd);

/* Any thread; takes effect on each loop soon. Stopping closes the sockets, and the reception will be unused when the last
 * connection has gone. */
void stream_listener_start(struct stream_listener *listener);
void stream_listener_stop(struct stream_listener *listener);

/* Who comes from here on finds another reception. One thread at a time, not once it was stopped; takes effect on each loop
 * soon. */
void stream_listener_receive(struct stream_listener *listener, struct reception *reception);

/* On a loop: ends the connections there that came by this listener, whatever their reception, in order (as net_drain does),
 * or at once. Returns how many there were, and of those that are aborted how many were owed something. */
size_t stream_listener_drain(struct stream_listener *listener, struct plait_loop *loop);
size_t stream_listener_abort(struct stream_listener *listener, struct plait_loop *loop);

/* After all loops have ended, or once it was stopped and none of its receptions is used. */
void stream_listener_free(struct stream_listener **listener);

#endif
