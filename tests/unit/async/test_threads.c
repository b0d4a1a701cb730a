/* Work on threads: where it runs, where its result comes, and what becomes of it when it is refused or cancelled. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/async/pooled.h"
#include "tests/unit/suite.h"

static int value;
static atomic_int ran, released, results_released;

static void count_release(void *arg)
{
	(void)arg;
	if (plait_loop_current() == loop)
		released++;
}

static void release_result(void *arg)
{
	(void)arg;
	if (plait_loop_current() == loop)
		results_released++;
}

/* Waits in a thread until the test lets it go on. */
static sem_t begun, go_on;

static struct plait_result wait_to_go_on(void *arg)
{
	sem_post(&begun);
	sem_wait(&go_on);
	ran++;
	return plait_owned(arg, release_result);
}

static struct plait_result run_at_once(void *arg)
{
	ran++;
	return plait_value(arg);
}

static void open_all(void)
{
	ran = released = results_released = 0;
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	pooled_open();
}

static struct plait_deferred *defer(plait_work_fn *fn, struct plait_result *result)
{
	struct plait_deferred *deferred = plait_defer_to_thread_owned(loop, fn, &value, count_release);
	return plait_add_both(deferred, pooled_keep, result);
}

static void one_thread(unsigned queue)
{
	struct plait_thread_settings settings = { .max = 1, .queue = queue };
	CU_ASSERT_EQUAL(plait_threads_configure(loop, &settings, NULL), 0);
}

struct surroundings {
	char name[16];
	int unblocked;
	bool has_loop;
	pthread_t thread;
};

/* Nobody blocks these two, and a thread's faults are to be told. */
static bool is_its_own(int number)
{
	static const int numbers[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL,
				       SIGFPE,  SIGABRT, SIGSYS,  SIGTRAP };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static struct plait_result look_around(void *arg)
{
	struct surroundings *seen = arg;
	sigset_t blocked;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int i = 1; i < NSIG; i++)
		seen->unblocked += !is_its_own(i) && sigismember(&blocked, i) == 0;
	pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
	seen->has_loop = plait_loop_current() != NULL;
	seen->thread = pthread_self();
	return plait_value(seen);
}

static void no_thread_is_there_before_there_is_work(void)
{
	struct surroundings seen = { .name = "" };
	struct plait_result result = { 0 };
	open_all();
	CU_ASSERT_EQUAL(pool_count(loop->threads), 0);
	struct plait_deferred *deferred = plait_defer_to_thread(loop, look_around, &seen);
	plait_add_both(deferred, pooled_keep, &result);
	CU_ASSERT_FALSE(pooled_kept(&result));
	pooled_wait(&result);
	CU_ASSERT_PTR_EQUAL(result.value, &seen);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	CU_ASSERT_STRING_EQUAL(seen.name, "work-0");
	CU_ASSERT_TRUE(seen.unblocked <= 2); /* the two that libc keeps for itself */
	CU_ASSERT_FALSE(seen.has_loop);
	CU_ASSERT_FALSE(pthread_equal(seen.thread, pthread_self()));
	plait_deferred_unref(&deferred);
	pooled_close();
}

static struct plait_result fail_there(void *arg)
{
	(void)arg;
	return plait_failed(plait_failure(PLAIT_ERROR_MISSING, "no such thing"));
}

static struct plait_result return_a_deferred(void *arg)
{
	(void)arg;
	return plait_later(plait_succeed(plait_owned(&value, release_result)));
}

static void failures_come_back_and_deferreds_become_one(void)
{
	struct plait_result result = { 0 }, refused = { 0 };
	open_all();
	struct plait_deferred *deferred = defer(fail_there, &result),
			      *bad = defer(return_a_deferred, &refused);
	pooled_wait(&result);
	pooled_wait(&refused);
	CU_ASSERT_EQUAL(result.failure->code, PLAIT_ERROR_MISSING);
	CU_ASSERT_STRING_EQUAL(result.failure->text, "no such thing");
	CU_ASSERT_STRING_EQUAL(result.failure->function, "fail_there");
	CU_ASSERT_EQUAL(refused.failure->code, PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(refused.failure->text, "return a value"));
	CU_ASSERT_EQUAL(results_released, 1);
	CU_ASSERT_EQUAL(released, 0);
	plait_result_drop(&result);
	plait_result_drop(&refused);
	plait_deferred_unref(&deferred);
	plait_deferred_unref(&bad);
	pooled_close();
}

/* One runs, two wait, and the fourth is too many. */
static void a_full_queue_refuses_at_once(void)
{
	struct plait_result results[4] = { { 0 } };
	struct plait_deferred *deferreds[4];
	open_all();
	one_thread(2);
	for (int i = 0; i < 4; i++)
		deferreds[i] = defer(wait_to_go_on, &results[i]);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&results[3]));
	CU_ASSERT_EQUAL(results[3].failure->code, PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(plait_call_in_thread_owned(loop, count_release, NULL, count_release),
			PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(released, 2);
	for (int i = 0; i < 3; i++)
		sem_post(&go_on);
	for (int i = 0; i < 4; i++) {
		pooled_wait(&results[i]);
		CU_ASSERT_PTR_EQUAL(results[i].value, i < 3 ? &value : NULL);
		plait_result_drop(&results[i]);
		plait_deferred_unref(&deferreds[i]);
	}
	CU_ASSERT_EQUAL(ran, 3);
	CU_ASSERT_EQUAL(released, 2);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	pooled_close();
}

static void cancelled_in_the_queue_it_never_runs(void)
{
	struct plait_result first = { 0 }, second = { 0 }, third = { 0 };
	open_all();
	one_thread(10);
	struct plait_deferred *one = defer(wait_to_go_on, &first), *two = defer(run_at_once, &second),
			      *three = defer(run_at_once, &third);
	sem_wait(&begun);
	plait_deferred_cancel(two);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&second));
	CU_ASSERT_EQUAL(second.failure->code, PLAIT_ERROR_CANCELLED);
	CU_ASSERT_EQUAL(released, 1);
	sem_post(&go_on);
	pooled_wait(&third);
	CU_ASSERT_EQUAL(ran, 2);
	CU_ASSERT_PTR_EQUAL(first.value, &value);
	plait_deferred_cancel(one); /* which is done */
	plait_result_drop(&first);
	plait_result_drop(&second);
	plait_deferred_unref(&one);
	plait_deferred_unref(&two);
	plait_deferred_unref(&three);
	pooled_close();
	CU_ASSERT_EQUAL(released, 1);
}

static void cancelled_at_work_it_is_let_finish(void)
{
	struct plait_result result = { 0 };
	open_all();
	struct plait_deferred *deferred = defer(wait_to_go_on, &result);
	sem_wait(&begun);
	plait_deferred_cancel(deferred);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&result));
	CU_ASSERT_EQUAL(result.failure->code, PLAIT_ERROR_CANCELLED);
	plait_result_drop(&result);
	plait_deferred_unref(&deferred);
	CU_ASSERT_EQUAL(results_released, 0);
	sem_post(&go_on);
	while (!results_released)
		loop_turn(loop, true);
	CU_ASSERT_EQUAL(ran, 1);
	CU_ASSERT_EQUAL(released, 0);
	pooled_close();
}

/* Who waited has gone: the result is nobody's. */
static void a_result_nobody_waits_for_is_released(void)
{
	open_all();
	struct plait_deferred *deferred = plait_defer_to_thread(loop, wait_to_go_on, &value);
	plait_deferred_unref(&deferred);
	sem_post(&go_on);
	while (!results_released)
		loop_turn(loop, true);
	pooled_close();
}

static void post_to_test(void *arg)
{
	sem_post(arg);
}

static void a_call_needs_no_loop(void)
{
	sem_t called;
	sem_init(&called, 0, 0);
	open_all();
	loop_enter(NULL); /* as any thread */
	CU_ASSERT_EQUAL(plait_call_in_thread(loop, post_to_test, &called), 0);
	sem_wait(&called);
	loop_enter(loop);
	pooled_close();
	sem_destroy(&called);
}

static void a_loop_without_threads_says_so(void)
{
	struct plait_thread_settings settings = { .max = 1 };
	struct plait_result result = { 0 };
	struct plait_error error;
	open_all();
	struct threads *threads = loop->threads;
	loop->threads = NULL;
	struct plait_deferred *deferred = defer(run_at_once, &result);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&result));
	CU_ASSERT_EQUAL(result.failure->code, PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_call_in_thread(loop, count_release, NULL), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_threads_configure(loop, &settings, &error), PLAIT_ERROR_INVALID);
	plait_result_drop(&result);
	plait_deferred_unref(&deferred);
	loop->threads = threads;
	pooled_close();
}

static void settings_that_make_no_sense_are_refused(void)
{
	struct plait_thread_settings too_many = { .max = PLAIT_THREADS_MAX + 1 }, crossed = { .min = 11 };
	struct plait_error error;
	open_all();
	CU_ASSERT_EQUAL(plait_threads_configure(loop, &too_many, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_STRING_EQUAL(error.path, "max");
	CU_ASSERT_EQUAL(plait_threads_configure(loop, &crossed, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_STRING_EQUAL(error.path, "min");
	pooled_close();
}

/* What a test kit does: completes work by hand, on the loop's own thread. */
static struct work *by_hand;

static int keep_by_hand(struct threads *threads, struct work *work, struct plait_error *error)
{
	(void)threads;
	(void)error;
	by_hand = work;
	return 0;
}

static bool give_back(struct threads *threads, struct work *work)
{
	(void)threads;
	bool mine = by_hand == work;
	by_hand = NULL;
	return mine;
}

static void threads_can_be_replaced_by_a_test(void)
{
	static const struct threads_kind kind = { .submit = keep_by_hand, .cancel = give_back };
	struct threads hand = { &kind };
	struct plait_result result = { 0 }, cancelled = { 0 };
	open_all();
	struct threads *threads = loop->threads;
	loop->threads = &hand;
	struct plait_deferred *deferred = defer(run_at_once, &result);
	CU_ASSERT_EQUAL(ran, 0);
	by_hand->run(by_hand);
	by_hand->done(by_hand);
	pooled_wait(&result);
	CU_ASSERT_PTR_EQUAL(result.value, &value);
	plait_deferred_unref(&deferred);
	deferred = defer(run_at_once, &cancelled);
	plait_deferred_cancel(deferred);
	CU_ASSERT_PTR_NULL(by_hand);
	CU_ASSERT_EQUAL(ran, 1);
	CU_ASSERT_EQUAL(released, 1);
	plait_result_drop(&cancelled);
	plait_deferred_unref(&deferred);
	loop->threads = threads;
	pooled_close();
}

SUITE_MAIN("threads", SUITE_TEST(no_thread_is_there_before_there_is_work),
	   SUITE_TEST(failures_come_back_and_deferreds_become_one), SUITE_TEST(a_full_queue_refuses_at_once),
	   SUITE_TEST(cancelled_in_the_queue_it_never_runs), SUITE_TEST(cancelled_at_work_it_is_let_finish),
	   SUITE_TEST(a_result_nobody_waits_for_is_released), SUITE_TEST(a_call_needs_no_loop),
	   SUITE_TEST(a_loop_without_threads_says_so), SUITE_TEST(settings_that_make_no_sense_are_refused),
	   SUITE_TEST(threads_can_be_replaced_by_a_test))
