/* Factories from the inside. */
#ifndef NET_FACTORY_H
#define NET_FACTORY_H

#include <plait/protocol.h>

#include "core/net/settings.h"
#include "core/net/traffic.h"

/* The factories of the protocols that a transport's handshake may agree on, in the order in which its context offers them.
 * They have the settings and the traffic of the factory whose choices they are, which serves when none is agreed on. */
struct factory_choices {
	size_t count;
	struct plait_factory *const *items;
};

struct plait_factory {
	const struct plait_protocol *protocol; /* outlives the factory */
	const void *options;                   /* likewise */
	const struct net_settings *settings;   /* likewise */
	const struct factory_choices *choices; /* likewise; NULL: no connection has a choice */
	struct plait_reactor *reactor;         /* NULL: on trial */
	struct traffic *traffic;               /* likewise; NULL: nobody counts */
	char *name;
	void *state;
	bool started;
};

/* Calls factory_start on this thread. reactor: of whoever listens or connects (NULL: on trial). NULL with error filled when
 * it fails. */
struct plait_factory *factory_new(struct plait_reactor *reactor, const char *name,
				  const struct plait_protocol *protocol, const void *options,
				  const struct net_settings *settings, struct plait_error *error);

/* Calls factory_stop, if it was started. After the last connection's lost. */
void factory_free(struct plait_factory **factory);

#endif
