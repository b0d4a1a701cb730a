/* Lists, gathers and races: of what is to come, what is there already, and of nothing. */
#include <plait/deferred_list.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

#define COUNT 3

static struct plait_deferred *inputs[COUNT];

static void note_cancel(struct plait_deferred *deferred, void *arg)
{
	(void)deferred;
	strcat(trace, arg);
}

/* The test keeps a reference to each, to fire it. */
static void make_inputs(void)
{
	static const char *const names[COUNT] = { "x0 ", "x1 ", "x2 " };
	begin();
	for (int i = 0; i < COUNT; i++) {
		inputs[i] = plait_deferred_new(note_cancel, (void *)(uintptr_t)names[i]);
		plait_deferred_ref(inputs[i]);
	}
}

static void drop_inputs(void)
{
	for (int i = 0; i < COUNT; i++)
		plait_deferred_unref(&inputs[i]);
}

/* "[1 -8 . | 2] ": the outcomes, "." for none yet, and the index. */
static struct plait_result note_outcomes(struct plait_result result, void *arg)
{
	(void)arg;
	if (result.failure) {
		snprintf(trace + strlen(trace), 64, "failed %d of %d ", result.failure->code,
			 result.failure->index);
		CU_ASSERT_TRUE(result.failure->index < 0 ||
			       strcmp(result.failure->function, "failure_of") == 0 ||
			       result.failure->code == PLAIT_ERROR_CANCELLED);
		return result;
	}
	const struct plait_outcomes *outcomes = result.value;
	strcat(trace, "[");
	for (size_t i = 0; i < outcomes->count; i++) {
		const struct plait_outcome *outcome = &outcomes->items[i];
		if (!outcome->done)
			strcat(trace, ". ");
		else
			note(outcome->result, "");
	}
	snprintf(trace + strlen(trace), 64, "| %zu] ", outcomes->index);
	return result;
}

static struct plait_deferred *list_of_inputs(unsigned flags)
{
	make_inputs();
	struct plait_deferred *list = plait_deferred_list(inputs, COUNT, flags);
	return plait_add_both(list, note_outcomes, NULL);
}

static void fire(int i, int number)
{
	if (number < 0)
		plait_deferred_errback(inputs[i], failure_of(number));
	else
		plait_deferred_callback(inputs[i], value(number));
}

static void end(struct plait_deferred *list, const char *expected, unsigned unhandled)
{
	plait_add_errback(list, swallow, NULL);
	plait_deferred_unref(&list);
	drop_inputs();
	finish(expected, unhandled);
}

static void a_list_waits_for_all(void)
{
	struct plait_deferred *list = list_of_inputs(0);
	fire(2, 12);
	fire(0, -8);
	CU_ASSERT_STRING_EQUAL(trace, "");
	fire(1, 11);
	end(list, "[-8 11 12 | 3] ", 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "from failure_of"));
}

static void a_list_takes_values_and_shares_failures(void)
{
	struct plait_deferred *list = list_of_inputs(0);
	plait_add_both(inputs[0], note, "a");
	plait_add_both(inputs[1], swallow, "b");
	fire(0, 1);
	fire(1, -8);
	fire(2, 2);
	end(list, "a0 b-8 [1 -8 2 | 3] ", 0);
}

static void a_list_consumes_errors(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_CONSUME_ERRORS);
	plait_add_both(inputs[0], note, "a");
	fire(0, -8);
	fire(1, -7);
	fire(2, 1);
	end(list, "a0 [-8 -7 1 | 3] ", 0);
}

static void a_list_fires_on_one_callback(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_FIRE_ON_ONE_CALLBACK | PLAIT_CONSUME_ERRORS);
	fire(2, -8);
	fire(1, 5);
	CU_ASSERT_STRING_EQUAL(trace, "[. 5 -8 | 1] ");
	plait_add_both(inputs[0], note, "a");
	fire(0, 6);
	end(list, "[. 5 -8 | 1] a6 ", 0);
}

static void a_list_for_one_callback_may_get_none(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_FIRE_ON_ONE_CALLBACK | PLAIT_CONSUME_ERRORS);
	fire(0, -8);
	fire(1, -8);
	fire(2, -7);
	end(list, "[-8 -8 -7 | 3] ", 0);
}

static void a_list_fires_on_one_errback(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_FIRE_ON_ONE_ERRBACK);
	fire(2, 1);
	CU_ASSERT_EQUAL(values_alive, 1);
	fire(1, -8);
	CU_ASSERT_EQUAL(values_alive, 0);
	fire(0, -7);
	end(list, "failed -8 of 1 ", 2);
}

static void cancelling_a_list_cancels_all(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_CONSUME_ERRORS);
	fire(1, 1);
	plait_deferred_cancel(list);
	plait_deferred_cancel(list);
	end(list, "x0 x2 [-9 1 -9 | 3] ", 0);
}

static void cancelling_a_fired_list_does_nothing(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_FIRE_ON_ONE_CALLBACK);
	fire(1, 1);
	plait_deferred_cancel(list);
	fire(0, 2);
	fire(2, 3);
	end(list, "[. 1 . | 1] ", 0);
}

/* One input is paused, so that its end does not reach the list. */
static void a_list_that_cannot_end_its_inputs_is_cancelled_all_the_same(void)
{
	struct plait_deferred *list = list_of_inputs(PLAIT_CONSUME_ERRORS);
	plait_deferred_pause(inputs[1]);
	plait_deferred_cancel(list);
	CU_ASSERT_STRING_EQUAL(trace, "x0 x1 x2 failed -9 of -1 ");
	plait_deferred_unpause(inputs[1]);
	end(list, "x0 x1 x2 failed -9 of -1 ", 0);
}

static void a_gather_has_all_values_or_the_first_failure(void)
{
	make_inputs();
	struct plait_deferred *list = plait_add_both(plait_gather(inputs, COUNT), note_outcomes, NULL);
	fire(1, 1);
	fire(0, 2);
	fire(2, 3);
	end(list, "[2 1 3 | 3] ", 0);

	make_inputs();
	list = plait_add_both(plait_gather(inputs, COUNT), note_outcomes, NULL);
	fire(1, 1);
	fire(2, -8);
	fire(0, -7);
	end(list, "failed -8 of 2 ", 0);

	make_inputs();
	list = plait_add_both(plait_gather(inputs, COUNT), note_outcomes, NULL);
	plait_deferred_cancel(list);
	end(list, "x0 failed -9 of 0 x1 x2 ", 0);
}

static void a_race_has_a_winner(void)
{
	make_inputs();
	struct plait_deferred *race = plait_add_both(plait_race(inputs, COUNT), note, "w");
	fire(0, -8);
	CU_ASSERT_STRING_EQUAL(trace, "");
	fire(2, 5);
	end(race, "x1 w5 ", 0);
}

static struct plait_result note_text(struct plait_result result, void *arg)
{
	note(result, arg);
	strcat(trace, result.failure->text);
	CU_ASSERT_STRING_EQUAL(result.failure->function, "failure_of");
	return result;
}

static void a_race_that_all_lose_fails(void)
{
	make_inputs();
	struct plait_deferred *race = plait_add_errback(plait_race(inputs, COUNT), note_text, "w");
	fire(1, -8);
	fire(2, -7);
	fire(0, -10);
	end(race, "w-10 failed on purpose; failed on purpose; failed on purpose", 0);

	make_inputs();
	race = plait_add_both(plait_race(inputs, COUNT), note, "w");
	plait_deferred_cancel(race);
	end(race, "x0 x1 x2 w-9 ", 0);
}

static void win_late(struct plait_deferred *deferred, void *arg)
{
	strcat(trace, arg);
	plait_deferred_callback(deferred, value(9));
}

/* As in Twisted, the first one stays the winner. */
static void a_loser_that_wins_when_cancelled_has_lost(void)
{
	begin();
	struct plait_deferred *both[2] = { plait_deferred_new(win_late, "x0 "),
					   plait_deferred_new(NULL, NULL) },
			      *first = plait_deferred_ref(both[0]), *second = plait_deferred_ref(both[1]);
	struct plait_deferred *race = plait_add_both(plait_race(both, 2), note, "w");
	plait_deferred_callback(second, value(1));
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	plait_deferred_unref(&race);
	finish("x0 w1 ", 0);
}

static void none_at_all(void)
{
	begin();
	struct plait_deferred *all[4] = {
		plait_deferred_list(NULL, 0, 0),
		plait_deferred_list(NULL, 0, PLAIT_FIRE_ON_ONE_CALLBACK | PLAIT_FIRE_ON_ONE_ERRBACK),
		plait_gather(NULL, 0),
		plait_race(NULL, 0),
	};
	for (int i = 0; i < 4; i++) {
		plait_add_errback(plait_add_both(all[i], note_outcomes, NULL), swallow, NULL);
		plait_deferred_unref(&all[i]);
	}
	finish("[| 0] [| 0] [| 0] failed -1 of -1 ", 0);
}

static void fired_inputs(struct plait_deferred **fired)
{
	begin();
	fired[0] = plait_fail(failure_of(-8));
	fired[1] = plait_succeed(value(1));
	fired[2] = plait_succeed(value(2));
}

static void end_one(struct plait_deferred *list)
{
	plait_add_errback(plait_add_both(list, note_outcomes, NULL), swallow, NULL);
	plait_deferred_unref(&list);
}

static void all_fired_already(void)
{
	struct plait_deferred *fired[COUNT];
	fired_inputs(fired);
	end_one(plait_deferred_list(fired, COUNT, PLAIT_CONSUME_ERRORS));
	finish("[-8 1 2 | 3] ", 0);

	fired_inputs(fired);
	end_one(plait_deferred_list(fired, COUNT, PLAIT_CONSUME_ERRORS | PLAIT_FIRE_ON_ONE_CALLBACK));
	finish("[-8 1 . | 1] ", 0);

	fired_inputs(fired);
	end_one(plait_deferred_list(fired, COUNT, PLAIT_FIRE_ON_ONE_ERRBACK));
	finish("failed -8 of 0 ", 1);

	fired_inputs(fired);
	end_one(plait_gather(fired, COUNT));
	finish("failed -8 of 0 ", 0);

	fired_inputs(fired);
	struct plait_deferred *race = plait_add_both(plait_race(fired, COUNT), note, "w");
	plait_deferred_unref(&race);
	finish("w1 ", 0);
}

/* Those that come after the winner in the array are cancelled, too. */
static void a_race_that_is_won_already_cancels_the_rest(void)
{
	make_inputs();
	fire(1, 4);
	struct plait_deferred *race = plait_add_both(plait_race(inputs, COUNT), note, "w");
	end(race, "x0 x2 w4 ", 0);
}

static void inputs_that_nobody_can_fire_fail(void)
{
	make_inputs();
	struct plait_deferred *list = plait_add_both(plait_deferred_list(inputs, COUNT, PLAIT_CONSUME_ERRORS),
						     note_outcomes, NULL);
	fire(1, 1);
	drop_inputs();
	CU_ASSERT_STRING_EQUAL(trace, "[-4 1 -4 | 3] ");
	plait_deferred_unref(&list);
	finish("[-4 1 -4 | 3] ", 0);
}

static void a_list_that_nobody_holds_is_filled_all_the_same(void)
{
	struct plait_deferred *list = list_of_inputs(0);
	plait_deferred_unref(&list);
	fire(0, 1);
	fire(1, 2);
	fire(2, 3);
	drop_inputs();
	finish("[1 2 3 | 3] ", 0);
}

/* A Deferred that waits for a list it is in: a deadlock, which cancelling either ends. */
static void a_list_that_waits_for_itself_can_be_cancelled(void)
{
	make_inputs();
	struct plait_deferred *first = plait_deferred_ref(inputs[0]);
	struct plait_deferred *list = plait_deferred_list(inputs, COUNT, PLAIT_CONSUME_ERRORS);
	plait_deferred_callback(first, plait_later(list));
	plait_deferred_unref(&first);
	fire(1, 1);
	fire(2, 2);
	plait_add_both(inputs[0], note, "a");
	plait_deferred_cancel(inputs[0]);
	plait_add_both(inputs[0], swallow, "b");
	drop_inputs();
	finish("a0 b0 ", 0);
}

SUITE_MAIN("deferred_list", SUITE_TEST(a_list_waits_for_all),
	   SUITE_TEST(a_list_takes_values_and_shares_failures), SUITE_TEST(a_list_consumes_errors),
	   SUITE_TEST(a_list_fires_on_one_callback), SUITE_TEST(a_list_for_one_callback_may_get_none),
	   SUITE_TEST(a_list_fires_on_one_errback), SUITE_TEST(cancelling_a_list_cancels_all),
	   SUITE_TEST(cancelling_a_fired_list_does_nothing),
	   SUITE_TEST(a_list_that_cannot_end_its_inputs_is_cancelled_all_the_same),
	   SUITE_TEST(a_gather_has_all_values_or_the_first_failure), SUITE_TEST(a_race_has_a_winner),
	   SUITE_TEST(a_race_that_all_lose_fails), SUITE_TEST(a_loser_that_wins_when_cancelled_has_lost),
	   SUITE_TEST(none_at_all), SUITE_TEST(all_fired_already),
	   SUITE_TEST(a_race_that_is_won_already_cancels_the_rest),
	   SUITE_TEST(inputs_that_nobody_can_fire_fail),
	   SUITE_TEST(a_list_that_nobody_holds_is_filled_all_the_same),
	   SUITE_TEST(a_list_that_waits_for_itself_can_be_cancelled))
