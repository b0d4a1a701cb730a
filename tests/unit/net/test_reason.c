/* The table of reasons is whole. */
#include <plait/reason.h>
#include <string.h>

#include "tests/unit/suite.h"

static void every_reason_has_a_name_and_a_text(void)
{
	for (int i = 0; i < PLAIT_REASON_COUNT_; i++) {
		CU_ASSERT_STRING_NOT_EQUAL(plait_reason_name((enum plait_reason)i), "unknown");
		CU_ASSERT_TRUE(strlen(plait_reason_text((enum plait_reason)i)) > 5);
		for (int k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(plait_reason_name((enum plait_reason)i),
						   plait_reason_name((enum plait_reason)k));
	}
}

static void what_it_does_not_know_is_an_error(void)
{
	CU_ASSERT_STRING_EQUAL(plait_reason_name((enum plait_reason)10000), "unknown");
	CU_ASSERT_TRUE(plait_reason_is_error((enum plait_reason)10000));
	CU_ASSERT_FALSE(plait_reason_is_error(PLAIT_REASON_PEER_CLOSED));
	CU_ASSERT_TRUE(plait_reason_is_error(PLAIT_REASON_TLS_TRUNCATED));
}

SUITE_MAIN("reason", SUITE_TEST(every_reason_has_a_name_and_a_text),
	   SUITE_TEST(what_it_does_not_know_is_an_error))
