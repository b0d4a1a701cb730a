/* A client: an endpoint to connect to, and what its connections share. Counted; everything but counting happens on its
 * loop. */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include <plait/client.h>
#include <stdatomic.h>

#include "core/base/endpoint_options.h"
#include "core/loop/post.h"
#include "core/net/client/race.h"
#include "core/net/own_protocol.h"
#include "core/net/transport/transport.h"

struct client {
	atomic_uint references;
	struct plait_loop *loop;
	char *text; /* the endpoint without its options: for messages */
	struct endpoint endpoint;
	struct endpoint_options options;
	struct net_settings settings;
	struct race_settings race;
	const struct transport_ops *transport;
	void *transport_context;
	struct tls_client *tls; /* whose role is the context; NULL: none */
	struct own_protocol own;
	uint8_t *preamble; /* a PROXY header, what connections begin with; NULL: none */
	size_t preamble_len;
	struct plait_factory *factory;
	struct post post; /* its way home, to be freed */
};

/* Calls factory_start on this thread. NULL with error filled. Any thread. */
struct client *client_new(struct plait_loop *loop, const char *endpoint,
			  const struct plait_protocol *protocol, const struct plait_client_options *options,
			  struct plait_error *error);

struct client *client_ref(struct client *client);

/* The last one calls factory_stop on the loop, at once or soon. Any thread. */
void client_unref(struct client **client);

#endif
