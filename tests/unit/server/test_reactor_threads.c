/* The reactor's threads: one pool for all loops, which ends with it. */
#include <pthread.h>

#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

#define LOOPS 3

static atomic_int released;

static void release(void *value)
{
	(void)value;
	released++;
}

static struct plait_result note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
	expect(!plait_loop_current());
	return plait_owned(arg, release);
}

static struct plait_result on_its_loop(struct plait_result result, void *loop)
{
	expect(plait_loop_current() == loop && result.value != NULL);
	plait_result_drop(&result);
	if (atomic_fetch_add(&called, 1) == LOOPS - 1)
		plait_reactor_stop(reactor);
	return plait_value(NULL);
}

static pthread_t threads[LOOPS];

static void defer(void *loop)
{
	struct plait_deferred *deferred = plait_defer_to_thread(loop, note_thread,
								&threads[plait_loop_index(loop)]);
	plait_add_both(deferred, on_its_loop, loop);
	plait_deferred_unref(&deferred);
}

static void results_come_to_the_loop_that_asked(void)
{
	released = 0;
	trial_begin(LOOPS);
	for (unsigned i = 0; i < LOOPS; i++)
		plait_call_when_running(loop_of(i), defer, loop_of(i));
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), LOOPS);
	CU_ASSERT_EQUAL(released, LOOPS);
	trial_finish();
}

static void all_loops_share_one_pool(void)
{
	struct plait_thread_settings settings = { .max = 1 };
	trial_begin(LOOPS);
	CU_ASSERT_EQUAL(plait_threads_configure(loop_of(LOOPS - 1), &settings, NULL), 0);
	for (unsigned i = 0; i < LOOPS; i++)
		plait_call_when_running(loop_of(i), defer, loop_of(i));
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_TRUE(pthread_equal(threads[0], threads[1]) && pthread_equal(threads[1], threads[2]));
	trial_finish();
}

static struct plait_result nothing(void *arg)
{
	return plait_owned(arg, release);
}

static struct plait_result handle(struct plait_result result, void *arg)
{
	(void)arg;
	expect(result.failure->code == PLAIT_ERROR_CANCELLED);
	plait_result_drop(&result);
	return plait_value(NULL);
}

/* Whether a thread took it up or not. */
static void freed_without_a_run_it_releases_its_work(void)
{
	released = 0;
	trial_begin(1);
	for (int i = 0; i < 100; i++) {
		struct plait_deferred *deferred = plait_defer_to_thread_owned(loop_of(0), nothing, &released,
									      release);
		plait_add_errback(deferred, handle, NULL);
		plait_deferred_unref(&deferred);
	}
	trial_finish();
	CU_ASSERT_EQUAL(released, 100);
}

/* Work of the reactor's own that waits for a loop which never answers, while the reactor stops. */
static struct plait_result never(void *arg)
{
	plait_reactor_stop(reactor);
	(void)arg;
	return plait_later(plait_deferred_new(NULL, NULL));
}

static void wait_for_loop(void *loop)
{
	struct plait_result result;
	struct plait_error error;
	int code = plait_blocking_call(loop, never, NULL, &result, &error);
	expect(code == PLAIT_ERROR_CANCELLED);
	expect(plait_blocking_call(loop, never, NULL, &result, &error) == PLAIT_ERROR_CLOSING);
	released++;
}

static void start_waiting(void *loop)
{
	expect(plait_call_in_thread(loop, wait_for_loop, loop) == 0);
}

static void who_waits_for_a_loop_does_not_keep_the_reactor(void)
{
	released = 0;
	trial_begin(2);
	plait_call_when_running(loop_of(1), start_waiting, loop_of(1));
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(released, 1);
	trial_finish();
}

SUITE_MAIN("reactor_threads", SUITE_TEST(results_come_to_the_loop_that_asked),
	   SUITE_TEST(all_loops_share_one_pool), SUITE_TEST(freed_without_a_run_it_releases_its_work),
	   SUITE_TEST(who_waits_for_a_loop_does_not_keep_the_reactor))
