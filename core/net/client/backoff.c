/* Exponential back-off with jitter. */
#include "core/net/client/backoff.h"

#include <math.h>

/* From -1 to 1; Marsaglia's xorshift, for which any seed but 0 will do. */
static double chance(struct backoff *backoff)
{
	uint64_t x = backoff->chance ? backoff->chance : 1;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	backoff->chance = x;
	return (double)(x >> 11) / (double)(1ull << 52) - 1;
}

uint64_t backoff_delay(struct backoff *backoff, unsigned failures)
{
	double most = (double)backoff->max_ms;
	double delay = fmin((double)backoff->initial_ms * pow(backoff->factor, failures - 1.0), most);
	delay += delay * backoff->jitter * chance(backoff);
	return delay < most ? (uint64_t)delay : backoff->max_ms;
}
