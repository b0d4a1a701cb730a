/* Tests of plait_error_set. */
#include <limits.h>
#include <string.h>

#include <plait/error.h>

#include "tests/unit/suite.h"

static void fills_and_returns_the_code(void)
{
	struct plait_error error;

	CU_ASSERT_EQUAL(plait_error_set(&error, PLAIT_ERROR_MISSING, "a.json", "no %s, %d tries", "luck", 3),
			PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_MISSING);
	CU_ASSERT_STRING_EQUAL(error.path, "a.json");
	CU_ASSERT_STRING_EQUAL(error.text, "no luck, 3 tries");
}

static void needs_neither_error_nor_path(void)
{
	struct plait_error error;

	CU_ASSERT_EQUAL(plait_error_set(NULL, PLAIT_ERROR_GONE, "x", "y"), PLAIT_ERROR_GONE);
	memset(&error, 'x', sizeof(error));
	plait_error_set(&error, PLAIT_ERROR_GONE, NULL, "y");
	CU_ASSERT_STRING_EQUAL(error.path, "");
}

static void takes_its_own_text_as_an_argument(void)
{
	struct plait_error error;

	plait_error_set(&error, PLAIT_ERROR_SYSTEM, "file", "cannot open");
	plait_error_set(&error, error.code, error.path, "%s: %s", "init failed", error.text);
	CU_ASSERT_STRING_EQUAL(error.path, "file");
	CU_ASSERT_STRING_EQUAL(error.text, "init failed: cannot open");
}

static void cuts_what_is_too_long(void)
{
	struct plait_error error;
	char path[2000], text[2000];

	memset(path, 'p', sizeof(path) - 1);
	memset(text, 't', sizeof(text) - 1);
	path[sizeof(path) - 1] = text[sizeof(text) - 1] = 0;
	plait_error_set(&error, INT_MIN, path, "%s", text);
	CU_ASSERT_EQUAL(strlen(error.path), sizeof(error.path) - 1);
	CU_ASSERT_EQUAL(strlen(error.text), sizeof(error.text) - 1);
}

SUITE_MAIN("error", SUITE_TEST(fills_and_returns_the_code), SUITE_TEST(needs_neither_error_nor_path),
	   SUITE_TEST(takes_its_own_text_as_an_argument), SUITE_TEST(cuts_what_is_too_long))
