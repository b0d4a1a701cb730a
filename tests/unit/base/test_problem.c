/* The list of problems: its order, its places, its bound; and JSON paths. */
#include <stdlib.h>
#include <string.h>

#include "core/base/json_path.h"
#include "core/base/problem.h"
#include "tests/unit/suite.h"

static char *printed(const struct problems *problems)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	problems_print(problems, out);
	fclose(out);
	return text;
}

static void expect(struct problems *problems, const char *expected)
{
	char *text = printed(problems);

	CU_ASSERT_STRING_EQUAL(text, expected);
	if (strcmp(text, expected) != 0)
		printf("# got: %s", text);
	free(text);
	problems_fini(problems);
}

/* Knows listeners[1] and its key "a.b" only. */
static bool locate(void *context, const char *path, bool key, int *line, int *column)
{
	(void)context;
	if (strcmp(path, "listeners[1]") == 0) {
		*line = 7;
		*column = key ? 1 : 3;
		return true;
	}
	if (strcmp(path, "listeners[1][\"a.b\"]") == 0) {
		*line = 8;
		*column = key ? 5 : 12;
		return true;
	}
	return false;
}

static void prints_each_form(void)
{
	struct problems problems;

	problems_init(&problems);
	problems_add(&problems, NULL, "plain %d", 1);
	problems_add(&problems, "a.b", "with a path");
	problems_warn(&problems, "", "a warning");
	CU_ASSERT_EQUAL(problems.errors, 2);
	CU_ASSERT_EQUAL(problems.count, 3);
	expect(&problems, "error: plain 1\nerror: a.b: with a path\nwarning: a warning\n");
	CU_ASSERT_EQUAL(problems.count, 0);
}

static void sorts_by_place_and_then_by_age(void)
{
	struct problems problems;

	problems_init(&problems);
	problems.file = "f.json";
	problems_add_at(&problems, 9, 1, NULL, "e");
	problems_add_at(&problems, 2, 10, NULL, "c");
	problems_add_at(&problems, 2, 9, NULL, "b");
	problems_add_at(&problems, 2, 10, NULL, "d");
	problems_add(&problems, NULL, "a");
	expect(&problems,
	       "f.json: error: a\nf.json:2:9: error: b\nf.json:2:10: error: c\nf.json:2:10: error: d\n"
	       "f.json:9:1: error: e\n");
}

static void finds_the_nearest_known_parent(void)
{
	struct problems problems;

	problems_init(&problems);
	problems.locate = locate;
	problems_add(&problems, "listeners[1][\"a.b\"]", "value");
	problems_add_key(&problems, "listeners[1][\"a.b\"]", "key");
	problems_add_key(&problems, "listeners[1].name", "the parent's value");
	problems_add(&problems, "listeners[1][\"a.\\\"c]\"][7].x", "far below");
	problems_add(&problems, "listeners[10]", "unknown");
	expect(&problems,
	       "error: listeners[10]: unknown\n7:3: error: listeners[1].name: the parent's value\n"
	       "7:3: error: listeners[1][\"a.\\\"c]\"][7].x: far below\n"
	       "8:5: error: listeners[1][\"a.b\"]: key\n8:12: error: listeners[1][\"a.b\"]: value\n");
}

static void keeps_no_more_than_its_bound(void)
{
	struct problems problems;

	problems_init(&problems);
	for (int i = 0; i < 1000; i++)
		problems_add(&problems, NULL, "x");
	CU_ASSERT_EQUAL(problems.errors, 1000);
	CU_ASSERT_EQUAL(problems.count + problems.omitted, 1000);
	CU_ASSERT_TRUE(problems.count < 1000);
	char *text = printed(&problems);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "error: x\n... and 800 more\n"));
	free(text);
	problems_fini(&problems);
}

static const char *key(const char *parent, const char *name)
{
	static char path[JSON_PATH_SIZE];

	CU_ASSERT_TRUE(json_path_key(path, sizeof(path), parent, name, strlen(name)));
	return path;
}

static void paths_quote_odd_keys(void)
{
	CU_ASSERT_STRING_EQUAL(key("", "tls"), "tls");
	CU_ASSERT_STRING_EQUAL(key("tls", "default"), "tls.default");
	CU_ASSERT_STRING_EQUAL(key("tls", "a.b"), "tls[\"a.b\"]");
	CU_ASSERT_STRING_EQUAL(key("", "a]"), "[\"a]\"]");
	CU_ASSERT_STRING_EQUAL(key("tls", ""), "tls[\"\"]");
	CU_ASSERT_STRING_EQUAL(key("tls", "\"\\\n"), "tls[\"\\\"\\\\\\n\"]");
	CU_ASSERT_STRING_EQUAL(key("tls", "\xc3\xbc"), "tls[\"\xc3\xbc\"]");
}

static void paths_too_long_are_said_to_be(void)
{
	char path[JSON_PATH_SIZE], name[1000], parent[JSON_PATH_SIZE];

	memset(name, 'n', sizeof(name));
	memset(parent, 'p', sizeof(parent) - 1);
	parent[sizeof(parent) - 1] = '\0';
	CU_ASSERT_FALSE(json_path_key(path, sizeof(path), "a", name, sizeof(name)));
	CU_ASSERT_TRUE(strlen(path) < 300);
	CU_ASSERT_FALSE(json_path_key(path, sizeof(path), parent, "k", 1));
	CU_ASSERT_FALSE(json_path_index(path, sizeof(path), parent, 7));
	CU_ASSERT_EQUAL(strlen(path), sizeof(path) - 1);
}

static void paths_lose_their_last_step(void)
{
	char path[] = "a[12].b[\"c.]\\\"d\"].e";
	static const char *const expected[] = { "a[12].b[\"c.]\\\"d\"]", "a[12].b", "a[12]", "a", "" };

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		CU_ASSERT_TRUE(json_path_up(path));
		CU_ASSERT_STRING_EQUAL(path, expected[i]);
	}
	CU_ASSERT_FALSE(json_path_up(path));

	char cut[] = "a[\"unclosed.x";
	CU_ASSERT_TRUE(json_path_up(cut));
	CU_ASSERT_STRING_EQUAL(cut, "a");
	char backslash[] = "a[\"x\\";
	CU_ASSERT_TRUE(json_path_up(backslash));
	CU_ASSERT_STRING_EQUAL(backslash, "a");
}

SUITE_MAIN("problem", SUITE_TEST(prints_each_form), SUITE_TEST(sorts_by_place_and_then_by_age),
	   SUITE_TEST(finds_the_nearest_known_parent), SUITE_TEST(keeps_no_more_than_its_bound),
	   SUITE_TEST(paths_quote_odd_keys), SUITE_TEST(paths_too_long_are_said_to_be),
	   SUITE_TEST(paths_lose_their_last_step))
