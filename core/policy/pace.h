/* Pace: how many bytes a second each connection of a listener may read and write. A second's worth may move at once; what is
 * more is paid for with a pause, and nothing is dropped. */
#ifndef POLICY_PACE_H
#define POLICY_PACE_H

#include <stdbool.h>

#include "core/net/settings.h"
#include "core/net/traffic.h"

struct pace {
	struct traffic traffic; /* for the factories */
	uint64_t rates[TRAFFIC_DIRECTIONS];
};

static inline bool pace_needed(const struct limit_settings *settings)
{
	return settings->connection_read_rate > 0 || settings->connection_write_rate > 0;
}

/* inner counts behind it; NULL: nobody. It lasts as long as the connections that it counts. */
void pace_init(struct pace *pace, const struct limit_settings *settings, struct traffic *inner);

#endif
