/* Queues of Deferreds: order, bounds, and whose the items are. */
#include <plait/deferred_queue.h>

#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

static struct plait_deferred_queue *queue;

static void begin_queue(size_t size, size_t backlog)
{
	begin();
	queue = plait_deferred_queue_new(size, backlog);
}

static void end_queue(const char *expected)
{
	plait_deferred_queue_free(&queue);
	CU_ASSERT_PTR_NULL(queue);
	plait_deferred_queue_free(&queue);
	finish(expected, 0);
}

static int put(int number)
{
	return plait_deferred_queue_put(queue, value(number));
}

/* The test need not hold it: who puts will fire it. */
static void get(const char *name)
{
	struct plait_deferred *deferred = plait_deferred_queue_get(queue);
	plait_add_both(deferred, swallow, (void *)(uintptr_t)name);
	plait_deferred_unref(&deferred);
}

static void in_order_whoever_comes_first(void)
{
	begin_queue(PLAIT_QUEUE_UNBOUNDED, PLAIT_QUEUE_UNBOUNDED);
	put(1);
	put(2);
	CU_ASSERT_EQUAL(plait_deferred_queue_size(queue), 2);
	get("a");
	get("b");
	get("c");
	get("d");
	CU_ASSERT_STRING_EQUAL(trace, "a1 b2 ");
	CU_ASSERT_EQUAL(plait_deferred_queue_waiting(queue), 2);
	put(3);
	put(4);
	put(5);
	get("e");
	end_queue("a1 b2 c3 d4 e5 ");
}

static void bounds(void)
{
	begin_queue(2, 1);
	CU_ASSERT_EQUAL(put(1), 0);
	CU_ASSERT_EQUAL(put(2), 0);
	CU_ASSERT_EQUAL(put(3), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(values_alive, 2);
	get("a");
	get("b");
	get("c");
	get("d");
	CU_ASSERT_STRING_EQUAL(trace, "a1 b2 d-6 ");
	put(4);
	end_queue("a1 b2 d-6 c4 ");

	begin_queue(0, PLAIT_QUEUE_UNBOUNDED);
	CU_ASSERT_EQUAL(put(1), PLAIT_ERROR_OVERFLOW);
	get("a");
	CU_ASSERT_EQUAL(put(2), 0);
	end_queue("a2 ");

	begin_queue(PLAIT_QUEUE_UNBOUNDED, 0);
	get("a");
	put(1);
	get("b");
	end_queue("a-6 b1 ");
}

static void a_cancelled_get_takes_nothing(void)
{
	begin_queue(1, 3);
	get("a");
	struct plait_deferred *cancelled = plait_add_both(plait_deferred_queue_get(queue), swallow, "x"),
			      *let_go = plait_deferred_queue_get(queue);
	CU_ASSERT_EQUAL(plait_deferred_queue_waiting(queue), 3);
	plait_deferred_cancel(cancelled);
	CU_ASSERT_EQUAL(plait_deferred_queue_waiting(queue), 2);
	plait_deferred_unref(&cancelled);
	plait_deferred_unref(&let_go);
	get("b");
	put(1);
	put(2);
	end_queue("x-9 a1 b2 ");
}

static void items_of_all_kinds(void)
{
	begin_queue(5, 5);
	struct plait_deferred *later = plait_deferred_new(NULL, NULL);
	plait_deferred_queue_put(queue, plait_failed(failure_of(-20)));
	plait_deferred_queue_put(queue, plait_later(plait_deferred_ref(later)));
	get("a");
	get("b");
	get("c");
	plait_deferred_queue_put(queue, plait_later(plait_succeed(value(3))));
	plait_deferred_callback(later, value(4));
	plait_deferred_unref(&later);
	end_queue("a-20 c3 b4 ");
}

static struct plait_result use_it_again(struct plait_result result, void *arg)
{
	struct plait_deferred *again = plait_deferred_queue_get(arg);
	plait_add_both(again, swallow, "again");
	plait_deferred_unref(&again);
	CU_ASSERT_EQUAL(plait_deferred_queue_put(arg, value(1)), PLAIT_ERROR_GONE);
	return swallow(result, "");
}

static void freed_with_items_and_with_gets(void)
{
	begin_queue(5, 5);
	put(1);
	put(2);
	end_queue("");

	begin_queue(5, 5);
	struct plait_deferred *deferred = plait_deferred_queue_get(queue);
	plait_add_errback(deferred, use_it_again, queue);
	plait_deferred_unref(&deferred);
	get("a");
	end_queue("again-4 -4 a-4 ");
}

SUITE_MAIN("deferred_queue", SUITE_TEST(in_order_whoever_comes_first), SUITE_TEST(bounds),
	   SUITE_TEST(a_cancelled_get_takes_nothing), SUITE_TEST(items_of_all_kinds),
	   SUITE_TEST(freed_with_items_and_with_gets))
