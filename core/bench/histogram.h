/* Latencies in buckets of growing width: 64 to each power of two, so that a quantile is right to 1.6 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS (1u << HISTOGRAM_STEP_BITS)
#define HISTOGRAM_VALUE_BITS 42 /* longer than an hour in nanoseconds; what is above counts as that */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_VALUE_BITS - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS)

struct histogram {
	uint64_t max; /* exact */
	uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	if (value >> HISTOGRAM_VALUE_BITS)
		return HISTOGRAM_BUCKETS - 1;
	unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
	return ((shift + 1) << HISTOGRAM_STEP_BITS) + (unsigned)((value >> shift) & (HISTOGRAM_STEPS - 1));
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->counts[histogram_bucket(value)]++;
	if (value > histogram->max)
		histogram->max = value;
}

/* The largest value that falls into a bucket. */
uint64_t histogram_bucket_top(unsigned bucket);

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that a fraction (0 to 1) of all values is not above; never above the maximum. 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

#endif
