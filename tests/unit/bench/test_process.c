/* Processor time and memory of processes: our own, that we can move. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bench/process.h"
#include "tests/unit/suite.h"

static struct processes processes;
static struct plait_error error;
static volatile unsigned work;

static void numbers_are_read(void)
{
	CU_ASSERT_EQUAL(processes_parse("17", &processes, &error), 0);
	CU_ASSERT_EQUAL(processes.count, 1);
	CU_ASSERT_EQUAL(processes_parse("17,1,4194304", &processes, &error), 0);
	CU_ASSERT_EQUAL(processes.count, 3);
	CU_ASSERT_EQUAL(processes.pids[2], 4194304);
}

static void what_is_no_number_is_refused(void)
{
	static const char *const wrong[] = {
		"", "x", "0", "-1", "1,", ",1", "1,,2", "1 2", "1x", "2147483648", "99999999999999999999"
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CU_ASSERT(processes_parse(wrong[i], &processes, &error) < 0);
}

static void too_many_are_refused(void)
{
	char text[2 * PROCESSES_MAX + 2] = "";
	for (int i = 0; i < PROCESSES_MAX; i++)
		strcat(text, i ? ",1" : "1");
	CU_ASSERT_EQUAL(processes_parse(text, &processes, &error), 0);
	strcat(text, ",1");
	CU_ASSERT_EQUAL(processes_parse(text, &processes, &error), PLAIT_ERROR_OVERFLOW);
}

static void of_this_process(void)
{
	processes.count = 1;
	processes.pids[0] = (int)getpid();
}

static void time_that_is_spent_is_seen(void)
{
	struct process_sample before, after;
	struct bench_usage usage;
	of_this_process();
	CU_ASSERT_EQUAL_FATAL(processes_sample(&processes, &before, &error), 0);
	do {
		for (unsigned i = 0; i < 10000000; i++)
			work += i;
		CU_ASSERT_EQUAL_FATAL(processes_sample(&processes, &after, &error), 0);
		processes_difference(&before, &after, &usage);
	} while (usage.user_ns + usage.system_ns < 50000000);
	CU_ASSERT(usage.user_ns > usage.system_ns);
}

static void memory_that_is_touched_is_seen(void)
{
	size_t size = 32u << 20;
	of_this_process();
	uint64_t before = processes_resident(&processes);
	char *block = malloc(size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(block);
	for (size_t i = 0; i < size; i += 1024)
		((volatile char *)block)[i] = 1;
	CU_ASSERT(processes_resident(&processes) >= before + size / 2);
	free(block);
}

static void one_that_has_gone_is_an_error(void)
{
	struct process_sample sample;
	processes.count = 1;
	processes.pids[0] = 999999999;
	CU_ASSERT_EQUAL(processes_sample(&processes, &sample, &error), PLAIT_ERROR_MISSING);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "999999999"));
}

SUITE_MAIN("process", SUITE_TEST(numbers_are_read), SUITE_TEST(what_is_no_number_is_refused),
	   SUITE_TEST(too_many_are_refused), SUITE_TEST(time_that_is_spent_is_seen),
	   SUITE_TEST(memory_that_is_touched_is_seen), SUITE_TEST(one_that_has_gone_is_an_error))
