/* What tests of Deferreds share. */
#include "tests/unit/async/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/async/failure.h"
#include "tests/unit/suite.h"

int values_alive;
char trace[1024], logged[8192];
static int captured = -1, kept = -1;
static unsigned long unhandled_before;

static void release(void *value)
{
	values_alive--;
	free(value);
}

struct plait_result value(int number)
{
	int *value = malloc(sizeof(*value));
	if (!value)
		abort();
	*value = number;
	values_alive++;
	return plait_owned(value, release);
}

int number_of(struct plait_result result)
{
	return result.value ? *(int *)result.value : 0;
}

struct plait_failure *failure_of(int code)
{
	return plait_failure(code, "failed on purpose");
}

struct plait_result note(struct plait_result result, void *arg)
{
	size_t used = strlen(trace);
	snprintf(trace + used, sizeof(trace) - used, "%s%d ", (const char *)arg,
		 result.failure ? result.failure->code : number_of(result));
	return result;
}

struct plait_result swallow(struct plait_result result, void *arg)
{
	if (arg)
		result = note(result, arg);
	plait_result_drop(&result);
	return result;
}

struct plait_result turn_bad(struct plait_result result, void *arg)
{
	swallow(result, arg);
	return plait_failed(failure_of(PLAIT_ERROR_REFUSED));
}

struct plait_result turn_good(struct plait_result result, void *arg)
{
	swallow(result, arg);
	return value(7);
}

struct plait_result go_later(struct plait_result result, void *arg)
{
	plait_result_drop(&result);
	return plait_later(arg);
}

void begin(void)
{
	trace[0] = logged[0] = '\0';
	fflush(stderr);
	captured = memfd_create("log", MFD_CLOEXEC);
	kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	CU_ASSERT_FATAL(captured >= 0 && kept >= 0);
	fcntl(captured, F_SETFL, O_APPEND);
	dup2(captured, STDERR_FILENO);
	unhandled_before = failures_unhandled();
}

void finish(const char *expected, unsigned unhandled)
{
	ssize_t len = pread(captured, logged, sizeof(logged) - 1, 0);
	logged[len > 0 ? len : 0] = '\0';
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(captured);
	unsigned lines = 0;
	for (const char *at = logged; (at = strstr(at, "nobody handled a failure")); at++)
		lines++;
	CU_ASSERT_STRING_EQUAL(trace, expected);
	if (strcmp(trace, expected) != 0)
		printf("# \"%s\" instead of \"%s\"\n", trace, expected);
	CU_ASSERT_EQUAL(values_alive, 0);
	CU_ASSERT_EQUAL(failures_unhandled() - unhandled_before, unhandled);
	CU_ASSERT_EQUAL(lines, unhandled);
	if (lines != unhandled)
		printf("# %u unhandled instead of %u: %s\n", lines, unhandled, logged);
}
