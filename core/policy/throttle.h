/* Throttle: how many bytes a second all connections of a listener may read and write together. Measured once a second, as
 * Twisted does: n times the limit's worth in one pauses for n - 1 seconds. Nothing is dropped, and a connection that
 * comes meanwhile shares the pause. */
#ifndef POLICY_THROTTLE_H
#define POLICY_THROTTLE_H

#include <stdbool.h>

#include "core/net/settings.h"
#include "core/net/traffic.h"

struct throttle;

static inline bool throttle_needed(const struct limit_settings *settings)
{
	return settings->read_rate > 0 || settings->write_rate > 0;
}

/* NULL: no memory. */
struct throttle *throttle_new(const struct limit_settings *settings);
void throttle_free(struct throttle **throttle); /* no connection may be left */

/* Other rates, from the next measurement on. What is to be paid for stays so. Any thread. */
void throttle_set(struct throttle *throttle, const struct limit_settings *settings);

/* For the listener's factories. */
struct traffic *throttle_traffic(struct throttle *throttle);

/* What all loops have moved since the last measurement. Any thread. */
uint64_t throttle_moved(struct throttle *throttle, enum traffic_direction direction);

#endif
