/* What a listener's scheme stands for: how its sockets serve. */
#ifndef SERVER_LISTENER_KIND_H
#define SERVER_LISTENER_KIND_H

#include <stdbool.h>

#include "core/base/endpoint.h"
#include "core/server/listener/listener.h"

struct listener_kind {
	int type; /* of its sockets: SOCK_STREAM or SOCK_DGRAM */
	bool inet;
	const struct transport_ops *transport; /* of the stream kinds */

	/* Before the first socket. 0, or -1: no memory. */
	int (*open)(struct plait_listener *listener, struct workers *workers, bool keep_on_loop);

	/* Takes the socket over. first: of its address. 0, or a negative code with error filled. */
	int (*add)(struct plait_listener *listener, struct plait_loop *loop, int fd, bool first,
		   struct plait_error *error);

	/* Each takes effect on the loops soon. */
	void (*start)(struct plait_listener *listener);
	void (*stop)(struct plait_listener *listener);

	/* On the boss loop; takes effect on the loops soon. */
	void (*serve)(struct plait_listener *listener, enum listener_service service);

	/* What fresh will need, once the sockets serve. 0, or -1: no memory. adopt: it is served; discard: it will not be. */
	int (*prepare)(struct plait_listener *listener);
	void (*adopt)(struct plait_listener *listener);
	void (*discard)(struct plait_listener *listener);

	/* Once it is stopped for good. drain: its connections are told to end. */
	void (*leave)(struct plait_listener *listener, bool drain);

	void (*close)(struct plait_listener *listener);
};

const struct listener_kind *listener_kind(enum endpoint_scheme scheme);

/* For the kinds, on the boss loop: nobody uses the version any more, or the listener has come to the end of a round. */
void listener_drop_version(struct plait_listener *listener, struct listener_version *version);
void listener_go_if_unused(struct plait_listener *listener);

#endif
