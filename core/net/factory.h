/* Factories from the inside. */
#ifndef NET_FACTORY_H
#define NET_FACTORY_H

#include <plait/protocol.h>
#include <stdatomic.h>

#include "core/net/settings.h"
#include "core/net/traffic.h"

/* The factories of the protocols that a transport's handshake may agree on, in the order in which its context offers them.
 * They have the settings and the traffic of the factory whose choices they are, which serves when none is agreed on. */
struct factory_choices {
	size_t count;
	struct plait_factory *const *items;
};

/* What plait_start_tls is given. */
struct plait_tls_context {
	void *role; /* the context of the transport that takes over; NULL: there is none */
};

/* TLS contexts by their names in the configuration. */
struct tls_directory {
	struct plait_tls_context *(*find)(struct tls_directory *directory,
					  const char *name); /* NULL: there is none */
};

/* Whose datagrams are heard: the policies' place. */
struct audience {
	bool (*hears)(const struct audience *audience, const struct plait_addr *from);
};

struct plait_factory {
	const struct plait_protocol *protocol; /* outlives the factory */
	const void *options;                   /* likewise */
	const struct net_settings *settings;   /* likewise */
	const struct factory_choices *choices; /* likewise; NULL: no connection has a choice */
	struct plait_reactor *reactor;         /* NULL: on trial */
	struct traffic *traffic;               /* likewise; NULL: nobody counts */
	const struct audience *audience;       /* of datagrams; NULL: everybody's are heard */
	struct plait_tls_context tls;          /* the listener's own */
	struct tls_directory *directory;       /* NULL: none has a name */
	atomic_bool named_tls;                 /* a context was asked for by its name */
	char *name;
	void *state;
	bool started;
};

/* Not started: what belongs to it can still be set. NULL with error filled: no memory. */
struct plait_factory *factory_allocate(struct plait_reactor *reactor, const char *name,
				       const struct plait_protocol *protocol, const void *options,
				       const struct net_settings *settings, struct plait_error *error);

/* Calls factory_start on this thread. 0, or a negative code with error filled. */
int factory_begin(struct plait_factory *factory, struct plait_error *error);

/* Both. reactor: of whoever listens or connects (NULL: on trial). NULL with error filled when it fails. */
struct plait_factory *factory_new(struct plait_reactor *reactor, const char *name,
				  const struct plait_protocol *protocol, const void *options,
				  const struct net_settings *settings, struct plait_error *error);

/* Calls factory_stop, if it was started. After the last connection's lost. */
void factory_free(struct plait_factory **factory);

#endif
