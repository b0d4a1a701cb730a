/* The walk over a JSON text: the place of every value, and the cause of each mistake. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/scan.h"
#include "tests/unit/suite.h"

static struct positions *scan(const char *text, size_t len, struct scan_fault *fault)
{
	struct positions *positions = positions_new();

	memset(fault, 0, sizeof(*fault));
	if (!scan_json(text, len, positions, fault))
		positions_free(&positions);
	return positions;
}

static void at(const struct positions *positions, const char *path, bool key, int line, int column)
{
	struct place place = { 0, 0 };

	if (!positions_find(positions, path, key, &place))
		CU_FAIL(path);
	if (place.line != line || place.column != column)
		printf("# %s is at %d:%d\n", path, place.line, place.column);
	CU_ASSERT_EQUAL(place.line, line);
	CU_ASSERT_EQUAL(place.column, column);
}

static void places_are_found(void)
{
	static const char text[] =
		"{\n\t\"a\": [1, true, {\"b\" : \"x\\\"]\"}],\r\n  \"c.d\":\n\n {\"\\u0065\\\"\":null},"
		"\"\xc3\xbc\": 1, \"z\": -1.5e+3\n}\n";
	struct scan_fault fault;
	struct positions *positions = scan(text, strlen(text), &fault);

	CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
	at(positions, "", false, 1, 1);
	at(positions, "a", true, 2, 2);
	at(positions, "a", false, 2, 7);
	at(positions, "a[0]", false, 2, 8);
	at(positions, "a[1]", false, 2, 11);
	at(positions, "a[2]", false, 2, 17);
	at(positions, "a[2].b", true, 2, 18);
	at(positions, "a[2].b", false, 2, 24);
	at(positions, "[\"c.d\"]", true, 3, 3);
	at(positions, "[\"c.d\"]", false, 5, 2);
	at(positions, "[\"c.d\"][\"e\\\"\"]", false, 5, 14);
	at(positions, "[\"\xc3\xbc\"]", true, 5, 20);
	at(positions, "z", true, 5, 28); /* columns count characters, not bytes */
	CU_ASSERT_FALSE(positions_find(positions, "a[3]", false, &(struct place){ 0 }));
	positions_free(&positions);
	CU_ASSERT_PTR_NULL(positions);
}

static void fails(const char *text, int line, int column, const char *part)
{
	struct scan_fault fault;
	struct positions *positions = scan(text, strlen(text), &fault);

	CU_ASSERT_PTR_NULL(positions);
	positions_free(&positions);
	if (!strstr(fault.text, part) || fault.place.line != line || fault.place.column != column) {
		printf("# %d:%d: %s\n", fault.place.line, fault.place.column, fault.text);
		CU_FAIL("the fault of a text");
	}
}

static void mistakes_are_explained(void)
{
	fails("", 1, 1, "the file is empty");
	fails(" \n\t", 1, 1, "the file is empty");
	fails("{", 1, 2, "found the end of the file; expected a key");
	fails("{\"a\"", 1, 5, "expected \":\"");
	fails("{\"a\":", 1, 6, "found the end of the file; expected a value");
	fails("{\"a\":1", 1, 7, "ends inside the object that begins on line 1");
	fails("\n\n[[1]", 3, 5, "ends inside the list that begins on line 3");
	fails("{\"a\":1,}", 1, 7, "a comma before the closing \"}\"");
	fails("[1, ]", 1, 3, "a comma before the closing \"]\"");
	fails("[,1]", 1, 2, "found \",\"; expected a value");
	fails("[1 2]", 1, 4, "expected \",\" or \"]\"");
	fails("[1}", 1, 3, "found \"}\"; expected \",\" or \"]\"");
	fails("{\"a\":1 \"b\":2}", 1, 8, "found a string; expected \",\" or \"}\"");
	fails("{1: 2}", 1, 2, "expected a key in double quotes");
	fails("{a: 2}", 1, 2, "found \"a\"; expected a key");
	fails("{'a': 2}", 1, 2, "double quotes only");
	fails("[1, // x\n2]", 1, 5, "no comments");
	fails("/* x */ {}", 1, 1, "no comments");
	fails("# x\n{}", 1, 1, "no comments");
	fails("{} {}", 1, 4, "nothing after the end");
	fails("[\"abc\n\"]", 1, 2, "closing quote missing");
	fails("[\"abc", 1, 2, "its closing quote is missing");
	fails("[\"a\tb\"]", 1, 4, "a control character in a string; write \"\\u0009\"");
	fails("[\"a\\x\"]", 1, 4, "write \"\\\\\"");
	fails("[\"a\\", 1, 4, "write \"\\\\\"");
	fails("[01]", 1, 2, "leading zero");
	fails("[+1]", 1, 2, "found \"+1\"; expected a value");
	fails("[-]", 1, 2, "expected a value");
	fails("[-a]", 1, 2, "expected a value");
	fails("[.5]", 1, 2, "found \".5\"; expected a value");
	fails("[1.]", 1, 2, "a digit after the point");
	fails("[1e+]", 1, 2, "a digit after the exponent");
	fails("[0x10]", 1, 2, "stands in quotes");
	fails("[64k]", 1, 2, "stands in quotes");
	fails("[NaN]", 1, 2, "found \"NaN\"; expected a value");
	fails("[-Infinity]", 1, 2, "found \"-Infinity\"");
	fails("[yes]", 1, 2, "did you mean \"true\"?");
	fails("[None]", 1, 2, "did you mean \"null\"?");
	fails("[truely]", 1, 2, "found \"truely\"; expected a value; a text stands in double quotes");
	fails("[\xc3\xbc]", 1, 2, "found \"\xc3\xbc\"; expected a value");
	fails("[\x1b]", 1, 2, "found \"\\x1b\"; expected a value");
	fails("\xef\xbb\xbf{}", 1, 1, "byte order mark");
	fails("{\"a\":1,\n\"a\":2}", 2, 1,
	      "the key \"a\" is here for the second time; the first is on line 1");
	fails("{\"x\":{\"a\":1,\"\\u0061\":2}}", 1, 13, "the key \"x.a\" is here for the second time");
}

/* A text is as long as it is said to be, whatever follows; the sanitizers watch. */
static void the_length_is_kept(void)
{
	static const char text[] = "{\"key\": [true, -1.5e3, \"\\u00fc\", {\"x\": null}]}";

	for (size_t len = 0; len < strlen(text); len++) {
		char *part = malloc(len + !len);
		struct scan_fault fault;

		memcpy(part, text, len);
		CU_ASSERT_PTR_NULL(scan(part, len, &fault));
		CU_ASSERT_TRUE(strlen(fault.text) > 0);
		free(part);
	}
	struct scan_fault fault;
	CU_ASSERT_PTR_NULL(scan("[\0]", 3, &fault));
	CU_ASSERT_PTR_NULL(scan("[1]\0", 4, &fault));
}

static void nesting_is_bounded(void)
{
	char text[20000];
	struct scan_fault fault;

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	struct positions *positions = scan(text, 128, &fault);
	CU_ASSERT_PTR_NOT_NULL(positions);
	positions_free(&positions);
	memset(text, '[', sizeof(text));
	CU_ASSERT_PTR_NULL(scan(text, sizeof(text), &fault));
	CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, "more than 64 deep"));
	CU_ASSERT_EQUAL(fault.place.column, 65);
}

/* Neither long keys nor many values take more than a bounded share of memory, and each is read once. */
static void huge_texts_are_bounded(void)
{
	size_t count = 2 << 20, len = 0;
	char *text = malloc(count * 2 + 4096);
	struct scan_fault fault;
	struct place place;

	len += (size_t)sprintf(text, "{\"");
	memset(text + len, 'k', 1000);
	len += 1000;
	len += (size_t)sprintf(text + len, "\": {\"a\": 1, \"a\": 2}, \"list\": [");
	for (size_t i = 0; i < count; i++) {
		text[len++] = '1';
		text[len++] = i + 1 < count ? ',' : ']';
	}
	text[len++] = '}';
	struct positions *positions = scan(text, len, &fault);
	CU_ASSERT_PTR_NOT_NULL_FATAL(positions);
	CU_ASSERT_TRUE(positions_find(positions, "list[70000]", false, &place));
	CU_ASSERT_FALSE(positions_find(positions, "list[1000000]", false, &place));
	positions_free(&positions);
	free(text);
}

SUITE_MAIN("scan", SUITE_TEST(places_are_found), SUITE_TEST(mistakes_are_explained),
	   SUITE_TEST(the_length_is_kept), SUITE_TEST(nesting_is_bounded), SUITE_TEST(huge_texts_are_bounded))
