/* Limits: how many connections a listener takes, in all and from one address, and how many handshakes. Above the first,
 * some may be served by a protocol of their own, which says so; they count like the others. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "core/net/settings.h"
#include "core/net/stream_listener.h"
#include "core/policy/access.h"

struct limits;

/* A listener's counts, whatever its settings are at the time. NULL: no memory. */
struct limits *limits_new(void);
void limits_free(struct limits **limits); /* nobody admitted may be left */

/* Who comes in by certain settings. Several may stand before the same counts: who came in by one leaves by that one. */
struct limits_gate {
	struct admission admission;
	const struct limit_settings *settings;
	struct limits *limits;
	const struct access *access; /* borrowed; NULL: everybody */
};

/* Both are borrowed. */
void limits_gate_init(struct limits_gate *gate, struct limits *limits, const struct limit_settings *settings);

/* Connections that were admitted, those of the overflow protocol among them. Any thread. */
int64_t limits_count(const struct limits *limits);

/* Handshakes under way. Any thread. */
int64_t limits_handshakes(const struct limits *limits);

#endif
