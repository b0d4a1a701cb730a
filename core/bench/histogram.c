/* Merging and reading histograms. */
#include "core/bench/histogram.h"

#include <math.h>

uint64_t histogram_bucket_top(unsigned bucket)
{
	unsigned row = bucket >> HISTOGRAM_STEP_BITS;
	uint64_t step = bucket & (HISTOGRAM_STEPS - 1);
	if (row == 0)
		return step;
	return ((HISTOGRAM_STEPS + step + 1) << (row - 1)) - 1;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
	uint64_t total = 0, seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += histogram->counts[i];
	uint64_t wanted = (uint64_t)ceil(fraction * (double)total);
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen >= wanted) {
			uint64_t top = histogram_bucket_top(i);
			return top < histogram->max ? top : histogram->max;
		}
	}
	return histogram->max;
}
