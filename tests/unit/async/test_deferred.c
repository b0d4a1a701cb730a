/* Deferreds: what a chain does with results, and how long it may be. */
#include <plait/deferred.h>

#include "tests/unit/suite.h"

static struct plait_result add_one(struct plait_result result, void *arg)
{
	(void)arg;
	return plait_value((char *)result.value + 1);
}

static struct plait_result keep(struct plait_result result, void *arg)
{
	*(struct plait_result *)arg = result;
	return plait_value(NULL);
}

static void a_value_goes_through_the_chain(void)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	struct plait_result last = { 0 };
	plait_add_callback(deferred, add_one, NULL);
	plait_add_callback(deferred, add_one, NULL);
	plait_add_both(deferred, keep, &last);
	CU_ASSERT_EQUAL(plait_deferred_callback(deferred, plait_value(NULL)), 0);
	CU_ASSERT_PTR_EQUAL(last.value, (char *)NULL + 2);
	CU_ASSERT_EQUAL(plait_deferred_callback(deferred, plait_value(NULL)), PLAIT_ERROR_INVALID);
	plait_deferred_unref(&deferred);
}

static struct plait_result wait_for(struct plait_result result, void *arg)
{
	(void)result;
	return plait_later(plait_deferred_ref(arg));
}

#define LENGTH 100000

static void a_long_chain_of_deferreds_does_not_grow_the_stack(void)
{
	static struct plait_deferred *chain[LENGTH];
	struct plait_result last = { 0 };
	for (int i = 0; i < LENGTH; i++)
		chain[i] = plait_deferred_new(NULL, NULL);
	for (int i = LENGTH - 2; i >= 0; i--) {
		plait_add_callback(chain[i], wait_for, chain[i + 1]);
		plait_deferred_callback(chain[i], plait_value(NULL));
	}
	plait_add_both(chain[0], keep, &last);
	plait_deferred_callback(chain[LENGTH - 1], plait_value(chain));
	CU_ASSERT_PTR_EQUAL(last.value, chain);
	for (int i = 0; i < LENGTH; i++)
		plait_deferred_unref(&chain[i]);
}

SUITE_MAIN("deferred", SUITE_TEST(a_value_goes_through_the_chain),
	   SUITE_TEST(a_long_chain_of_deferreds_does_not_grow_the_stack))
