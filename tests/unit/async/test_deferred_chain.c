/* Chains of 100,000 Deferreds, on a stack that would not hold them if each took a frame of it. */
#include <pthread.h>
#include <stdint.h>

#include "tests/unit/async/fixture.h"
#include "tests/unit/suite.h"

#define LENGTH 100000
#define STACK ((size_t)256 * 1024) /* less than 3 bytes for each */

static struct plait_deferred *chain[LENGTH], *combs[LENGTH];
static unsigned passed;

static void *run_test(void *test)
{
	((void (*)(void))(uintptr_t)test)();
	return NULL;
}

static void on_a_small_stack(void (*test)(void))
{
	pthread_attr_t attributes;
	pthread_t thread;
	pthread_attr_init(&attributes);
	CU_ASSERT_EQUAL_FATAL(pthread_attr_setstacksize(&attributes, STACK), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, &attributes, run_test, (void *)(uintptr_t)test), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
}

static struct plait_result pass(struct plait_result result, void *arg)
{
	(void)arg;
	passed++;
	return result;
}

static void make_chain(void)
{
	begin();
	passed = 0;
	for (int i = 0; i < LENGTH; i++)
		chain[i] = plait_deferred_new(NULL, NULL);
}

static void wait_for_next(int i)
{
	plait_add_callback(chain[i], go_later, plait_deferred_ref(chain[i + 1]));
	plait_add_both(chain[i], pass, NULL);
}

static void drop_chain(void)
{
	for (int i = 0; i < LENGTH; i++)
		plait_deferred_unref(&chain[i]);
}

static void fire_last_and_drop(struct plait_deferred *outermost)
{
	plait_add_callback(outermost, note, "a");
	plait_deferred_callback(chain[LENGTH - 1], value(1));
	CU_ASSERT_EQUAL(passed, LENGTH - 1);
	drop_chain();
	finish("a1 ", 0);
}

/* Each begins to wait for one that waits already. */
static void make_waiting_chain(void)
{
	make_chain();
	for (int i = LENGTH - 2; i >= 0; i--) {
		wait_for_next(i);
		plait_deferred_callback(chain[i], plait_value(NULL));
	}
}

static void from_the_inner_end(void)
{
	make_waiting_chain();
	fire_last_and_drop(chain[0]);
}

/* Each begins to wait for one that has not fired. */
static void from_the_outer_end(void)
{
	make_chain();
	for (int i = 0; i < LENGTH - 1; i++)
		wait_for_next(i);
	for (int i = 0; i < LENGTH - 1; i++)
		plait_deferred_callback(chain[i], plait_value(NULL));
	fire_last_and_drop(chain[0]);
}

/* Two long ends, joined last. */
static void from_both_ends(void)
{
	make_chain();
	for (int i = 0; i < LENGTH / 2; i++)
		plait_deferred_callback(chain[i], plait_later(plait_deferred_ref(chain[i + 1])));
	for (int i = LENGTH - 2; i >= LENGTH / 2; i--)
		plait_deferred_callback(chain[i], plait_later(plait_deferred_ref(chain[i + 1])));
	passed = LENGTH - 1;
	fire_last_and_drop(chain[0]);
}

/* Each is waited for already when it begins to wait for a long chain. */
static void as_a_comb(void)
{
	make_chain();
	for (int i = 0; i < LENGTH; i++) {
		combs[i] = plait_deferred_new(NULL, NULL);
		plait_deferred_callback(combs[i], plait_later(plait_deferred_ref(chain[i])));
	}
	for (int i = LENGTH - 2; i >= 0; i--)
		plait_deferred_callback(chain[i], plait_later(plait_deferred_ref(chain[i + 1])));
	plait_add_callback(combs[LENGTH - 1], swallow, "a"); /* the first that waits for the last */
	passed = LENGTH - 1;
	plait_deferred_callback(chain[LENGTH - 1], value(1));
	for (int i = 0; i < LENGTH; i++)
		plait_add_callback(combs[i], pass, NULL);
	CU_ASSERT_EQUAL(passed, 2 * LENGTH - 1);
	for (int i = 0; i < LENGTH; i++)
		plait_deferred_unref(&combs[i]);
	drop_chain();
	finish("a1 ", 0);
}

/* All have fired but the first. */
static void of_fired_ones(void)
{
	begin();
	chain[LENGTH - 1] = plait_succeed(value(1));
	for (int i = LENGTH - 2; i >= 0; i--) {
		chain[i] = plait_succeed(plait_value(NULL));
		plait_add_callback(chain[i], go_later, plait_deferred_ref(chain[i + 1]));
	}
	plait_add_callback(chain[0], note, "a");
	drop_chain();
	finish("a1 ", 0);
}

static struct plait_result go_to_fresh_succeeded(struct plait_result result, void *arg)
{
	(void)arg;
	return plait_later(plait_succeed(result));
}

static void of_one_with_many_callbacks(void)
{
	begin();
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	for (int i = 0; i < LENGTH; i++)
		plait_add_callback(deferred, go_to_fresh_succeeded, NULL);
	plait_add_callback(deferred, note, "a");
	plait_deferred_callback(deferred, value(1));
	plait_deferred_unref(&deferred);
	finish("a1 ", 0);
}

static struct plait_result go_to_nobody(struct plait_result result, void *arg)
{
	(void)arg;
	passed++;
	plait_result_drop(&result);
	return plait_later(plait_deferred_new(NULL, NULL));
}

/* Each answer is a Deferred that nobody can fire. */
static void of_abandoned_answers(void)
{
	begin();
	passed = 0;
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	for (int i = 0; i < LENGTH; i++)
		plait_add_both(deferred, go_to_nobody, NULL);
	plait_add_both(deferred, swallow, "a");
	plait_deferred_callback(deferred, value(1));
	plait_deferred_unref(&deferred);
	CU_ASSERT_EQUAL(passed, LENGTH);
	finish("a-4 ", 0);
}

static void make_chain_for_one(void)
{
	make_waiting_chain();
	plait_add_both(chain[0], swallow, "a");
}

static void one_that_is_cancelled(void)
{
	make_chain_for_one();
	plait_deferred_cancel(chain[0]);
	CU_ASSERT_EQUAL(passed, LENGTH - 1);
	drop_chain();
	finish("a-9 ", 0);
}

static void one_that_is_let_go(void)
{
	make_chain_for_one();
	drop_chain();
	CU_ASSERT_EQUAL(passed, LENGTH - 1);
	finish("a-4 ", 0);
}

static struct plait_result pause_it(struct plait_result result, void *arg)
{
	plait_deferred_pause(arg);
	return pass(result, NULL);
}

/* Each pauses itself and has nobody who could unpause it. */
static void one_that_pauses_and_is_let_go(void)
{
	make_chain();
	for (int i = LENGTH - 2; i >= 0; i--) {
		plait_deferred_callback(chain[i], plait_later(plait_deferred_ref(chain[i + 1])));
		plait_add_both(chain[i], pause_it, chain[i]);
		if (i > 0)
			plait_add_both(chain[i], pass, NULL);
	}
	plait_add_both(chain[0], swallow, "a");
	drop_chain();
	CU_ASSERT_EQUAL(passed, 2 * LENGTH - 3);
	finish("a-4 ", 0);
}

static struct plait_result go_deeper(struct plait_result result, void *arg)
{
	if (++passed == LENGTH)
		return result;
	struct plait_deferred *next = plait_succeed(result);
	(void)arg;
	/* Paused, so that its callback runs only when it is waited for and nobody else holds it. */
	plait_deferred_pause(next);
	plait_add_both(next, go_deeper, NULL);
	return plait_later(next);
}

/* Each is made by the callback of the one that waits for it, and let go at once. */
static void one_that_is_made_as_it_runs(void)
{
	begin();
	passed = 0;
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_add_both(deferred, go_deeper, NULL);
	plait_add_both(deferred, swallow, "a");
	plait_deferred_callback(deferred, value(1));
	plait_deferred_unref(&deferred);
	finish("a1 ", 0);
}

#define ON_A_SMALL_STACK(test)                                                                               \
	static void test##_on_a_small_stack(void)                                                            \
	{                                                                                                    \
		on_a_small_stack(test);                                                                      \
	}
ON_A_SMALL_STACK(from_the_inner_end)
ON_A_SMALL_STACK(from_the_outer_end)
ON_A_SMALL_STACK(from_both_ends)
ON_A_SMALL_STACK(as_a_comb)
ON_A_SMALL_STACK(of_fired_ones)
ON_A_SMALL_STACK(of_one_with_many_callbacks)
ON_A_SMALL_STACK(of_abandoned_answers)
ON_A_SMALL_STACK(one_that_is_cancelled)
ON_A_SMALL_STACK(one_that_is_let_go)
ON_A_SMALL_STACK(one_that_pauses_and_is_let_go)
ON_A_SMALL_STACK(one_that_is_made_as_it_runs)

SUITE_MAIN("deferred_chain", SUITE_TEST(from_the_inner_end_on_a_small_stack),
	   SUITE_TEST(from_the_outer_end_on_a_small_stack), SUITE_TEST(from_both_ends_on_a_small_stack),
	   SUITE_TEST(as_a_comb_on_a_small_stack), SUITE_TEST(of_fired_ones_on_a_small_stack),
	   SUITE_TEST(of_one_with_many_callbacks_on_a_small_stack),
	   SUITE_TEST(of_abandoned_answers_on_a_small_stack),
	   SUITE_TEST(one_that_is_cancelled_on_a_small_stack),
	   SUITE_TEST(one_that_is_let_go_on_a_small_stack),
	   SUITE_TEST(one_that_pauses_and_is_let_go_on_a_small_stack),
	   SUITE_TEST(one_that_is_made_as_it_runs_on_a_small_stack))
