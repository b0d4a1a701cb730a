/* Limits: how many connections a listener takes, in all and from one address, and how many handshakes. Above the first,
 * some may be served by a protocol of their own, which says so; they count like the others. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "core/net/settings.h"
#include "core/net/stream_listener.h"

struct limits;

/* settings is borrowed. NULL: no memory. */
struct limits *limits_new(const struct limit_settings *settings);
void limits_free(struct limits **limits); /* nobody admitted may be left */

struct admission *limits_admission(struct limits *limits);

/* Connections that were admitted, those of the overflow protocol among them. Any thread. */
int64_t limits_count(const struct limits *limits);

/* Handshakes under way. Any thread. */
int64_t limits_handshakes(const struct limits *limits);

#endif
