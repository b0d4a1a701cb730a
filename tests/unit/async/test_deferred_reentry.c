/* What a callback may do to its own Deferred and to others while it is called. */
#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

static struct plait_deferred *self, *other;

static struct plait_deferred *fresh(void)
{
	begin();
	return plait_deferred_new(NULL, NULL);
}

static struct plait_result add_two(struct plait_result result, void *arg)
{
	result = note(result, arg);
	plait_add_callback(self, note, "x");
	plait_add_callback(self, note, "y");
	return note(result, arg);
}

static void added_ones_run_after_those_there(void)
{
	self = fresh();
	plait_add_callback(self, add_two, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(self, value(1));
	plait_add_callback(self, add_two, "c");
	plait_deferred_unref(&self);
	finish("a1 a1 b1 x1 y1 c1 c1 x1 y1 ", 0);
}

static struct plait_result add_and_fail(struct plait_result result, void *arg)
{
	plait_add_errback(self, note, "x");
	return turn_bad(result, arg);
}

static void added_ones_get_what_was_answered(void)
{
	self = fresh();
	plait_add_callback(self, add_and_fail, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(self, value(1));
	plait_add_errback(self, swallow, "c");
	plait_deferred_unref(&self);
	finish("a1 x-8 c-8 ", 0);
}

static struct plait_result fire_self(struct plait_result result, void *arg)
{
	CU_ASSERT_FALSE(plait_deferred_called(self));
	CU_ASSERT_EQUAL(plait_deferred_callback(self, value(9)), PLAIT_ERROR_INVALID);
	plait_deferred_cancel(self);
	return note(result, arg);
}

static void one_that_fires_itself_again(void)
{
	self = fresh();
	plait_add_callback(self, fire_self, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(self, value(1));
	plait_deferred_unref(&self);
	finish("a1 b1 ", 0);
}

static struct plait_result fire_other(struct plait_result result, void *arg)
{
	plait_deferred_callback(other, value(2));
	return note(result, arg);
}

static void one_that_fires_another(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_add_callback(other, add_two, "o");
	plait_add_callback(self, fire_other, "a");
	plait_deferred_callback(self, value(1));
	plait_deferred_unref(&self);
	plait_deferred_unref(&other);
	finish("o2 o2 a1 x1 y1 ", 0);
}

static struct plait_result pause_self(struct plait_result result, void *arg)
{
	plait_deferred_pause(self);
	return note(result, arg);
}

static struct plait_result unpause_self(struct plait_result result, void *arg)
{
	plait_deferred_pause(self);
	plait_deferred_unpause(self);
	return note(result, arg);
}

static void one_that_pauses_itself(void)
{
	self = fresh();
	plait_add_callback(self, unpause_self, "a");
	plait_add_callback(self, pause_self, "b");
	plait_add_callback(self, note, "c");
	plait_deferred_callback(self, value(1));
	CU_ASSERT_STRING_EQUAL(trace, "a1 b1 ");
	plait_deferred_unpause(self);
	plait_deferred_unref(&self);
	finish("a1 b1 c1 ", 0);
}

static struct plait_result drop_self(struct plait_result result, void *arg)
{
	plait_deferred_unref(&self);
	return note(result, arg);
}

static void one_that_drops_the_last_reference(void)
{
	self = fresh();
	plait_add_callback(self, drop_self, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(self, value(1));
	CU_ASSERT_PTR_NULL(self);
	finish("a1 b1 ", 0);

	begin();
	self = plait_succeed(value(2));
	plait_add_callback(self, drop_self, "a");
	finish("a2 ", 0);

	self = fresh();
	plait_add_both(self, drop_self, "a");
	plait_deferred_cancel(self);
	finish("a-9 ", 1);
}

static struct plait_result drop_paused(struct plait_result result, void *arg)
{
	plait_deferred_pause(self);
	plait_deferred_unref(&self);
	return note(result, arg);
}

static void one_that_pauses_itself_and_lets_go(void)
{
	self = fresh();
	plait_add_callback(self, drop_paused, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(self, value(1));
	finish("a1 b1 ", 0);
}

/* The last reference goes while it waits for another, which somebody can fire. */
static void one_that_is_waiting_outlives_its_holders(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_add_callback(self, note, "a");
	plait_deferred_callback(self, plait_later(plait_deferred_ref(other)));
	plait_deferred_unref(&self);
	plait_deferred_callback(other, value(2));
	plait_deferred_unref(&other);
	finish("a2 ", 0);
}

static struct plait_result keep_self(struct plait_result result, void *arg)
{
	self = plait_deferred_ref(arg);
	return note(result, "a");
}

/* A callback that runs for want of anybody who could fire may still take a reference. */
static void one_that_is_kept_at_its_end(void)
{
	struct plait_deferred *deferred = fresh();
	plait_add_both(deferred, keep_self, deferred);
	plait_deferred_unref(&deferred);
	plait_add_both(self, swallow, "b");
	plait_deferred_unref(&self);
	finish("a-4 b-4 ", 0);
}

static struct plait_result cancel_other(struct plait_result result, void *arg)
{
	plait_deferred_cancel(other);
	return note(result, arg);
}

/* The outer one is cancelled by a callback of the one it waits for, which is on its way already. */
static void one_that_cancels_who_waits_for_it(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_add_callback(self, cancel_other, "a");
	plait_deferred_callback(other, plait_later(plait_deferred_ref(self)));
	plait_add_both(other, note, "b");
	plait_deferred_callback(self, value(1));
	plait_deferred_unref(&self);
	plait_deferred_unref(&other);
	finish("a1 b1 ", 0);
}

static struct plait_result wait_for_other(struct plait_result result, void *arg)
{
	note(result, arg);
	plait_result_drop(&result);
	return plait_later(plait_deferred_ref(other));
}

/* It waits for the one whose result it goes on with, which has none left: an empty value. */
static void one_that_answers_with_where_its_result_came_from(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_deferred_callback(self, plait_later(plait_deferred_ref(other)));
	plait_add_callback(self, wait_for_other, "a");
	plait_add_callback(self, note, "b");
	plait_deferred_callback(other, value(1));
	plait_deferred_unref(&self);
	plait_deferred_unref(&other);
	finish("a1 b0 ", 0);
}

static struct plait_result close_circle(struct plait_result result, void *arg)
{
	plait_result_drop(&result);
	(void)arg;
	return plait_later(plait_deferred_ref(other));
}

/* other waits for self, whose callback answers with other. */
static void one_that_closes_a_circle(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_add_callback(self, close_circle, NULL);
	plait_deferred_callback(other, plait_later(plait_deferred_ref(self)));
	plait_add_both(other, swallow, "o");
	plait_deferred_callback(self, value(1));
	plait_add_both(self, note, "s");
	plait_deferred_unref(&self);
	plait_deferred_unref(&other);
	finish("o-1 s0 ", 0);
}

static void unref_other(void *arg)
{
	(void)arg;
	plait_deferred_unref(&other);
}

/* A value that holds a Deferred, which ends with it. */
static void one_whose_value_is_the_last_holder(void)
{
	self = fresh();
	other = plait_deferred_new(NULL, NULL);
	plait_add_both(other, swallow, "o");
	plait_deferred_callback(self, plait_owned(other, unref_other));
	plait_deferred_unref(&self);
	finish("o-4 ", 0);
}

SUITE_MAIN("deferred_reentry", SUITE_TEST(added_ones_run_after_those_there),
	   SUITE_TEST(added_ones_get_what_was_answered), SUITE_TEST(one_that_fires_itself_again),
	   SUITE_TEST(one_that_fires_another), SUITE_TEST(one_that_pauses_itself),
	   SUITE_TEST(one_that_drops_the_last_reference), SUITE_TEST(one_that_pauses_itself_and_lets_go),
	   SUITE_TEST(one_that_is_waiting_outlives_its_holders), SUITE_TEST(one_that_is_kept_at_its_end),
	   SUITE_TEST(one_that_cancels_who_waits_for_it),
	   SUITE_TEST(one_that_answers_with_where_its_result_came_from), SUITE_TEST(one_that_closes_a_circle),
	   SUITE_TEST(one_whose_value_is_the_last_holder))
