/* A CUnit suite as a program that speaks TAP: one line a test, and the place of each assertion that failed. */
#ifndef TESTS_UNIT_SUITE_H
#define TESTS_UNIT_SUITE_H

#include <CUnit/CUnit.h>
#include <stddef.h>

struct suite_test {
	const char *name;
	void (*run)(void);
};

/* Runs the tests whose names contain argv[1] (all without it). The exit status of the program. */
int suite_run(const char *name, const struct suite_test *tests, size_t count, int argc, char **argv);

#define SUITE_TEST(function)                                                                                 \
	{                                                                                                    \
#function, function                                                                          \
	}

/* SUITE_MAIN("option", SUITE_TEST(parses_a_size), SUITE_TEST(...)) */
#define SUITE_MAIN(name, ...)                                                                                \
	int main(int argc, char **argv)                                                                      \
	{                                                                                                    \
		static const struct suite_test tests[] = { __VA_ARGS__ };                                    \
		return suite_run(name, tests, sizeof(tests) / sizeof(tests[0]), argc, argv);                 \
	}

#endif
