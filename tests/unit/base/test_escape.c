/* Tests of escaping for logs and JSON, with hostile bytes. */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/escape.h"
#include "tests/unit/suite.h"

struct example {
	const char *in;
	size_t len;
	const char *text;
	const char *json;
};

#define EXAMPLE(in, text, json)                                                                              \
	{                                                                                                    \
		in, sizeof(in) - 1, text, json                                                               \
	}

static const struct example examples[] = {
	EXAMPLE("", "", ""),
	EXAMPLE("plain text ~", "plain text ~", "plain text ~"),
	EXAMPLE("a\nb\tc\rd", "a\\nb\\tc\\rd", "a\\nb\\tc\\rd"),
	EXAMPLE("\\n \"q\"", "\\\\n \"q\"", "\\\\n \\\"q\\\""),
	EXAMPLE("a\0b", "a\\x00b", "a\\u0000b"),
	EXAMPLE("\x1b[31m\x7f", "\\x1b[31m\\x7f", "\\u001b[31m\\u007f"),
	EXAMPLE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
	/* The other control characters, line ends and direction marks of Unicode. */
	EXAMPLE("\xc2\x9b", "\\xc2\\x9b", "\\u009b"),
	EXAMPLE("\xe2\x80\xa8", "\\xe2\\x80\\xa8", "\\u2028"),
	EXAMPLE("\xe2\x80\xae", "\\xe2\\x80\\xae", "\\u202e"),
	EXAMPLE("\xef\xbb\xbf", "\\xef\\xbb\\xbf", "\\ufeff"),
	/* Not UTF-8: a lone tail, a cut head, overlong, a surrogate, beyond the end, bytes that never
	 * occur. */
	EXAMPLE("\x80", "\\x80", "\xef\xbf\xbd"),
	EXAMPLE("\xe2\x82", "\\xe2\\x82", "\xef\xbf\xbd\xef\xbf\xbd"),
	EXAMPLE("\xc3(", "\\xc3(", "\xef\xbf\xbd("),
	EXAMPLE("\xc0\xaf", "\\xc0\\xaf", "\xef\xbf\xbd\xef\xbf\xbd"),
	EXAMPLE("\xe0\x80\xaf", "\\xe0\\x80\\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	EXAMPLE("\xed\xa0\x80", "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	EXAMPLE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"),
	EXAMPLE("\xff\xfe", "\\xff\\xfe", "\xef\xbf\xbd\xef\xbf\xbd"),
};

static void escapes_each_example(void)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		/* A block of its very size, so that a sanitizer sees one byte read too many. */
		char *in = malloc(example->len ? example->len : 1);
		char out[256];

		memcpy(in, example->in, example->len);
		CU_ASSERT_EQUAL(escape_text(out, sizeof(out), in, example->len), strlen(example->text));
		CU_ASSERT_STRING_EQUAL(out, example->text);
		CU_ASSERT_EQUAL(escape_json(out, sizeof(out), in, example->len), strlen(example->json));
		CU_ASSERT_STRING_EQUAL(out, example->json);
		free(in);
	}
}

static void cuts_with_dots(void)
{
	char out[16];

	CU_ASSERT_EQUAL(escape_text(out, 9, "12345678", 8), 8);
	CU_ASSERT_STRING_EQUAL(out, "12345678");
	CU_ASSERT_EQUAL(escape_text(out, 9, "123456789", 9), 8);
	CU_ASSERT_STRING_EQUAL(out, "12345...");
	escape_text(out, 9, "1234\x01\x01", 6); /* an escape is never cut in two */
	CU_ASSERT_STRING_EQUAL(out, "1234...");
	escape_text(out, 9, "123\x01zzz", 7);
	CU_ASSERT_STRING_EQUAL(out, "123...");
}

static void keeps_to_tiny_rooms(void)
{
	char out[8];

	CU_ASSERT_EQUAL(escape_text(out, 0, "abc", 3), 0);
	CU_ASSERT_EQUAL(escape_text(out, 1, "abc", 3), 0);
	CU_ASSERT_STRING_EQUAL(out, "");
	escape_text(out, 3, "abc", 3);
	CU_ASSERT_STRING_EQUAL(out, "..");
	escape_text(out, 4, "abc", 3);
	CU_ASSERT_STRING_EQUAL(out, "abc");
	escape_text(out, 4, "abcd", 4);
	CU_ASSERT_STRING_EQUAL(out, "...");
}

/* Whatever the bytes and the room: in bounds, printable, and JSON that an independent parser takes. */
static void stands_random_bytes(void)
{
	uint32_t seed = 12345;

	for (int round = 0; round < 20000; round++) {
		char in[40], out[64], quoted[72];
		size_t len = (seed >> 8) % sizeof(in), room;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			in[i] = (char)(seed >> 24);
		}
		seed = seed * 1664525 + 1013904223;
		room = 1 + (seed >> 8) % sizeof(out);
		memset(out, 0x5a, sizeof(out));
		size_t length = escape_text(out, room, in, len);
		bool good = length < room && strlen(out) == length;

		for (size_t i = room; i < sizeof(out); i++)
			good = good && out[i] == 0x5a;
		for (size_t i = 0; i < length; i++)
			good = good && (uint8_t)out[i] >= 0x20 && out[i] != 0x7f;
		length = escape_json(out, room, in, len);
		int wrote = snprintf(quoted, sizeof(quoted), "\"%s\"", out);
		json_t *parsed = json_loadb(quoted, (size_t)wrote, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

		good = good && length < room && parsed;
		json_decref(parsed);
		if (!good) {
			CU_FAIL("random bytes");
			return;
		}
	}
}

SUITE_MAIN("escape", SUITE_TEST(escapes_each_example), SUITE_TEST(cuts_with_dots),
	   SUITE_TEST(keeps_to_tiny_rooms), SUITE_TEST(stands_random_bytes))
