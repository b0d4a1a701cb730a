/* A stream listener: bound sockets, and connections made of what they accept. What becomes of who comes can be replaced
 * while it accepts. */
#ifndef NET_STREAM_LISTENER_H
#define NET_STREAM_LISTENER_H

#include "core/net/acceptor.h"

struct stream_listener;

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

/* One thread at a time; takes effect on each loop soon. One that is open drains nobody any more. */
void stream_listener_set_door(struct stream_listener *listener, enum stream_door door);

/* On a loop: ends the connections there that came by this listener, whatever their reception, in order (as net_drain does),
 * or at once. Returns how many there were, and of those that are aborted how many were owed something. */
size_t stream_listener_drain(struct stream_listener *listener, struct plait_loop *loop);
size_t stream_listener_abort(struct stream_listener *listener, struct plait_loop *loop);

/* Nobody wakes it any more; what is on its way to it arrives when its loops settle. For one that is freed without having been
 * stopped. Its loops do not run, or it is called on the only one. */
void stream_listener_quiet(struct stream_listener *listener);

/* After all loops have ended, or once it was stopped and none of its receptions is used. */
void stream_listener_free(struct stream_listener **listener);

#endif
