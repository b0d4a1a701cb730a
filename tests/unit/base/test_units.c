/* Sizes and durations: what people write, what they must not, and back again. */
#include <stdbool.h>
#include <string.h>

#include "core/base/units.h"
#include "tests/unit/suite.h"

struct sample {
	const char *text;
	int result;
	uint64_t value;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check(const struct sample *samples, size_t count, int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = 12345;
		int result = parse(samples[i].text, &value);

		if (result != samples[i].result || value != (result == 0 ? samples[i].value : 12345))
			CU_FAIL(samples[i].text);
	}
	CU_ASSERT_TRUE(count > 0);
}

static void parses_sizes(void)
{
	static const struct sample samples[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "512", 0, 512 },
		{ "512b", 0, 512 },
		{ "64k", 0, 65536 },
		{ "64K", 0, 65536 },
		{ "64kb", 0, 65536 },
		{ "64KiB", 0, 65536 },
		{ "16m", 0, 16777216 },
		{ "1.5m", 0, 1572864 },
		{ "0.5k", 0, 512 },
		{ "007", 0, 7 },
		{ "1g", 0, 1073741824 },
		{ "2t", 0, 2199023255552 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -2, 0 },
		{ "8388608t", -2, 0 },
		{ "99999999999999999999999", -2, 0 },
		{ "18446744073709551616", -2, 0 },
		{ "99999999999g", -2, 0 },
		{ "", -1, 0 },
		{ " 1", -1, 0 },
		{ "1 ", -1, 0 },
		{ "1 k", -1, 0 },
		{ "k", -1, 0 },
		{ "-1", -1, 0 },
		{ "+1", -1, 0 },
		{ "1.5", -1, 0 },
		{ "1.k", -1, 0 },
		{ ".5k", -1, 0 },
		{ "0.0001k", -1, 0 },
		{ "1.0000000k", -1, 0 },
		{ "0x10", -1, 0 },
		{ "1e3", -1, 0 },
		{ "nan", -1, 0 },
		{ "inf", -1, 0 },
		{ "64x", -1, 0 },
		{ "64kk", -1, 0 },
	};

	check(samples, COUNT(samples), units_parse_size);
}

static void parses_durations(void)
{
	static const struct sample samples[] = {
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "250ms", 0, 250 },
		{ "10", 0, 10000 },
		{ "10s", 0, 10000 },
		{ "1.5s", 0, 1500 },
		{ "1.5", 0, 1500 },
		{ "0.001", 0, 1 },
		{ "5m", 0, 300000 },
		{ "2h", 0, 7200000 },
		{ "1d", 0, 86400000 },
		{ "0.5d", 0, 43200000 },
		{ "9223372036854775807ms", 0, INT64_MAX },
		{ "9223372036854775807", -2, 0 },
		{ "106751991168d", -2, 0 },
		{ "0.0001", -1, 0 },
		{ "0.5ms", -1, 0 },
		{ "5x", -1, 0 },
		{ "5min", -1, 0 },
		{ "-5s", -1, 0 },
		{ "5m30s", -1, 0 },
		{ "1.5.2s", -1, 0 },
		{ "", -1, 0 },
		{ "s", -1, 0 },
		{ "NaN", -1, 0 },
	};

	check(samples, COUNT(samples), units_parse_duration);
}

static void formats_in_the_largest_whole_unit(void)
{
	char text[32];

	CU_ASSERT_STRING_EQUAL(units_format_size(text, sizeof(text), 0), "0");
	CU_ASSERT_STRING_EQUAL(units_format_size(text, sizeof(text), 1000), "1000");
	CU_ASSERT_STRING_EQUAL(units_format_size(text, sizeof(text), 65536), "64k");
	CU_ASSERT_STRING_EQUAL(units_format_size(text, sizeof(text), 1572864), "1536k");
	CU_ASSERT_STRING_EQUAL(units_format_size(text, sizeof(text), 1ull << 40), "1t");
	CU_ASSERT_STRING_EQUAL(units_format_duration(text, sizeof(text), 0), "0s");
	CU_ASSERT_STRING_EQUAL(units_format_duration(text, sizeof(text), 1), "1ms");
	CU_ASSERT_STRING_EQUAL(units_format_duration(text, sizeof(text), 1500), "1500ms");
	CU_ASSERT_STRING_EQUAL(units_format_duration(text, sizeof(text), 90000), "90s");
	CU_ASSERT_STRING_EQUAL(units_format_duration(text, sizeof(text), 86400000), "1d");
}

static void formatted_values_parse_back(void)
{
	bool same = true;

	for (uint64_t value = 1; value < INT64_MAX / 3; value = value * 3 + value % 7) {
		char text[32];
		uint64_t back = 0;

		same = same && units_parse_size(units_format_size(text, sizeof(text), value), &back) == 0 &&
		       back == value;
		same = same &&
		       units_parse_duration(units_format_duration(text, sizeof(text), value), &back) == 0 &&
		       back == value;
	}
	CU_ASSERT_TRUE(same);
}

SUITE_MAIN("units", SUITE_TEST(parses_sizes), SUITE_TEST(parses_durations),
	   SUITE_TEST(formats_in_the_largest_whole_unit), SUITE_TEST(formatted_values_parse_back))
