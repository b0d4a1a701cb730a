/* Runs a CUnit suite and prints its results as TAP. */
#include "tests/unit/suite.h"

#include <CUnit/TestRun.h>
#include <stdio.h>
#include <string.h>

static unsigned finished;

static void report(const CU_pTest test, const CU_pSuite suite, const CU_pFailureRecord failures)
{
	(void)suite;
	printf("%s %u - %s\n", failures ? "not ok" : "ok", ++finished, test->pName);
	for (CU_pFailureRecord failure = failures; failure; failure = failure->pNext)
		printf("#   %s:%u: %s\n", failure->strFileName, failure->uiLineNumber, failure->strCondition);
	fflush(stdout);
}

int suite_run(const char *name, const struct suite_test *tests, size_t count, int argc, char **argv)
{
	const char *filter = argc > 1 ? argv[1] : "";
	unsigned planned = 0;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	CU_pSuite suite = CU_add_suite(name, NULL, NULL);
	for (size_t i = 0; i < count; i++) {
		if (!strstr(tests[i].name, filter))
			continue;
		if (!suite || !CU_add_test(suite, tests[i].name, tests[i].run)) {
			printf("Bail out! cannot add test %s\n", tests[i].name);
			return 99;
		}
		planned++;
	}
	printf("1..%u\n", planned);
	fflush(stdout);
	CU_set_test_complete_handler(report);
	CU_run_all_tests();
	unsigned failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	return failed != 0;
}
