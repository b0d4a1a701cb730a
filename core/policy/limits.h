/* Limits: how many connections a listener takes, in all and from one address. */
#ifndef POLICY_LIMITS_H
#define POLICY_LIMITS_H

#include "core/net/settings.h"
#include "core/net/stream_listener.h"

struct limits;

/* settings is borrowed. NULL: no memory. */
struct limits *limits_new(const struct limit_settings *settings);
void limits_free(struct limits **limits); /* nobody admitted may be left */

struct admission *limits_admission(struct limits *limits);

#endif
