/* Locks and semaphores: whose turn it is, and that no turn is lost. */
#include <plait/deferred_lock.h>
#include <plait/deferred_semaphore.h>

#include <string.h>

#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

#define MANY 10000

static struct plait_deferred_lock *lock;
static struct plait_deferred_semaphore *semaphore;

static struct plait_result hold(struct plait_result result, void *arg)
{
	CU_ASSERT_PTR_EQUAL(result.value, lock ? (void *)lock : (void *)semaphore);
	strcat(trace, arg);
	return plait_value(NULL);
}

static struct plait_deferred *acquire(const char *name)
{
	struct plait_deferred *deferred = lock ? plait_deferred_lock_acquire(lock)
					       : plait_deferred_semaphore_acquire(semaphore);
	return plait_add_callback(deferred, hold, (void *)(uintptr_t)name);
}

static void begin_lock(void)
{
	begin();
	semaphore = NULL;
	lock = plait_deferred_lock_new();
	CU_ASSERT_FALSE(plait_deferred_lock_held(lock));
}

static void begin_semaphore(unsigned tokens)
{
	begin();
	lock = NULL;
	semaphore = plait_deferred_semaphore_new(tokens);
}

static void one_at_a_time_in_order(void)
{
	begin_lock();
	struct plait_deferred *all[] = { acquire("a "), acquire("b "), acquire("c ") };
	CU_ASSERT_STRING_EQUAL(trace, "a ");
	CU_ASSERT_TRUE(plait_deferred_lock_held(lock));
	CU_ASSERT_EQUAL(plait_deferred_lock_waiting(lock), 2);
	CU_ASSERT_EQUAL(plait_deferred_lock_release(lock), 0);
	CU_ASSERT_STRING_EQUAL(trace, "a b ");
	CU_ASSERT_EQUAL(plait_deferred_lock_release(lock), 0);
	CU_ASSERT_TRUE(plait_deferred_lock_held(lock));
	CU_ASSERT_EQUAL(plait_deferred_lock_release(lock), 0);
	CU_ASSERT_FALSE(plait_deferred_lock_held(lock));
	CU_ASSERT_EQUAL(plait_deferred_lock_release(lock), PLAIT_ERROR_INVALID);
	for (int i = 0; i < 3; i++)
		plait_deferred_unref(&all[i]);
	plait_deferred_lock_free(&lock);
	CU_ASSERT_PTR_NULL(lock);
	plait_deferred_lock_free(&lock);
	finish("a b c ", 0);
}

static void so_many_at_a_time(void)
{
	begin_semaphore(2);
	CU_ASSERT_PTR_NULL(plait_deferred_semaphore_new(0));
	struct plait_deferred *all[] = { acquire("a "), acquire("b "), acquire("c "), acquire("d ") };
	CU_ASSERT_STRING_EQUAL(trace, "a b ");
	CU_ASSERT_EQUAL(plait_deferred_semaphore_tokens(semaphore), 0);
	CU_ASSERT_EQUAL(plait_deferred_semaphore_waiting(semaphore), 2);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(plait_deferred_semaphore_release(semaphore), 0);
		plait_deferred_unref(&all[i]);
	}
	CU_ASSERT_EQUAL(plait_deferred_semaphore_tokens(semaphore), 2);
	CU_ASSERT_EQUAL(plait_deferred_semaphore_release(semaphore), PLAIT_ERROR_INVALID);
	plait_deferred_semaphore_free(&semaphore);
	finish("a b c d ", 0);
}

static void a_cancelled_wait_is_left_out(void)
{
	begin_lock();
	struct plait_deferred *all[] = { acquire("a "), acquire("b "), acquire("c "), acquire("d ") };
	for (int i = 0; i < 4; i++)
		plait_add_errback(all[i], swallow, "");
	plait_deferred_cancel(all[0]); /* which has it: nothing */
	plait_deferred_cancel(all[2]);
	plait_deferred_cancel(all[1]);
	plait_deferred_cancel(all[1]);
	CU_ASSERT_EQUAL(plait_deferred_lock_waiting(lock), 1);
	plait_deferred_lock_release(lock);
	plait_deferred_lock_release(lock);
	for (int i = 0; i < 4; i++)
		plait_deferred_unref(&all[i]);
	plait_deferred_lock_free(&lock);
	finish("a -9 -9 d ", 0);
}

static void a_turn_that_nobody_takes_ends(void)
{
	begin_lock();
	struct plait_deferred *held = acquire("a "), *dropped = plait_deferred_lock_acquire(lock),
			      *let_go = plait_deferred_lock_acquire(lock), *last = acquire("b ");
	plait_deferred_unref(&let_go);
	plait_add_callback(dropped, swallow, NULL);
	plait_deferred_lock_release(lock);
	CU_ASSERT_STRING_EQUAL(trace, "a b ");
	plait_deferred_lock_release(lock);
	let_go = plait_deferred_lock_acquire(lock);
	CU_ASSERT_TRUE(plait_deferred_lock_held(lock));
	plait_deferred_unref(&let_go);
	CU_ASSERT_FALSE(plait_deferred_lock_held(lock));
	plait_deferred_unref(&held);
	plait_deferred_unref(&dropped);
	plait_deferred_unref(&last);
	plait_deferred_lock_free(&lock);
	finish("a b ", 0);
}

static struct plait_result work(void *arg)
{
	strcat(trace, arg);
	CU_ASSERT_TRUE(plait_deferred_lock_held(lock));
	return value(3);
}

static struct plait_result work_later(void *arg)
{
	strcat(trace, "later ");
	return plait_later(plait_deferred_ref(arg));
}

static struct plait_result fail(void *arg)
{
	strcat(trace, arg);
	return plait_failed(failure_of(-20));
}

static void run_holds_until_the_result_is_there(void)
{
	begin_lock();
	struct plait_deferred *slow = plait_deferred_new(NULL, NULL);
	struct plait_deferred *all[] = {
		plait_deferred_lock_run(lock, work, "at once "),
		plait_deferred_lock_run(lock, work_later, slow),
		plait_deferred_lock_run(lock, fail, "fail "),
		plait_deferred_lock_run(lock, work, "last "),
	};
	for (int i = 0; i < 4; i++)
		plait_add_both(all[i], swallow, "");
	CU_ASSERT_STRING_EQUAL(trace, "at once later 3 ");
	CU_ASSERT_TRUE(plait_deferred_lock_held(lock));
	plait_deferred_callback(slow, value(5));
	CU_ASSERT_FALSE(plait_deferred_lock_held(lock));
	plait_deferred_unref(&slow);
	for (int i = 0; i < 4; i++)
		plait_deferred_unref(&all[i]);
	plait_deferred_lock_free(&lock);
	finish("at once later 3 fail -20 last 3 5 ", 0);
}

static void run_is_cancelled_before_and_in_its_turn(void)
{
	begin_lock();
	struct plait_deferred *slow = plait_deferred_new(NULL, NULL);
	struct plait_deferred *all[] = {
		plait_deferred_lock_run(lock, work_later, slow),
		plait_deferred_lock_run(lock, work, "never "),
		plait_deferred_lock_run(lock, work, "last "),
	};
	for (int i = 0; i < 3; i++)
		plait_add_both(all[i], swallow, "");
	plait_deferred_cancel(all[1]);
	CU_ASSERT_STRING_EQUAL(trace, "later -9 ");
	plait_deferred_cancel(all[0]);
	plait_deferred_unref(&slow);
	for (int i = 0; i < 3; i++)
		plait_deferred_unref(&all[i]);
	CU_ASSERT_FALSE(plait_deferred_lock_held(lock));
	plait_deferred_lock_free(&lock);
	finish("later -9 last 3 -9 ", 0);
}

static void freed_while_it_is_waited_for(void)
{
	begin_lock();
	struct plait_deferred_lock *held = lock;
	struct plait_deferred *all[] = { acquire("a "), acquire("b "),
					 plait_deferred_lock_run(lock, work, "never ") };
	plait_add_both(all[1], swallow, "");
	plait_add_both(all[2], swallow, "");
	plait_deferred_lock_free(&lock);
	CU_ASSERT_STRING_EQUAL(trace, "a -4 -4 ");
	CU_ASSERT_EQUAL(plait_deferred_lock_release(held), 0);
	for (int i = 0; i < 3; i++)
		plait_deferred_unref(&all[i]);
	finish("a -4 -4 ", 0);
}

static struct plait_result ask_again(struct plait_result result, void *arg)
{
	struct plait_deferred *again = plait_deferred_lock_acquire(arg);
	plait_add_both(again, swallow, "again");
	plait_deferred_unref(&again);
	return swallow(result, "");
}

static void who_fails_may_ask_again(void)
{
	begin_lock();
	struct plait_deferred_lock *held = lock;
	struct plait_deferred *first = acquire("a "),
			      *second = plait_add_errback(plait_deferred_lock_acquire(lock), ask_again, lock);
	plait_deferred_lock_free(&lock);
	plait_deferred_lock_release(held);
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	finish("a again-4 -4 ", 0);
}

static struct plait_result release_at_failure(struct plait_result result, void *arg)
{
	CU_ASSERT_EQUAL(plait_deferred_lock_release(arg), 0);
	return swallow(result, "r");
}

/* Who fails gives back the turn that another had: the next in the queue must not get it. */
static void who_fails_may_release(void)
{
	begin_lock();
	struct plait_deferred *first = acquire("a "),
			      *second = plait_add_errback(plait_deferred_lock_acquire(lock),
							  release_at_failure, lock),
			      *third = plait_add_errback(acquire("b "), swallow, "b");
	plait_deferred_lock_free(&lock);
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	plait_deferred_unref(&third);
	finish("a r-4 b-4 ", 0);
}

static struct plait_deferred *pushed;

static struct plait_result release_and_ask(struct plait_result result, void *arg)
{
	(void)result;
	strcat(trace, arg);
	plait_deferred_lock_release(lock);
	pushed = acquire("pushed ");
	return plait_value(NULL);
}

/* The lock is free for a moment, but others wait longer. */
static void nobody_pushes_to_the_front(void)
{
	begin_lock();
	struct plait_deferred *first = acquire("a "), *second = plait_deferred_lock_acquire(lock),
			      *third = acquire("c ");
	plait_add_callback(second, release_and_ask, "b ");
	plait_deferred_lock_release(lock);
	CU_ASSERT_STRING_EQUAL(trace, "a b c ");
	plait_deferred_lock_release(lock);
	plait_deferred_lock_release(lock);
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	plait_deferred_unref(&third);
	plait_deferred_unref(&pushed);
	plait_deferred_lock_free(&lock);
	finish("a b c pushed ", 0);
}

static struct plait_result free_it(void *arg)
{
	(void)arg;
	plait_deferred_lock_free(&lock);
	return plait_value(NULL);
}

static void freed_by_who_holds_it(void)
{
	begin_lock();
	struct plait_deferred *first = plait_deferred_lock_run(lock, free_it, NULL);
	plait_deferred_unref(&first);
	finish("", 0);

	begin_lock();
	first = acquire("a ");
	struct plait_deferred *second = plait_deferred_lock_run(lock, free_it, NULL),
			      *third = plait_add_errback(acquire("b "), swallow, "");
	plait_deferred_lock_release(lock);
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	plait_deferred_unref(&third);
	finish("a -4 ", 0);
}

static int runs;

static struct plait_result count_run(void *arg)
{
	(void)arg;
	runs++;
	return plait_value(NULL);
}

/* Each ends its turn at once; none does so from inside the end of the one before. */
static void many_turns_in_a_row(void)
{
	static struct plait_deferred *all[MANY];
	begin_lock();
	runs = 0;
	struct plait_deferred *first = acquire("a ");
	for (int i = 0; i < MANY; i++)
		all[i] = plait_deferred_lock_run(lock, count_run, NULL);
	CU_ASSERT_EQUAL(runs, 0);
	plait_deferred_lock_release(lock);
	CU_ASSERT_EQUAL(runs, MANY);
	for (int i = 0; i < MANY; i++)
		plait_deferred_unref(&all[i]);
	plait_deferred_unref(&first);
	plait_deferred_lock_free(&lock);
	finish("a ", 0);
}

SUITE_MAIN("deferred_lock", SUITE_TEST(one_at_a_time_in_order), SUITE_TEST(so_many_at_a_time),
	   SUITE_TEST(a_cancelled_wait_is_left_out), SUITE_TEST(a_turn_that_nobody_takes_ends),
	   SUITE_TEST(run_holds_until_the_result_is_there),
	   SUITE_TEST(run_is_cancelled_before_and_in_its_turn), SUITE_TEST(freed_while_it_is_waited_for),
	   SUITE_TEST(who_fails_may_ask_again), SUITE_TEST(who_fails_may_release),
	   SUITE_TEST(nobody_pushes_to_the_front), SUITE_TEST(freed_by_who_holds_it),
	   SUITE_TEST(many_turns_in_a_row))
