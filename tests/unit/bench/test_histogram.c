/* Histograms, against the sorted values themselves. */
#include <stdlib.h>
#include <string.h>

#include "core/bench/histogram.h"
#include "tests/unit/suite.h"

#define VALUES 20000

static struct histogram histogram, other;
static uint64_t values[VALUES];

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static void begin(void)
{
	memset(&histogram, 0, sizeof(histogram));
	memset(&other, 0, sizeof(other));
	srand(7);
}

static void buckets_follow_one_another(void)
{
	uint64_t value = 0;
	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		uint64_t top = histogram_bucket_top(bucket);
		CU_ASSERT_EQUAL(histogram_bucket(value), bucket);
		CU_ASSERT_EQUAL(histogram_bucket(top), bucket);
		value = top + 1;
	}
	CU_ASSERT_EQUAL(value, 1ull << HISTOGRAM_VALUE_BITS);
	CU_ASSERT_EQUAL(histogram_bucket(value), HISTOGRAM_BUCKETS - 1);
	CU_ASSERT_EQUAL(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static void quantiles_agree_with_the_sorted_values(void)
{
	static const double fractions[] = { 0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };
	begin();
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = (uint64_t)rand() >> (rand() % 31);
		histogram_add(i % 3 ? &histogram : &other, values[i]);
	}
	histogram_merge(&histogram, &other);
	qsort(values, VALUES, sizeof(values[0]), compare);
	CU_ASSERT_EQUAL(histogram.max, values[VALUES - 1]);
	for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
		size_t rank = (size_t)(fractions[i] * VALUES);
		uint64_t exact = values[rank ? rank - 1 : 0],
			 found = histogram_quantile(&histogram, fractions[i]);
		CU_ASSERT(found >= exact);
		CU_ASSERT(found - exact <= exact / HISTOGRAM_STEPS);
	}
}

static void a_quantile_is_not_above_the_maximum(void)
{
	begin();
	CU_ASSERT_EQUAL(histogram_quantile(&histogram, 0.5), 0);
	histogram_add(&histogram, 1000001);
	CU_ASSERT_EQUAL(histogram_quantile(&histogram, 0.5), 1000001);
	histogram_add(&histogram, UINT64_MAX);
	CU_ASSERT_EQUAL(histogram.max, UINT64_MAX);
}

SUITE_MAIN("histogram", SUITE_TEST(buckets_follow_one_another),
	   SUITE_TEST(quantiles_agree_with_the_sorted_values),
	   SUITE_TEST(a_quantile_is_not_above_the_maximum))
