/* Failures: what they carry, whose they are, and the checks of an errback. */
#include <plait/failure.h>

#include <string.h>

#include "tests/unit/suite.h"

static void it_says_what_and_where(void)
{
	struct plait_failure *failure = plait_failure(PLAIT_ERROR_REFUSED, "no more than %d", 7);
	CU_ASSERT_EQUAL(failure->line, __LINE__ - 1);
	CU_ASSERT_EQUAL(failure->code, PLAIT_ERROR_REFUSED);
	CU_ASSERT_STRING_EQUAL(failure->text, "no more than 7");
	CU_ASSERT_STRING_EQUAL(failure->file, __FILE__);
	CU_ASSERT_STRING_EQUAL(failure->function, __func__);
	CU_ASSERT_EQUAL(failure->index, -1);
	plait_failure_unref(&failure);
	CU_ASSERT_PTR_NULL(failure);
	plait_failure_unref(&failure);
}

static void it_is_counted(void)
{
	struct plait_failure *failure = plait_failure(-20, "a"), *same = plait_failure_ref(failure);
	CU_ASSERT_PTR_EQUAL(same, failure);
	plait_failure_unref(&failure);
	CU_ASSERT_STRING_EQUAL(same->text, "a");
	plait_failure_unref(&same);
}

static void a_long_text_is_cut(void)
{
	struct plait_failure *failure = plait_failure(-20, "%02000d", 1);
	CU_ASSERT_EQUAL(strlen(failure->text), 1023);
	plait_failure_unref(&failure);
}

static void it_is_made_of_an_error(void)
{
	struct plait_error error;
	plait_error_set(&error, PLAIT_ERROR_MISSING, "a.conf", "there is no such file");
	struct plait_failure *failure = plait_failure_from(&error);
	CU_ASSERT_EQUAL(failure->line, __LINE__ - 1);
	CU_ASSERT_EQUAL(failure->code, PLAIT_ERROR_MISSING);
	CU_ASSERT_STRING_EQUAL(failure->text, "a.conf: there is no such file");
	plait_failure_unref(&failure);

	plait_error_set(&error, PLAIT_ERROR_SYSTEM, "", "100%% out");
	failure = plait_failure_from(&error);
	CU_ASSERT_STRING_EQUAL(failure->text, "100% out");
	plait_failure_unref(&failure);
}

static void its_code_is_asked_for(void)
{
	struct plait_failure *failure = plait_failure(PLAIT_ERROR_TIMEOUT, "late");
	CU_ASSERT_TRUE(plait_failure_is(failure, PLAIT_ERROR_TIMEOUT));
	CU_ASSERT_FALSE(plait_failure_is(failure, PLAIT_ERROR_CANCELLED));
	CU_ASSERT_FALSE(plait_failure_is(NULL, PLAIT_ERROR_CANCELLED));
	CU_ASSERT_EQUAL(plait_failure_check(failure, PLAIT_ERROR_CANCELLED, PLAIT_ERROR_TIMEOUT),
			PLAIT_ERROR_TIMEOUT);
	CU_ASSERT_EQUAL(plait_failure_check(failure, PLAIT_ERROR_CANCELLED), 0);
	CU_ASSERT_EQUAL(plait_failure_check(NULL, PLAIT_ERROR_CANCELLED), 0);
	plait_failure_unref(&failure);
}

SUITE_MAIN("failure", SUITE_TEST(it_says_what_and_where), SUITE_TEST(it_is_counted),
	   SUITE_TEST(a_long_text_is_cut), SUITE_TEST(it_is_made_of_an_error),
	   SUITE_TEST(its_code_is_asked_for))
