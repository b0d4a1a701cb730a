/* Token buckets, each one number: the moment at which it will be full. What is taken moves that moment on. */
#ifndef POLICY_BUCKET_H
#define POLICY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_SECOND_NS 1000000000u

struct bucket_settings {
	uint64_t each_ns; /* a token comes each so many nanoseconds; 0: they never run out */
	uint64_t burst;   /* tokens in a full one, at least 1 */
};

/* rate: tokens a second; burst 0: a second's worth. */
static inline struct bucket_settings bucket_settings(int64_t rate, int64_t burst)
{
	return (struct bucket_settings){ .each_ns = rate > 0 ? BUCKET_SECOND_NS / (uint64_t)rate : 0,
					 .burst = (uint64_t)(burst > 0 ? burst : rate) };
}

/* A bucket cannot miss more than all its tokens: one that does was used by a slower rate or a larger burst, and is empty by
 * these settings, so that a rate that is raised holds at once. The clocks of loops differ, by less than this second. */
static inline uint64_t bucket_bounded(const struct bucket_settings *settings, uint64_t full_ns,
				      uint64_t now_ns)
{
	uint64_t most = settings->burst * settings->each_ns;
	return full_ns > now_ns + most + BUCKET_SECOND_NS ? now_ns + most : full_ns;
}

/* How long until there is a token in a bucket that will be full at full_ns; 0: there is one. */
static inline uint64_t bucket_wait(const struct bucket_settings *settings, uint64_t full_ns, uint64_t now_ns)
{
	uint64_t most = (settings->burst - 1) * settings->each_ns; /* of what may be missing */
	return full_ns > now_ns + most ? full_ns - now_ns - most : 0;
}

/* When it will be full with one token less. */
static inline uint64_t bucket_less(const struct bucket_settings *settings, uint64_t full_ns, uint64_t now_ns)
{
	return (full_ns > now_ns ? full_ns : now_ns) + settings->each_ns;
}

#endif
