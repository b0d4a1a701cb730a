/* The reserve: when the heap has no more, what must be there comes from it, and it is filled again. */
#include "core/base/alloc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"

/* So many of the next allocations fail; those of the reserve's size are what it takes, and counted. */
static unsigned failing, parts;

/* The linker puts these in the heap's place (--wrap). */
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __wrap_vasprintf(char **text, const char *format, va_list args) PLAIT_PRINTF(2, 0);
int __real_vasprintf(char **text, const char *format, va_list args) PLAIT_PRINTF(2, 0);

static bool fails(void)
{
	return failing > 0 && failing-- > 0;
}

void *__wrap_malloc(size_t size)
{
	parts += size == (size_t)16 * 1024;
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_vasprintf(char **text, const char *format, va_list args)
{
	return fails() ? -1 : __real_vasprintf(text, format, args);
}

static void begin(void)
{
	CU_ASSERT_TRUE_FATAL(alloc_keep_reserve());
	failing = parts = 0;
}

static void what_is_asked_for_is_zeroed(void)
{
	char *memory = alloc_zeroed(3, "three bytes");
	CU_ASSERT_EQUAL(memcmp(memory, "\0\0\0", 3), 0);
	free(memory);
}

static void a_structure_comes_from_the_reserve(void)
{
	begin();
	failing = 3;
	void *memory = alloc_zeroed(100, "a test");
	CU_ASSERT_PTR_NOT_NULL(memory);
	CU_ASSERT_EQUAL(failing, 0);
	CU_ASSERT_EQUAL(parts, 3); /* filled again */
	free(memory);
}

static void all_kinds_come_from_it(void)
{
	begin();
	failing = 1;
	char *memory = alloc_larger(NULL, 2, "a test");
	strcpy(memory, "a");
	failing = 1;
	memory = alloc_larger(memory, 100, "a test");
	CU_ASSERT_STRING_EQUAL(memory, "a");
	failing = 1;
	char *copy = alloc_copy(memory, "a test");
	CU_ASSERT_STRING_EQUAL(copy, "a");
	CU_ASSERT_PTR_NULL(alloc_copy(NULL, "a test"));
	failing = 1;
	void *apart = alloc_apart(10, "a test");
	CU_ASSERT_PTR_NOT_NULL(apart);
	failing = 1;
	void *block = alloc_block(4000, "a test");
	CU_ASSERT_PTR_NOT_NULL(block);
	CU_ASSERT_EQUAL(failing, 0);
	block_give(block);
	free(apart);
	free(copy);
	free(memory);
}

static char *PLAIT_PRINTF(1, 2) text_of(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	char *text = alloc_text("a test", format, args);
	va_end(args);
	return text;
}

static void a_text_is_printed_once_more(void)
{
	begin();
	failing = 2;
	char *text = text_of("%d %s", 7, "days");
	CU_ASSERT_STRING_EQUAL(text, "7 days");
	free(text);
}

static void one_that_cannot_be_filled_says_so(void)
{
	begin();
	CU_ASSERT_TRUE(alloc_spend_reserve("a test"));
	failing = 1;
	CU_ASSERT_FALSE(alloc_keep_reserve());
	CU_ASSERT_TRUE(alloc_keep_reserve());
}

static void what_was_spent_is_filled_by_the_next(void)
{
	begin();
	while (alloc_spend_reserve("a test"))
		;
	free(alloc_zeroed(1, "a test"));
	CU_ASSERT_EQUAL(parts, 64);
}

static void without_it_the_process_ends(void)
{
	begin();
	int status;
	FILE *said = tmpfile();
	char line[4096], last[4096] = "";
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	pid_t child = fork();
	if (child == 0) {
		dup2(fileno(said), STDERR_FILENO);
		failing = 1000;
		alloc_zeroed(1, "a last thing");
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	rewind(said);
	while (fgets(line, sizeof(line), said))
		strcpy(last, line);
	fclose(said);
	CU_ASSERT_STRING_EQUAL(last, "plait: no memory for a last thing\n");
}

SUITE_MAIN("alloc", SUITE_TEST(what_is_asked_for_is_zeroed), SUITE_TEST(a_structure_comes_from_the_reserve),
	   SUITE_TEST(all_kinds_come_from_it), SUITE_TEST(a_text_is_printed_once_more),
	   SUITE_TEST(one_that_cannot_be_filled_says_so), SUITE_TEST(what_was_spent_is_filled_by_the_next),
	   SUITE_TEST(without_it_the_process_ends))
