/* Patterns: they repeat where they say, lines are lines, and neighbours differ. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/bench/pattern.h"
#include "tests/unit/suite.h"

static const size_t sizes[] = { 1, 2, 62, 64, 1000, 16384, 131071, 1 << 20 };
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static struct pattern pattern;

/* What comes n bytes into the stream, by steps of an uneven length. */
static uint8_t walk(size_t start, size_t n)
{
	size_t at = start;
	for (size_t step = 4093; n > 0; n -= step) {
		step = n < step ? n : step;
		at = pattern_next(&pattern, at, step);
	}
	return pattern.bytes[at];
}

static void check_period(void)
{
	for (size_t i = 0; i < 200; i++) {
		size_t start = pattern_start(&pattern, (uint32_t)i),
		       n = (size_t)rand() % (2 * pattern.period);
		CU_ASSERT_EQUAL(walk(start, n), walk(start, n + pattern.period));
	}
	for (size_t i = 0; i < PATTERN_REACH; i += 977)
		CU_ASSERT_EQUAL(pattern.bytes[i % pattern.period], pattern.bytes[pattern.period + i]);
}

static void bytes_repeat_after_the_period(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		CU_ASSERT_EQUAL_FATAL(pattern_init_bytes(&pattern, sizes[i], NULL), 0);
		CU_ASSERT_EQUAL(pattern.unit, sizes[i]);
		check_period();
		pattern_fini(&pattern);
	}
}

static void lines_end_where_they_should_and_nowhere_else(void)
{
	for (size_t i = 0; i < SIZES; i++) {
		CU_ASSERT_EQUAL_FATAL(pattern_init_lines(&pattern, sizes[i], NULL), 0);
		size_t lines = pattern.period / pattern.unit, ends = 0, wrong = 0;
		CU_ASSERT_EQUAL(pattern.unit, sizes[i] + 2);
		CU_ASSERT_EQUAL(pattern.period % pattern.unit, 0);
		CU_ASSERT_EQUAL(lines & (lines - 1), 0);
		for (size_t k = 0; k < pattern.period; k++) {
			ends += pattern.bytes[k] == '\n' && pattern.bytes[k - 1] == '\r';
			wrong += k % pattern.unit < sizes[i] && pattern.bytes[k] <= ' ';
		}
		CU_ASSERT_EQUAL(ends, lines);
		CU_ASSERT_EQUAL(wrong, 0);
		CU_ASSERT_EQUAL(pattern_start(&pattern, 12345) % pattern.unit, 0);
		check_period();
		pattern_fini(&pattern);
	}
}

/* Every place is somebody's start before one is another's, too. */
static void starts_differ(void)
{
	for (int lines = 0; lines < 2; lines++) {
		CU_ASSERT_EQUAL_FATAL(lines ? pattern_init_lines(&pattern, 64, NULL)
					    : pattern_init_bytes(&pattern, 64, NULL),
				      0);
		size_t places = pattern.period / pattern.align, taken = 0;
		bool *seen = calloc(places, sizeof(*seen));
		for (uint32_t i = 0; i < places; i++) {
			size_t place = pattern_start(&pattern, i) / pattern.align;
			taken += !seen[place];
			seen[place] = true;
		}
		CU_ASSERT_EQUAL(taken, places);
		free(seen);
		pattern_fini(&pattern);
	}
}

static void messages_differ_from_the_next(void)
{
	CU_ASSERT_EQUAL_FATAL(pattern_init_lines(&pattern, 16, NULL), 0);
	for (size_t at = 0; at < pattern.period; at += pattern.unit)
		CU_ASSERT(memcmp(pattern.bytes + at, pattern.bytes + at + pattern.unit, 16));
	pattern_fini(&pattern);
}

SUITE_MAIN("pattern", SUITE_TEST(bytes_repeat_after_the_period),
	   SUITE_TEST(lines_end_where_they_should_and_nowhere_else), SUITE_TEST(starts_differ),
	   SUITE_TEST(messages_differ_from_the_next))
