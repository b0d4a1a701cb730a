/* Timeouts of Deferreds, on a clock that the test moves; the cases are Twisted's. */
#include <stdio.h>
#include <string.h>

#include "core/loop/loop.h"
#include "tests/unit/async/fixture.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static struct rig rig;

static void begin_timed(void)
{
	rig_init(&rig);
	begin();
}

static void finish_timed(const char *expected, unsigned unhandled)
{
	CU_ASSERT_EQUAL(timer_heap_next(&rig.loop->timers), TIMER_NEVER);
	rig_fini(&rig);
	finish(expected, unhandled);
}

static struct plait_deferred *timed(plait_canceller_fn *canceller)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(canceller, NULL);
	CU_ASSERT_PTR_EQUAL(plait_add_timeout(deferred, rig.loop, 100), deferred);
	return plait_add_both(deferred, swallow, "a");
}

static void end(struct plait_deferred *deferred, const char *expected)
{
	plait_deferred_unref(&deferred);
	finish_timed(expected, 0);
}

static void it_takes_too_long(void)
{
	struct plait_deferred *deferred = timed(NULL);
	rig_advance(&rig, 99);
	CU_ASSERT_STRING_EQUAL(trace, "");
	rig_advance(&rig, 1);
	CU_ASSERT_STRING_EQUAL(trace, "a-10 ");
	CU_ASSERT_EQUAL(plait_deferred_callback(deferred, value(1)), 0);
	end(deferred, "a-10 ");
}

static struct plait_result note_text(struct plait_result result, void *arg)
{
	strcat(trace, result.failure->text);
	return swallow(result, arg);
}

static void the_failure_says_how_long(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_add_errback(plait_add_timeout(deferred, rig.loop, 1500), note_text, "");
	rig_advance(&rig, 1500);
	end(deferred, "it took longer than 1500 ms-10 ");
}

static void a_result_comes_before(void)
{
	struct plait_deferred *deferred = timed(NULL);
	rig_advance(&rig, 99);
	plait_deferred_callback(deferred, value(1));
	rig_advance(&rig, 1000);
	end(deferred, "a1 ");

	deferred = timed(NULL);
	plait_deferred_errback(deferred, failure_of(-20));
	rig_advance(&rig, 1000);
	end(deferred, "a-20 ");
}

static void a_result_was_there(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_succeed(value(1));
	plait_add_both(plait_add_timeout(deferred, rig.loop, 100), note, "a");
	end(deferred, "a1 ");
}

static void cancelled_by_others_is_no_timeout(void)
{
	struct plait_deferred *deferred = timed(NULL);
	rig_advance(&rig, 99);
	plait_deferred_cancel(deferred);
	rig_advance(&rig, 1000);
	end(deferred, "a-9 ");
}

static void cancel_with_value(struct plait_deferred *deferred, void *arg)
{
	(void)arg;
	plait_deferred_callback(deferred, value(3));
}

static void cancel_with_failure(struct plait_deferred *deferred, void *arg)
{
	(void)arg;
	plait_deferred_errback(deferred, failure_of(-20));
}

static void a_canceller_may_answer(void)
{
	struct plait_deferred *deferred = timed(cancel_with_value);
	rig_advance(&rig, 100);
	end(deferred, "a3 ");

	deferred = timed(cancel_with_failure);
	rig_advance(&rig, 100);
	end(deferred, "a-20 ");
}

/* What was added before sees the cancel, and may answer it; what was added after sees the timeout. */
static void it_covers_what_was_added_before(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_add_errback(deferred, note, "b");
	plait_add_errback(plait_add_timeout(deferred, rig.loop, 100), swallow, "a");
	rig_advance(&rig, 100);
	end(deferred, "b-9 a-10 ");

	begin_timed();
	deferred = plait_deferred_new(NULL, NULL);
	plait_add_errback(deferred, turn_good, "b");
	plait_add_both(plait_add_timeout(deferred, rig.loop, 100), note, "a");
	rig_advance(&rig, 100);
	end(deferred, "b-9 a7 ");
}

static void the_inner_one_is_cancelled(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL),
			      *inner = plait_deferred_new(NULL, NULL);
	plait_add_both(inner, note, "i");
	plait_add_callback(deferred, go_later, plait_deferred_ref(inner));
	plait_add_both(plait_add_timeout(deferred, rig.loop, 100), swallow, "a");
	plait_deferred_callback(deferred, value(1));
	rig_advance(&rig, 100);
	plait_deferred_unref(&inner);
	end(deferred, "i-9 a-10 ");
}

static void of_two_the_shorter_counts(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_add_timeout(deferred, rig.loop, 300);
	plait_add_timeout(deferred, rig.loop, 200);
	plait_add_both(deferred, swallow, "a");
	rig_advance(&rig, 200);
	end(deferred, "a-10 ");
}

static void it_holds_no_reference(void)
{
	struct plait_deferred *deferred = timed(NULL);
	end(deferred, "a-4 ");
}

static void it_may_outlive_its_loop(void)
{
	struct plait_deferred *deferred = timed(NULL);
	rig_fini(&rig);
	plait_deferred_callback(deferred, value(1));
	plait_deferred_unref(&deferred);
	finish("a1 ", 0);
}

static void an_endless_one_does_not_wrap(void)
{
	begin_timed();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_add_both(plait_add_timeout(deferred, rig.loop, UINT64_MAX), swallow, "a");
	rig_advance(&rig, 1000000);
	CU_ASSERT_STRING_EQUAL(trace, "");
	plait_deferred_callback(deferred, value(1));
	end(deferred, "a1 ");
}

SUITE_MAIN("deferred_timeout", SUITE_TEST(it_takes_too_long), SUITE_TEST(the_failure_says_how_long),
	   SUITE_TEST(a_result_comes_before), SUITE_TEST(a_result_was_there),
	   SUITE_TEST(cancelled_by_others_is_no_timeout), SUITE_TEST(a_canceller_may_answer),
	   SUITE_TEST(it_covers_what_was_added_before), SUITE_TEST(the_inner_one_is_cancelled),
	   SUITE_TEST(of_two_the_shorter_counts), SUITE_TEST(it_holds_no_reference),
	   SUITE_TEST(it_may_outlive_its_loop), SUITE_TEST(an_endless_one_does_not_wrap))
