/* Deferreds: what is called with what, in which order, and who owns it; the cases are Twisted's. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

static struct plait_deferred *fresh(void)
{
	begin();
	return plait_deferred_new(NULL, NULL);
}

static void end(struct plait_deferred *deferred, const char *expected, unsigned unhandled)
{
	plait_deferred_unref(&deferred);
	CU_ASSERT_PTR_NULL(deferred);
	finish(expected, unhandled);
}

static struct plait_result plus_ten(struct plait_result result, void *arg)
{
	int number = number_of(note(result, arg));
	plait_result_drop(&result);
	return value(number + 10);
}

/* ---- callbacks ---- */

static void a_value_goes_through_the_chain(void)
{
	struct plait_deferred *deferred = fresh();
	CU_ASSERT_PTR_EQUAL(plait_add_callback(deferred, plus_ten, "a"), deferred);
	plait_add_callback(deferred, plus_ten, "b");
	CU_ASSERT_FALSE(plait_deferred_called(deferred));
	CU_ASSERT_EQUAL(plait_deferred_callback(deferred, value(1)), 0);
	CU_ASSERT_TRUE(plait_deferred_called(deferred));
	plait_add_callback(deferred, plus_ten, "c");
	end(deferred, "a1 b11 c21 ", 0);
}

static void a_failure_goes_to_errbacks_only(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callback(deferred, note, "a");
	plait_add_errback(deferred, note, "b");
	plait_add_both(deferred, note, "c");
	plait_add_callbacks(deferred, NULL, turn_good, "d");
	plait_add_errback(deferred, note, "e");
	plait_add_callback(deferred, turn_bad, "f");
	plait_add_callbacks(deferred, note, swallow, "g");
	plait_add_callback(deferred, note, "h");
	plait_deferred_errback(deferred, failure_of(-20));
	end(deferred, "b-20 c-20 d-20 f7 g-8 h0 ", 0);
}

static void of_a_pair_only_one_is_called(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callbacks(deferred, turn_bad, turn_good, "a");
	plait_add_callbacks(deferred, turn_bad, turn_good, "b");
	plait_add_callbacks(deferred, turn_bad, turn_good, "c");
	plait_deferred_callback(deferred, value(1));
	end(deferred, "a1 b-8 c7 ", 1);
}

static void it_fires_once(void)
{
	for (int first = 0; first < 2; first++) {
		struct plait_deferred *deferred = fresh();
		plait_add_both(deferred, swallow, "a");
		int fired = first == 0 ? plait_deferred_callback(deferred, value(1))
				       : plait_deferred_errback(deferred, failure_of(-20));
		CU_ASSERT_EQUAL(fired, 0);
		CU_ASSERT_EQUAL(plait_deferred_callback(deferred, value(2)), PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_deferred_errback(deferred, failure_of(-21)), PLAIT_ERROR_INVALID);
		end(deferred, first == 0 ? "a1 " : "a-20 ", 0);
	}
}

static struct plait_result answer_value(void *arg)
{
	return *(struct plait_result *)arg;
}

static void succeed_fail_and_maybe(void)
{
	begin();
	struct plait_result answers[4] = { value(4), plait_failed(failure_of(-20)),
					   plait_later(plait_succeed(value(5))),
					   plait_later(plait_deferred_new(NULL, NULL)) };
	struct plait_deferred *all[] = {
		plait_succeed(value(1)),
		plait_fail(failure_of(-21)),
		plait_succeed(plait_later(plait_succeed(value(2)))),
		plait_maybe_deferred(answer_value, &answers[0]),
		plait_maybe_deferred(answer_value, &answers[1]),
		plait_maybe_deferred(answer_value, &answers[2]),
		plait_maybe_deferred(answer_value, &answers[3]),
	};
	CU_ASSERT_PTR_EQUAL(all[5], answers[2].deferred);
	CU_ASSERT_PTR_EQUAL(all[6], answers[3].deferred);
	plait_deferred_callback(all[6], value(6));
	for (int i = 0; i < 7; i++) {
		plait_add_both(all[i], swallow, "");
		plait_deferred_unref(&all[i]);
	}
	finish("1 -21 2 4 -20 5 6 ", 0);
}

/* ---- others' results ---- */

static void a_callback_may_answer_later(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_deferred_new(NULL, NULL);
	plait_add_callback(inner, note, "i");
	plait_add_callback(outer, go_later, plait_deferred_ref(inner));
	plait_add_callback(outer, note, "o");
	plait_deferred_callback(outer, value(1));
	CU_ASSERT_FALSE(plait_deferred_called(outer));
	CU_ASSERT_STRING_EQUAL(trace, "");
	plait_deferred_callback(inner, value(2));
	plait_add_callback(inner, note, "j"); /* its value has gone to the outer one */
	plait_deferred_unref(&inner);
	end(outer, "i2 o2 j0 ", 0);
}

static void an_errback_may_answer_later(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_deferred_new(NULL, NULL);
	plait_add_errback(outer, go_later, plait_deferred_ref(inner));
	plait_add_both(outer, swallow, "o");
	plait_deferred_errback(outer, failure_of(-20));
	plait_deferred_errback(inner, failure_of(-21));
	plait_deferred_unref(&inner);
	end(outer, "o-21 ", 0);
}

static void a_fired_one_answers_at_once(void)
{
	struct plait_deferred *outer = fresh();
	plait_add_callback(outer, go_later, plait_succeed(value(2)));
	plait_add_callback(outer, note, "a");
	plait_add_callback(outer, go_later, plait_fail(failure_of(-20)));
	plait_add_errback(outer, swallow, "b");
	plait_deferred_callback(outer, value(1));
	end(outer, "a2 b-20 ", 0);
}

/* What was added to the inner one before it was answered with runs before the outer one goes on, what came after, after. */
static void the_order_around_a_chain(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_deferred_new(NULL, NULL);
	plait_add_callback(inner, note, "a");
	plait_deferred_callback(outer, plait_later(plait_deferred_ref(inner)));
	plait_add_callback(inner, note, "b");
	plait_add_callback(outer, note, "c");
	plait_deferred_callback(inner, value(1));
	plait_deferred_unref(&inner);
	end(outer, "a1 c1 b0 ", 0);
}

static void two_wait_for_one(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_deferred_new(NULL, NULL),
			      *second = plait_deferred_new(NULL, NULL);
	plait_deferred_callback(outer, plait_later(plait_deferred_ref(inner)));
	plait_deferred_callback(second, plait_later(plait_deferred_ref(inner)));
	plait_add_callback(outer, note, "a");
	plait_add_callback(second, note, "b");
	plait_deferred_callback(inner, value(1));
	plait_deferred_unref(&inner);
	plait_deferred_unref(&second);
	end(outer, "a1 b0 ", 0);
}

/* Twisted's "nested asynchronous chained Deferreds". */
static void chains_nest(void)
{
	struct plait_deferred *outer = fresh(), *middle = plait_deferred_new(NULL, NULL),
			      *inner = plait_deferred_new(NULL, NULL);
	plait_add_callback(plait_add_callback(inner, note, "i"), note, "j");
	plait_add_callback(plait_add_callback(middle, note, "m"), go_later, plait_deferred_ref(inner));
	plait_add_callback(outer, go_later, plait_deferred_ref(middle));
	plait_add_callback(middle, note, "n");
	plait_add_callback(outer, note, "o");
	plait_deferred_callback(outer, value(1));
	plait_deferred_callback(middle, value(2));
	plait_deferred_callback(inner, value(3));
	plait_deferred_unref(&inner);
	plait_deferred_unref(&middle);
	end(outer, "m2 i3 j3 n3 o3 ", 0);
}

static void a_paused_one_is_waited_for(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_succeed(value(2));
	plait_deferred_pause(inner);
	plait_add_callback(outer, go_later, plait_deferred_ref(inner));
	plait_add_callback(outer, note, "a");
	plait_deferred_callback(outer, value(1));
	CU_ASSERT_STRING_EQUAL(trace, "");
	plait_deferred_unpause(inner);
	plait_deferred_unref(&inner);
	end(outer, "a2 ", 0);
}

/* ---- circles ---- */

static void one_that_answers_with_itself_fails(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callback(deferred, go_later, plait_deferred_ref(deferred));
	plait_add_errback(deferred, swallow, "a");
	plait_deferred_callback(deferred, value(1));
	end(deferred, "a-1 ", 0);
}

static void a_circle_fails(void)
{
	enum { LENGTH = 5 };
	for (int closes = 0; closes < LENGTH; closes++) {
		struct plait_deferred *all[LENGTH];
		begin();
		for (int i = 0; i < LENGTH; i++)
			all[i] = plait_deferred_new(NULL, NULL);
		for (int k = 1; k <= LENGTH; k++) {
			int i = (closes + k) % LENGTH;
			plait_deferred_callback(all[i],
						plait_later(plait_deferred_ref(all[(i + 1) % LENGTH])));
		}
		for (int i = 0; i < LENGTH; i++) {
			plait_add_both(all[i], swallow, i == (closes + 1) % LENGTH ? "a" : NULL);
			plait_deferred_unref(&all[i]);
		}
		finish("a-1 ", 0);
	}
}

/* The last of the circle is waited for by two; the one that came later leads nowhere. */
static void a_circle_fails_though_others_wait_too(void)
{
	struct plait_deferred *last = fresh(), *all[4];
	for (int i = 0; i < 4; i++) {
		all[i] = plait_deferred_new(NULL, NULL);
		plait_deferred_callback(all[i], plait_later(plait_deferred_ref(
							i == 0 || i == 3 ? last : all[i - 1])));
	}
	plait_deferred_callback(last, plait_later(plait_deferred_ref(all[2])));
	for (int i = 0; i < 4; i++) {
		plait_add_both(all[i], swallow, i == 2 ? "a" : NULL);
		plait_deferred_unref(&all[i]);
	}
	end(last, "a-1 ", 0);
}

/* ---- pause ---- */

static void pauses_are_counted(void)
{
	struct plait_deferred *deferred = fresh();
	plait_deferred_pause(deferred);
	plait_deferred_pause(deferred);
	plait_add_callback(deferred, note, "a");
	plait_deferred_callback(deferred, value(1));
	plait_deferred_unpause(deferred);
	CU_ASSERT_STRING_EQUAL(trace, "");
	plait_add_callback(deferred, note, "b");
	plait_deferred_unpause(deferred);
	CU_ASSERT_STRING_EQUAL(trace, "a1 b1 ");
	plait_deferred_pause(deferred);
	plait_deferred_unpause(deferred);
	end(deferred, "a1 b1 ", 0);
}

static void unpaused_before_it_fires(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callback(deferred, note, "a");
	plait_deferred_pause(deferred);
	plait_deferred_unpause(deferred);
	CU_ASSERT_STRING_EQUAL(trace, "");
	plait_deferred_callback(deferred, value(1));
	end(deferred, "a1 ", 0);
}

/* ---- cancel ---- */

static void cancelled_without_a_canceller_it_may_fire_once_more(void)
{
	for (int late = 0; late < 2; late++) {
		struct plait_deferred *deferred = fresh();
		plait_add_both(deferred, swallow, "a");
		plait_deferred_cancel(deferred);
		plait_deferred_cancel(deferred);
		int fired = late == 0 ? plait_deferred_callback(deferred, value(1))
				      : plait_deferred_errback(deferred, failure_of(-20));
		CU_ASSERT_EQUAL(fired, 0);
		plait_deferred_cancel(deferred);
		CU_ASSERT_EQUAL(plait_deferred_callback(deferred, value(2)), PLAIT_ERROR_INVALID);
		end(deferred, "a-9 ", 0);
	}
}

static int cancels;

static void count_cancel(struct plait_deferred *deferred, void *arg)
{
	CU_ASSERT_PTR_NOT_NULL(deferred);
	CU_ASSERT_PTR_EQUAL(arg, &cancels);
	cancels++;
}

static struct plait_deferred *cancellable(plait_canceller_fn *canceller)
{
	cancels = 0;
	begin();
	return plait_deferred_new(canceller, &cancels);
}

static void a_canceller_is_called_once(void)
{
	struct plait_deferred *deferred = cancellable(count_cancel);
	plait_add_both(deferred, swallow, "a");
	plait_deferred_cancel(deferred);
	plait_deferred_cancel(deferred);
	CU_ASSERT_EQUAL(cancels, 1);
	CU_ASSERT_EQUAL(plait_deferred_callback(deferred, value(1)), PLAIT_ERROR_INVALID);
	end(deferred, "a-9 ", 0);
}

static void cancelling_a_fired_one_does_nothing(void)
{
	for (int first = 0; first < 2; first++) {
		struct plait_deferred *deferred = cancellable(count_cancel);
		if (first == 0)
			plait_deferred_callback(deferred, value(1));
		else
			plait_deferred_errback(deferred, failure_of(-20));
		plait_deferred_cancel(deferred);
		CU_ASSERT_EQUAL(cancels, 0);
		plait_add_both(deferred, swallow, "a");
		end(deferred, first == 0 ? "a1 " : "a-20 ", 0);
	}
}

static void cancel_with_value(struct plait_deferred *deferred, void *arg)
{
	count_cancel(deferred, arg);
	plait_deferred_callback(deferred, value(3));
}

static void cancel_with_failure(struct plait_deferred *deferred, void *arg)
{
	count_cancel(deferred, arg);
	plait_deferred_errback(deferred, failure_of(-20));
}

static void a_canceller_may_fire(void)
{
	struct plait_deferred *deferred = cancellable(cancel_with_value);
	plait_add_both(deferred, note, "a");
	plait_deferred_cancel(deferred);
	end(deferred, "a3 ", 0);

	deferred = cancellable(cancel_with_failure);
	plait_add_both(deferred, swallow, "a");
	plait_deferred_cancel(deferred);
	end(deferred, "a-20 ", 0);
}

static void cancel_again(struct plait_deferred *deferred, void *arg)
{
	count_cancel(deferred, arg);
	plait_deferred_cancel(deferred);
}

static void a_canceller_may_cancel(void)
{
	struct plait_deferred *deferred = cancellable(cancel_again);
	plait_add_both(deferred, swallow, "a");
	plait_deferred_cancel(deferred);
	CU_ASSERT_EQUAL(cancels, 1);
	end(deferred, "a-9 ", 0);
}

static void a_cancel_goes_to_the_inner_one(void)
{
	struct plait_deferred *inner = cancellable(count_cancel), *middle = plait_deferred_new(NULL, NULL),
			      *outer = plait_deferred_new(NULL, NULL);
	plait_add_callback(outer, go_later, plait_deferred_ref(middle));
	plait_deferred_callback(middle, plait_later(plait_deferred_ref(inner)));
	plait_deferred_callback(outer, value(1));
	plait_add_both(outer, swallow, "o");
	plait_add_both(inner, note, "i"); /* after the others took its result */
	plait_deferred_cancel(outer);
	CU_ASSERT_EQUAL(cancels, 1);
	plait_deferred_unref(&inner);
	plait_deferred_unref(&middle);
	end(outer, "o-9 i0 ", 0);
}

/* ---- the end ---- */

static void nobody_handled_it(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callback(deferred, note, "a");
	plait_deferred_errback(deferred, plait_failure(-33, "no %s", "luck"));
	CU_ASSERT_STRING_EQUAL(trace, "");
	int line = __LINE__ - 2;
	end(deferred, "", 1);
	char place[128];
	snprintf(place, sizeof(place), "no luck (-33), from %s at %s:%d\n", __func__, __FILE__, line);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, place));
}

static void a_failure_that_went_elsewhere_is_told_there(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_fail(failure_of(-20));
	plait_deferred_callback(outer, plait_later(plait_deferred_ref(inner)));
	plait_deferred_unref(&inner);
	CU_ASSERT_STRING_EQUAL(logged, "");
	end(outer, "", 1);
}

static void what_nobody_took_is_released(void)
{
	struct plait_deferred *deferred = fresh();
	plait_deferred_callback(deferred, value(1));
	CU_ASSERT_EQUAL(values_alive, 1);
	end(deferred, "", 0);

	deferred = fresh();
	plait_deferred_pause(deferred);
	plait_deferred_callback(deferred, value(1));
	end(deferred, "", 0);
	end(fresh(), "", 0);
}

static void one_that_nobody_can_fire_fails(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_callback(deferred, note, "a");
	plait_add_both(deferred, swallow, "b");
	plait_add_both(deferred, note, "c");
	end(deferred, "b-4 c0 ", 0);

	deferred = fresh();
	plait_add_callback(deferred, note, "a");
	end(deferred, "", 1);
}

static void one_that_nobody_can_unpause_goes_on(void)
{
	struct plait_deferred *deferred = fresh();
	plait_deferred_pause(deferred);
	plait_add_both(deferred, note, "a");
	plait_deferred_callback(deferred, value(1));
	end(deferred, "a1 ", 0);
}

static void who_waits_for_what_nobody_can_fire_fails(void)
{
	struct plait_deferred *outer = fresh(), *inner = plait_deferred_new(NULL, NULL);
	plait_add_callback(outer, go_later, inner);
	plait_add_both(outer, swallow, "a");
	plait_deferred_callback(outer, value(1));
	CU_ASSERT_STRING_EQUAL(trace, "a-4 ");

	inner = plait_deferred_new(NULL, NULL);
	plait_add_callback(outer, go_later, plait_deferred_ref(inner));
	plait_add_both(outer, swallow, "b");
	plait_deferred_unref(&inner);
	end(outer, "a-4 b-4 ", 0);
}

SUITE_MAIN("deferred", SUITE_TEST(a_value_goes_through_the_chain),
	   SUITE_TEST(a_failure_goes_to_errbacks_only), SUITE_TEST(of_a_pair_only_one_is_called),
	   SUITE_TEST(it_fires_once), SUITE_TEST(succeed_fail_and_maybe),
	   SUITE_TEST(a_callback_may_answer_later), SUITE_TEST(an_errback_may_answer_later),
	   SUITE_TEST(a_fired_one_answers_at_once), SUITE_TEST(the_order_around_a_chain),
	   SUITE_TEST(two_wait_for_one), SUITE_TEST(chains_nest), SUITE_TEST(a_paused_one_is_waited_for),
	   SUITE_TEST(one_that_answers_with_itself_fails), SUITE_TEST(a_circle_fails),
	   SUITE_TEST(a_circle_fails_though_others_wait_too), SUITE_TEST(pauses_are_counted),
	   SUITE_TEST(unpaused_before_it_fires),
	   SUITE_TEST(cancelled_without_a_canceller_it_may_fire_once_more),
	   SUITE_TEST(a_canceller_is_called_once), SUITE_TEST(cancelling_a_fired_one_does_nothing),
	   SUITE_TEST(a_canceller_may_fire), SUITE_TEST(a_canceller_may_cancel),
	   SUITE_TEST(a_cancel_goes_to_the_inner_one), SUITE_TEST(nobody_handled_it),
	   SUITE_TEST(a_failure_that_went_elsewhere_is_told_there), SUITE_TEST(what_nobody_took_is_released),
	   SUITE_TEST(one_that_nobody_can_fire_fails), SUITE_TEST(one_that_nobody_can_unpause_goes_on),
	   SUITE_TEST(who_waits_for_what_nobody_can_fire_fails))
