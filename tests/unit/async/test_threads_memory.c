/* What a piece of work on a thread takes from the heap, once the first have made the blocks: nothing. */
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/unit/async/pooled.h"
#include "tests/unit/suite.h"

static atomic_int mallocs;

/* The linker puts this in malloc's place (--wrap). */
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	mallocs++;
	return __real_malloc(size);
}

static struct plait_result pass(void *arg)
{
	return plait_value(arg);
}

static void go_and_come_back(int times)
{
	for (int i = 0; i < times; i++) {
		struct plait_result result = { 0 };
		struct plait_deferred *deferred = plait_defer_to_thread(loop, pass, &mallocs);
		plait_add_both(deferred, pooled_keep, &result);
		pooled_wait(&result);
		plait_deferred_unref(&deferred);
	}
}

static void work_takes_nothing_from_the_heap(void)
{
	pooled_open();
	go_and_come_back(10);
	int before = mallocs;
	go_and_come_back(1000);
	CU_ASSERT_EQUAL(mallocs, before);
	pooled_close();
}

SUITE_MAIN("threads_memory", SUITE_TEST(work_takes_nothing_from_the_heap))
