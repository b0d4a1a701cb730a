/* A protocol that a program gives us for a client, a port or a child: judged, as wide as ours, and with its options. */
#ifndef NET_OWN_PROTOCOL_H
#define NET_OWN_PROTOCOL_H

#include <plait/protocol.h>

#include "core/base/code_range.h"

struct option_arena;

struct own_protocol {
	struct plait_protocol protocol;  /* the program's, which may be older, widened */
	const void *options;             /* the program's, or its table's defaults */
	struct option_arena *arena;      /* of the defaults */
	void *defaults;                  /* NULL: the program's are used, or there are none */
	struct own_protocol *next, **at; /* of all; at NULL: it is not one of them */
};

/* Copies given, the rest being zeros, or cut to our size. */
void protocol_widen(const struct plait_protocol *given, struct plait_protocol *out);

/* One sentence on a protocol that cannot work, which may be in room; or NULL. */
const char *protocol_fault(const struct plait_protocol *protocol, char *room, size_t size);

/* options: borrowed; NULL: the defaults. 0, or a negative code with error filled. In any case own_protocol_fini is to
 * follow. */
int own_protocol_init(struct own_protocol *own, const struct plait_protocol *given, const void *options,
		      struct plait_error *error);
void own_protocol_fini(struct own_protocol *own);

/* Whether one that has not come to its end leads into that code: a client's, a port's or a child's. Any thread. */
bool own_protocols_need(struct code_range code);

#endif
