/* Tests the netstring framing: every cut of a stream, strictness, bounds from the prefix alone, and what it sends. */
#include <plait/error.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/protocols/framing_models.h"
#include "tests/unit/suite.h"

static enum plait_frame_verdict next(uint64_t max_length, const char *text, struct plait_frame *frame)
{
	struct plait_netstring netstring = { max_length };
	memset(frame, 0, sizeof(*frame));
	return plait_netstring_framing.next(&netstring, (const uint8_t *)text, strlen(text), frame);
}

static void prefixes_are_strict(void)
{
	static const struct {
		const char *text;
		enum plait_frame_verdict verdict;
	} rows[] = {
		/* max_length is 12 */
		{ "0:,", PLAIT_FRAME_MESSAGE },
		{ "2:ab,", PLAIT_FRAME_MESSAGE },
		{ "12:", PLAIT_FRAME_MORE },
		{ "12", PLAIT_FRAME_MORE },
		{ "0", PLAIT_FRAME_MORE },
		{ "13", PLAIT_FRAME_TOO_LONG },
		{ "99999999999999999999999999", PLAIT_FRAME_TOO_LONG },
		{ "00:,", PLAIT_FRAME_INVALID },
		{ "07:", PLAIT_FRAME_INVALID },
		{ ":a,", PLAIT_FRAME_INVALID },
		{ ":,", PLAIT_FRAME_INVALID },
		{ "a", PLAIT_FRAME_INVALID },
		{ "-1:", PLAIT_FRAME_INVALID },
		{ " 1:a,", PLAIT_FRAME_INVALID },
		{ "1 :a,", PLAIT_FRAME_INVALID },
		{ "3aaa,", PLAIT_FRAME_INVALID },
		{ "1:ab", PLAIT_FRAME_INVALID },
		{ "0:a", PLAIT_FRAME_INVALID },
	};
	struct plait_frame frame;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum plait_frame_verdict verdict = next(12, rows[i].text, &frame);
		CU_ASSERT_EQUAL(verdict, rows[i].verdict);
		if (verdict != rows[i].verdict)
			printf("# row %zu, %s\n", i, rows[i].text);
	}
}

static void a_message_is_not_looked_at_before_it_is_whole(void)
{
	struct plait_frame frame;

	CU_ASSERT_EQUAL(next(1000, "500:x", &frame), PLAIT_FRAME_MORE);
	CU_ASSERT_EQUAL(frame.need, 505);
	CU_ASSERT_EQUAL(frame.length, 500);
	CU_ASSERT_EQUAL(next(1000, "3:abc,4:", &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT_EQUAL(frame.offset, 2);
	CU_ASSERT_EQUAL(frame.length, 3);
	CU_ASSERT_EQUAL(frame.consumed, 6);
}

/* Mostly sound netstrings, some longer than allowed, and now and then a byte that does not belong there. */
static size_t fill(char *data, size_t size, unsigned most)
{
	size_t at = 0;
	for (;;) {
		char head[24];
		unsigned len = random_below(most);
		size_t head_len = (size_t)snprintf(head, sizeof(head), "%u:", len);
		if (at + head_len + len + 1 > size)
			return at;
		memcpy(data + at, head, head_len);
		for (unsigned i = 0; i < len; i++)
			data[at + head_len + i] = "0123456789:,x"[random_below(13)];
		at += head_len + len;
		data[at++] = ',';
		if (random_below(12) == 0)
			data[at - 1 - random_below((unsigned)head_len)] = ":,0x"[random_below(4)];
	}
}

static bool same(uint64_t max_length, const char *text, size_t len, bool every_cut)
{
	struct plait_netstring netstring = { max_length };
	return framing_as_model(&plait_netstring_framing, netstring_model, &netstring, (const uint8_t *)text,
				len, every_cut);
}

static void every_cut_gives_the_same_messages(void)
{
	static const char *const streams[] = {
		"0:,0:,1:a,", "3:abc,1:", "5:abcde,2:a", "12:abcdefgh", "1:a,1:bc1:", "9:,",
		"2:ab,x",     "1:a1:b,",  "0:,00:,",     "10:1234",     "0:0:,0:,",
	};
	char data[12];

	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		CU_ASSERT(same(4, streams[i], strlen(streams[i]), true));
		CU_ASSERT(same(1000, streams[i], strlen(streams[i]), true));
	}
	for (int i = 0; i < 200; i++) {
		size_t len = fill(data, sizeof(data), 8);
		CU_ASSERT(len == 0 || same(4, data, len, true));
	}
}

static void random_cuts_of_long_streams_give_the_same_messages(void)
{
	static char data[2000];

	for (int i = 0; i < 200; i++) {
		size_t len = fill(data, sizeof(data), i % 2 ? 20 : 300);
		CU_ASSERT(same(random_below(300), data, len, false));
	}
}

static void wraps_any_message(void)
{
	struct plait_wrap wrap = { 0 };

	CU_ASSERT_EQUAL(plait_netstring_framing.wrap(plait_netstring_framing.defaults, "hello", 5, &wrap), 0);
	CU_ASSERT_EQUAL(wrap.head_len, 2);
	CU_ASSERT_EQUAL(memcmp(wrap.head, "5:", 2), 0);
	CU_ASSERT_EQUAL(wrap.tail_len, 1);
	CU_ASSERT_EQUAL(memcmp(wrap.tail, ",", 1), 0);
	CU_ASSERT_EQUAL(plait_netstring_framing.wrap(NULL, "", SIZE_MAX, &wrap), 0);
	CU_ASSERT_EQUAL(wrap.head_len, 21);
}

SUITE_MAIN("netstring framing", SUITE_TEST(prefixes_are_strict),
	   SUITE_TEST(a_message_is_not_looked_at_before_it_is_whole),
	   SUITE_TEST(every_cut_gives_the_same_messages),
	   SUITE_TEST(random_cuts_of_long_streams_give_the_same_messages), SUITE_TEST(wraps_any_message))
