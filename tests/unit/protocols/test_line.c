/* Tests the line framing: every cut of a stream, bounds, delimiters that overlap themselves, and linear cost.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The framing is compiled in here, with its searches counted. */
static size_t searched;

static void *counted_memchr(const void *data, int byte, size_t len)
{
	const uint8_t *found = memchr(data, byte, len);
	searched += found ? (size_t)(found - (const uint8_t *)data) + 1 : len;
	return (void *)found;
}

#define memchr counted_memchr
#include "protocols/line.c"
#undef memchr

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/protocols/framing_models.h"
#include "tests/unit/suite.h"

static const char *const delimiters[] = {
	NULL,  "\n",     "\r\n", "ab",   "aa",       "aab",
	"aba", "\r\r\n", "aaab", "abab", "abaabaab", "aaaaaaaaaaaaaaab",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Bytes of the delimiter, whole delimiters and others, so that ends and near-ends are frequent. */
static void fill(uint8_t *data, size_t len, const char *delimiter)
{
	const char *letters = delimiter ? delimiter : "\r\n";
	size_t size = strlen(letters);

	for (size_t i = 0; i < len;) {
		unsigned kind = random_below(8);

		if (kind == 0 && i + size <= len) {
			memcpy(data + i, letters, size);
			i += size;
		} else {
			data[i++] = kind < 5 ? (uint8_t)letters[random_below((unsigned)size)] : 'x';
		}
	}
}

/* As the model says, however it is cut. */
static bool same(const struct plait_line *line, const uint8_t *data, size_t len, bool every_cut)
{
	bool good = framing_as_model(&plait_line_framing, line_model, line, data, len, every_cut);
	if (!good)
		printf("# delimiter %s, max_length %zu\n", line->delimiter ? line->delimiter : "(any)",
		       (size_t)line->max_length);
	return good;
}

static void every_cut_of_short_streams_gives_the_same_messages(void)
{
	static const uint64_t max_lengths[] = { 0, 1, 2, 4, 1000 };
	uint8_t data[10];

	for (size_t d = 0; d < COUNT(delimiters); d++) {
		for (size_t m = 0; m < COUNT(max_lengths); m++) {
			struct plait_line line = { delimiters[d], max_lengths[m] };
			bool good = true;

			for (int i = 0; i < 5 && good; i++) {
				fill(data, sizeof(data), delimiters[d]);
				good = same(&line, data, sizeof(data), true);
			}
			CU_ASSERT(good);
		}
	}
}

static void random_cuts_of_long_streams_give_the_same_messages(void)
{
	static uint8_t data[600];
	bool good = true;

	for (int i = 0; i < 1500 && good; i++) {
		struct plait_line line = { delimiters[(size_t)i % COUNT(delimiters)], random_below(60) };
		size_t len = 1 + random_below(sizeof(data));

		fill(data, len, line.delimiter);
		good = same(&line, data, len, false);
	}
	CU_ASSERT(good);
}

static void packets_of_each_size_give_the_same_messages(void)
{
	static uint8_t data[2000];
	struct plait_line line = { "aab", 12 };
	struct record expected = { 0 };

	fill(data, sizeof(data), line.delimiter);
	line_model(&line, data, sizeof(data), &expected);
	CU_ASSERT(expected.messages > 50 && expected.too_long > 5);
	for (size_t size = 1; size < 100; size++) {
		struct record got = { 0 };

		CU_ASSERT_PTR_NULL(
			framing_drive_sized(&plait_line_framing, &line, data, sizeof(data), size, &got));
		CU_ASSERT(record_equal(&expected, &got));
		record_fini(&got);
	}
	record_fini(&expected);
}

static enum plait_frame_verdict next(const char *delimiter, uint64_t max_length, const char *text,
				     struct plait_frame *frame)
{
	struct plait_line line = { delimiter, max_length };

	memset(frame, 0, sizeof(*frame));
	return plait_line_framing.next(&line, (const uint8_t *)text, strlen(text), frame);
}

static void bounds_are_exact(void)
{
	static const struct {
		const char *delimiter, *text;
		enum plait_frame_verdict verdict;
	} rows[] = {
		/* max_length is 4 */
		{ "\r\n", "xxxx\r\n", PLAIT_FRAME_MESSAGE },  { "\r\n", "xxxxx\r\n", PLAIT_FRAME_TOO_LONG },
		{ "\r\n", "xxxx\r", PLAIT_FRAME_MORE },       { "\r\n", "xxxxx", PLAIT_FRAME_MORE },
		{ "\r\n", "xxxxxx", PLAIT_FRAME_TOO_LONG },   { "\n", "xxxx\n", PLAIT_FRAME_MESSAGE },
		{ "\n", "xxxx", PLAIT_FRAME_MORE },           { "\n", "xxxxx", PLAIT_FRAME_TOO_LONG },
		{ "\n", "xxxxx\n", PLAIT_FRAME_TOO_LONG },    { "aaab", "xxxxaaa", PLAIT_FRAME_MORE },
		{ "aaab", "xxxxaaaa", PLAIT_FRAME_TOO_LONG }, { "aaab", "xxxxaaab", PLAIT_FRAME_MESSAGE },
		{ NULL, "xxxx\r\n", PLAIT_FRAME_MESSAGE },    { NULL, "xxxx\n", PLAIT_FRAME_MESSAGE },
		{ NULL, "xxxxx\n", PLAIT_FRAME_TOO_LONG },    { NULL, "xxxx\r", PLAIT_FRAME_MORE },
		{ NULL, "xxxxx", PLAIT_FRAME_MORE },          { NULL, "xxxx\rx", PLAIT_FRAME_TOO_LONG },
	};
	struct plait_frame frame;

	for (size_t i = 0; i < COUNT(rows); i++) {
		enum plait_frame_verdict verdict = next(rows[i].delimiter, 4, rows[i].text, &frame);

		CU_ASSERT_EQUAL(verdict, rows[i].verdict);
		if (verdict != rows[i].verdict)
			printf("# row %zu, %s\n", i, rows[i].text);
	}
	CU_ASSERT_EQUAL(next("\r\n", UINT64_MAX, "xxxx", &frame), PLAIT_FRAME_MORE);
	CU_ASSERT_EQUAL(next("\r\n", UINT64_MAX, "xxxx\r\n", &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT_EQUAL(next("\r\n", 0, "\r\n", &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT_EQUAL(next("\r\n", 0, "x", &frame), PLAIT_FRAME_MORE);
	CU_ASSERT_EQUAL(next("\r\n", 0, "xx", &frame), PLAIT_FRAME_TOO_LONG);
}

static void a_message_is_the_line_without_its_end(void)
{
	static const struct {
		const char *delimiter, *text;
		size_t length, consumed;
	} rows[] = {
		{ "\r\n", "one\r\ntwo", 3, 5 },
		{ "\r\n", "\r\n", 0, 2 },
		{ "\r\n", "one\ntwo\rthree\r\n", 13, 15 },
		{ "\r\n", "one\r\r\n", 4, 6 },
		{ "\n", "one\r\n", 4, 5 },
		{ "aab", "aaaab", 2, 5 },
		{ NULL, "one\r\n", 3, 5 },
		{ NULL, "one\n", 3, 4 },
		{ NULL, "\n\r\n", 0, 1 },
		{ NULL, "\r\n", 0, 2 },
		{ NULL, "one\r\r\n", 4, 6 },
		{ NULL, "a\rb\n", 3, 4 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plait_frame frame;

		CU_ASSERT_EQUAL(next(rows[i].delimiter, 100, rows[i].text, &frame), PLAIT_FRAME_MESSAGE);
		CU_ASSERT_EQUAL(frame.offset, 0);
		CU_ASSERT_EQUAL(frame.length, rows[i].length);
		CU_ASSERT_EQUAL(frame.consumed, rows[i].consumed);
	}
}

static void the_defaults_are_crlf_and_16384_bytes(void)
{
	const struct plait_line *line = plait_line_framing.defaults;

	CU_ASSERT_STRING_EQUAL(line->delimiter, "\r\n");
	CU_ASSERT_EQUAL(line->max_length, 16384);
	CU_ASSERT_STRING_EQUAL(plait_line_framing.name, "line");
}

static void skipping_keeps_less_than_a_delimiter(void)
{
	struct plait_line line = { "\r\n", 4 };
	struct plait_frame frame = { .skipping = true };

	CU_ASSERT_EQUAL(plait_line_framing.next(&line, (const uint8_t *)"xxxxxxxxx\r", 10, &frame),
			PLAIT_FRAME_SKIP);
	CU_ASSERT_EQUAL(frame.consumed, 9);
	CU_ASSERT_TRUE(frame.skipping);
	CU_ASSERT_EQUAL(plait_line_framing.next(&line, (const uint8_t *)"\r", 1, &frame), PLAIT_FRAME_MORE);
	CU_ASSERT_EQUAL(plait_line_framing.next(&line, (const uint8_t *)"\r\nok\r\n", 6, &frame),
			PLAIT_FRAME_SKIP);
	CU_ASSERT_EQUAL(frame.consumed, 2);
	CU_ASSERT_FALSE(frame.skipping);
	CU_ASSERT_EQUAL(plait_line_framing.next(&line, (const uint8_t *)"ok\r\n", 4, &frame),
			PLAIT_FRAME_MESSAGE);
	CU_ASSERT_EQUAL(frame.length, 2);
}

/* Shows a line of 1 MiB with packets of `step` bytes and returns how many bytes were searched. */
static size_t cost(const char *delimiter, size_t step, bool skipping)
{
	size_t size = 1 << 20, start = 0;
	struct plait_line line = { delimiter, UINT64_MAX };
	struct plait_frame frame = { .skipping = skipping };
	uint8_t *data = malloc(size);

	if (!data)
		abort();
	memset(data, 'a', size);
	searched = 0;
	for (size_t end = step; end <= size; end += step) {
		while (start < end) {
			enum plait_frame_verdict verdict = plait_line_framing.next(&line, data + start,
										   end - start, &frame);

			if (verdict != PLAIT_FRAME_SKIP) {
				CU_ASSERT_EQUAL_FATAL(verdict, PLAIT_FRAME_MORE);
				CU_ASSERT_EQUAL_FATAL(frame.scanned, end - start);
				CU_ASSERT_FATAL(searched <=
						(size_t)64 << 20); /* do not wait for a quadratic end */
				break;
			}
			start += frame.consumed;
		}
	}
	free(data);
	CU_ASSERT(skipping ? start > size - 16 : start == 0);
	return searched;
}

static void the_cost_is_linear_however_the_stream_is_cut(void)
{
	for (size_t d = 0; d < COUNT(delimiters); d++) {
		size_t size = delimiters[d] ? strlen(delimiters[d]) : 1;

		if (size > 1 && !strcmp(delimiters[d], "aa"))
			continue; /* would be found at once */
		for (size_t step = 1; step <= 4096; step *= 16) {
			size_t packets = (1 << 20) / step;

			CU_ASSERT(cost(delimiters[d], step, false) <= (1 << 20) + packets * (size - 1));
			CU_ASSERT(cost(delimiters[d], step, true) <= (1 << 20) + 2 * packets * (size - 1));
		}
	}
}

SUITE_MAIN("line framing", SUITE_TEST(every_cut_of_short_streams_gives_the_same_messages),
	   SUITE_TEST(random_cuts_of_long_streams_give_the_same_messages),
	   SUITE_TEST(packets_of_each_size_give_the_same_messages), SUITE_TEST(bounds_are_exact),
	   SUITE_TEST(a_message_is_the_line_without_its_end),
	   SUITE_TEST(the_defaults_are_crlf_and_16384_bytes),
	   SUITE_TEST(skipping_keeps_less_than_a_delimiter),
	   SUITE_TEST(the_cost_is_linear_however_the_stream_is_cut))
