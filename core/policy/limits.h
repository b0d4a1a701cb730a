/* Limits: how many connections a server and a listener take, in all, from one address and from one block of addresses; how many
 * handshakes; and how fast newcomers may come. Above a listener's connections, some may be served by a protocol of their own, which says so;
 * they count like the others. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include <stdatomic.h>

#include "core/base/compiler.h"
#include "core/net/settings.h"
#include "core/net/stream_listener.h"
#include "core/policy/access.h"
#include "core/policy/bucket.h"

struct limits;

/* A server's count, of all its listeners. */
struct limits_server {
	_Alignas(CACHE_LINE) atomic_llong connections;
	_Alignas(CACHE_LINE) atomic_llong most; /* 0: any number; any thread may change it */
};

/* NULL: no memory. */
struct limits_server *limits_server_new(void);

/* A listener's counts, whatever its settings are at the time. NULL: no memory. */
struct limits *limits_new(void);
void limits_free(struct limits **limits); /* nobody admitted may be left */

/* Who comes in by certain settings. Several may stand before the same counts: who came in by one leaves by that one. */
struct limits_gate {
	struct admission admission;
	const struct limit_settings *settings;
	struct limits *limits;
	const struct access *access;  /* borrowed; NULL: everybody */
	struct limits_server *server; /* borrowed; NULL: nobody counts */
	struct bucket_settings newcomers, address_newcomers;
};

/* Both are borrowed. What else it borrows may be set afterwards. */
void limits_gate_init(struct limits_gate *gate, struct limits *limits, const struct limit_settings *settings);

/* Connections that were admitted, those of the overflow protocol among them. Any thread. */
int64_t limits_count(const struct limits *limits);

/* Handshakes under way. Any thread. */
int64_t limits_handshakes(const struct limits *limits);

#endif
