/* How long to wait before the next attempt: longer each time, up to a bound, and not all at the same moment. */
#ifndef NET_CLIENT_BACKOFF_H
#define NET_CLIENT_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t initial_ms, max_ms;
	double factor; /* at least 1 */
	double jitter; /* 0 to 1 */
	uint64_t chance;
};

/* After so many failures in a row, at least one: never above max_ms. */
uint64_t backoff_delay(struct backoff *backoff, unsigned failures);

#endif
