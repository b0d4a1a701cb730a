/* The protocol that a program hands over when it opens a port or spawns: a copy of our own, and its options. */
#ifndef NET_OWN_PROTOCOL_H
#define NET_OWN_PROTOCOL_H

#include <plait/error.h>
#include <plait/protocol.h>

struct option_arena;

struct own_protocol {
	struct plait_protocol protocol; /* what an older program's does not have is NULL */
	const void *options;            /* the program's, or the defaults; NULL: there are none */
	void *defaults;
	struct option_arena *arena; /* theirs */
};

/* options: the struct that the protocol's table fills, or NULL for its defaults. 0, or a negative code with error filled.
 * Follow with fini in any case. */
int own_protocol_init(struct own_protocol *own, const struct plait_protocol *given, const void *options,
		      struct plait_error *error);

void own_protocol_fini(struct own_protocol *own);

#endif
