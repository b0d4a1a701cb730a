/* "Did you mean": slips are recognised, other words are not. */
#include <string.h>

#include "core/base/suggest.h"
#include "tests/unit/suite.h"

static const char *nearest(const char *found)
{
	static const char *const words[] = { "threads", "timeouts",   "certificate", "tls",
					     "log",     "max_length", "warning" };
	struct suggest best = { 0 };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		suggest_offer(&best, found, words[i]);
	return best.word ? best.word : "";
}

static void finds_slips(void)
{
	CU_ASSERT_STRING_EQUAL(nearest("timeout"), "timeouts");
	CU_ASSERT_STRING_EQUAL(nearest("thraeds"), "threads");
	CU_ASSERT_STRING_EQUAL(nearest("treads"), "threads");
	CU_ASSERT_STRING_EQUAL(nearest("THREADS"), "threads");
	CU_ASSERT_STRING_EQUAL(nearest("max-length"), "max_length");
	CU_ASSERT_STRING_EQUAL(nearest("max_lenght"), "max_length");
	CU_ASSERT_STRING_EQUAL(nearest("tsl"), "tls");
	CU_ASSERT_STRING_EQUAL(nearest("lgo"), "log");
}

static void finds_stems(void)
{
	CU_ASSERT_STRING_EQUAL(nearest("cert"), "certificate");
	CU_ASSERT_STRING_EQUAL(nearest("warn"), "warning");
	CU_ASSERT_STRING_EQUAL(nearest("log_level"), "log");
}

static void leaves_other_words_alone(void)
{
	CU_ASSERT_STRING_EQUAL(nearest("colour"), "");
	CU_ASSERT_STRING_EQUAL(nearest("x"), "");
	CU_ASSERT_STRING_EQUAL(nearest("xy"), "");
	CU_ASSERT_STRING_EQUAL(nearest(""), "");
	CU_ASSERT_STRING_EQUAL(nearest("abs"), "");
}

static void takes_words_of_any_length(void)
{
	char huge[5000];

	memset(huge, 't', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	CU_ASSERT_STRING_EQUAL(nearest(huge), "");
	huge[64] = '\0';
	CU_ASSERT_STRING_EQUAL(nearest(huge), "");
}

static void keeps_the_nearest(void)
{
	struct suggest best = { 0 };

	suggest_offer(&best, "bindd", "blinds");
	suggest_offer(&best, "bindd", "bind");
	suggest_offer(&best, "bindd", "binder");
	CU_ASSERT_STRING_EQUAL(best.word, "bind");
	CU_ASSERT_EQUAL(best.distance, 1);
}

SUITE_MAIN("suggest", SUITE_TEST(finds_slips), SUITE_TEST(finds_stems), SUITE_TEST(leaves_other_words_alone),
	   SUITE_TEST(takes_words_of_any_length), SUITE_TEST(keeps_the_nearest))
