/* Threads that wait for a loop: what they are answered, and that they never wait for nothing. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/unit/async/pooled.h"
#include "tests/unit/suite.h"

static int value;
static atomic_int ran;

/* A thread of the test's own that makes one call; the test joins it. */
struct caller {
	pthread_t thread;
	struct plait_loop *loop;
	plait_work_fn *fn;
	void *arg;
	int code;
	struct plait_result result;
	struct plait_error error;
};

static void post_nothing(void *arg)
{
	*(bool *)arg = true;
}

static void *call(void *arg)
{
	struct caller *caller = arg;
	caller->code = plait_blocking_call(caller->loop, caller->fn, caller->arg, &caller->result,
					   &caller->error);
	return NULL;
}

static void start(struct caller *caller, plait_work_fn *fn, void *arg)
{
	*caller = (struct caller){ .loop = loop, .fn = fn, .arg = arg };
	pthread_create(&caller->thread, NULL, call, caller);
}

/* Turns the loop until the call is answered, which the thread's own post tells. */
static void *call_and_tell(void *arg)
{
	struct caller *caller = arg;
	call(caller);
	plait_post(caller->loop, post_nothing, caller->arg);
	return NULL;
}

static void run_to_the_answer(struct caller *caller, plait_work_fn *fn)
{
	bool answered = false;
	*caller = (struct caller){ .loop = loop, .fn = fn, .arg = &answered };
	pthread_create(&caller->thread, NULL, call_and_tell, caller);
	while (!answered)
		loop_turn(loop, true);
	pthread_join(caller->thread, NULL);
}

static struct plait_result on_the_loop(void *arg)
{
	(void)arg;
	return plait_value(plait_loop_current() == loop ? &value : NULL);
}

static void it_waits_for_what_runs_on_the_loop(void)
{
	struct caller caller;
	pooled_open();
	run_to_the_answer(&caller, on_the_loop);
	CU_ASSERT_EQUAL(caller.code, 0);
	CU_ASSERT_PTR_EQUAL(caller.result.value, &value);
	pooled_close();
}

static struct plait_result fail_there(void *arg)
{
	(void)arg;
	return plait_failed(plait_failure(PLAIT_ERROR_MISSING, "no such thing"));
}

static void a_failure_is_an_error(void)
{
	struct caller caller;
	pooled_open();
	run_to_the_answer(&caller, fail_there);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(caller.error.code, PLAIT_ERROR_MISSING);
	CU_ASSERT_STRING_EQUAL(caller.error.text, "no such thing");
	CU_ASSERT_PTR_NULL(caller.result.value);
	pooled_close();
}

static void fire(void *arg)
{
	struct plait_deferred *deferred = arg;
	plait_deferred_callback(deferred, plait_value(&value));
	plait_deferred_unref(&deferred);
}

static struct plait_result later(void *arg)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	(void)arg;
	plait_call_later(loop, 0, fire, plait_deferred_ref(deferred));
	return plait_later(deferred);
}

static struct plait_result already(void *arg)
{
	(void)arg;
	return plait_later(plait_succeed(plait_value(&value)));
}

static void a_deferred_is_waited_for(void)
{
	struct caller caller;
	pooled_open();
	run_to_the_answer(&caller, later);
	CU_ASSERT_EQUAL(caller.code, 0);
	CU_ASSERT_PTR_EQUAL(caller.result.value, &value);
	run_to_the_answer(&caller, already);
	CU_ASSERT_PTR_EQUAL(caller.result.value, &value);
	pooled_close();
}

static struct plait_result abandoned(void *arg)
{
	(void)arg;
	return plait_later(plait_deferred_new(NULL, NULL));
}

/* The inner one goes with the last reference that could have fired it. */
static struct plait_result abandoned_inside(void *arg)
{
	struct plait_deferred *outer = plait_deferred_new(NULL, NULL);
	plait_deferred_callback(outer, abandoned(arg));
	return plait_later(outer);
}

static void a_deferred_that_nobody_will_fire_is_an_error(void)
{
	struct caller caller;
	pooled_open();
	run_to_the_answer(&caller, abandoned_inside);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_GONE);
	pooled_close();
}

static void a_thread_that_runs_a_loop_is_refused(void)
{
	struct plait_result result = { .value = &value };
	struct plait_error error;
	pooled_open();
	CU_ASSERT_EQUAL(plait_blocking_call(loop, on_the_loop, NULL, &result, &error), PLAIT_ERROR_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "plait_post"));
	CU_ASSERT_PTR_NULL(result.value);
	CU_ASSERT_EQUAL(plait_blocking_call(loop, on_the_loop, NULL, &result, NULL), PLAIT_ERROR_REFUSED);
	pooled_close();
}

/* ---- loops that stop ---- */

static void stop_now(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static struct plait_result count_run(void *arg)
{
	(void)arg;
	ran++;
	return plait_value(NULL);
}

static void a_loop_that_has_stopped_is_an_error(void)
{
	struct caller caller;
	ran = 0;
	pooled_open();
	loop_stop(loop);
	loop_run(loop);
	start(&caller, count_run, NULL);
	pthread_join(caller.thread, NULL);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_CLOSING);
	pooled_close();
	CU_ASSERT_EQUAL(ran, 0);
}

/* The loop stops in the turn in which the call comes to it: nobody can tell which is first, but there is an answer, and
 * who was told that there is none can rely on it. */
static void a_loop_that_stops_meanwhile_answers(void)
{
	for (int i = 0; i < 200; i++) {
		struct caller caller;
		ran = 0;
		pooled_open();
		start(&caller, count_run, NULL);
		plait_post(loop, stop_now, NULL);
		loop_run(loop);
		pthread_join(caller.thread, NULL);
		CU_ASSERT_TRUE(caller.code == 0 || caller.code == PLAIT_ERROR_CLOSING);
		pooled_close();
		CU_ASSERT_EQUAL(ran, caller.code == 0);
	}
}

static void a_loop_that_is_freed_without_having_run_answers(void)
{
	struct caller caller;
	pooled_open();
	ran = 0;
	start(&caller, count_run, NULL);
	while (!atomic_load(&loop->posts.newest))
		sched_yield();
	struct threads *threads = loop->threads;
	CU_ASSERT_TRUE(threads_stop(threads));
	loop_free(&loop);
	pthread_join(caller.thread, NULL);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(ran, 0);
	threads_free(&threads);
}

static struct plait_deferred *held;
static atomic_int cancels;
static struct plait_loop *cancelled_on;

static void note_cancel(struct plait_deferred *deferred, void *arg)
{
	(void)deferred;
	(void)arg;
	cancels++;
	cancelled_on = plait_loop_current();
}

/* Nobody will ever fire it. */
static struct plait_result never(void *arg)
{
	held = plait_deferred_new(note_cancel, NULL);
	plait_post(loop, stop_now, NULL);
	return plait_later(arg ? plait_deferred_ref(held) : held);
}

static void a_deferred_that_a_stopping_loop_waits_for_is_cancelled(void)
{
	for (int i = 0; i < 2; i++) {
		struct caller caller;
		cancels = 0;
		cancelled_on = NULL;
		pooled_open();
		start(&caller, never, i ? &value : NULL);
		loop_run(loop);
		pthread_join(caller.thread, NULL);
		CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_CANCELLED);
		CU_ASSERT_EQUAL(cancels, 1);
		CU_ASSERT_PTR_EQUAL(cancelled_on, loop);
		if (i)
			plait_deferred_unref(&held);
		pooled_close();
	}
}

/* Its callbacks wait for one more, which somebody might fire, whenever it is cancelled. */
static struct plait_deferred *chain[1000];
static bool enough;

static struct plait_result again(struct plait_result result, void *arg)
{
	plait_result_drop(&result);
	if (enough)
		return plait_value(NULL);
	struct plait_deferred *next = plait_deferred_new(NULL, NULL);
	plait_add_both(next, again, arg);
	chain[ran] = plait_deferred_ref(next);
	ran++;
	return plait_later(next);
}

static struct plait_result unmoved(void *arg)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_post(loop, stop_now, NULL);
	return plait_later(plait_add_both(deferred, again, arg));
}

static void a_deferred_that_cannot_be_cancelled_is_given_up(void)
{
	struct caller caller;
	ran = 0;
	enough = false;
	pooled_open();
	start(&caller, unmoved, NULL);
	loop_run(loop);
	pthread_join(caller.thread, NULL);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_CLOSING);
	CU_ASSERT_TRUE(ran > 1);
	enough = true;
	while (ran > 0)
		plait_deferred_unref(&chain[--ran]);
	pooled_close();
}

/* Whose result comes when nobody waits for it any more. */
static struct plait_result paused(void *arg)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	(void)arg;
	plait_deferred_pause(deferred);
	held = plait_deferred_ref(deferred);
	plait_post(loop, stop_now, NULL);
	return plait_later(deferred);
}

static int released;

static void release(void *arg)
{
	(void)arg;
	released++;
}

static void a_result_after_the_end_is_nobodys(void)
{
	struct caller caller;
	released = 0;
	pooled_open();
	start(&caller, paused, NULL);
	loop_run(loop);
	pthread_join(caller.thread, NULL);
	CU_ASSERT_EQUAL(caller.code, PLAIT_ERROR_CLOSING);
	plait_deferred_unpause(held);
	struct plait_result result = { 0 };
	plait_add_both(held, pooled_keep, &result);
	CU_ASSERT_EQUAL_FATAL(result.failure ? result.failure->code : 0, PLAIT_ERROR_CANCELLED);
	plait_result_drop(&result);
	plait_deferred_unref(&held);
	pooled_close();
}

/* ---- the pool's own threads ---- */

static struct plait_result wait_for_the_loop(void *arg)
{
	struct plait_result result;
	struct plait_error error;
	if (plait_blocking_call(arg, later, NULL, &result, &error) < 0)
		return plait_failed(plait_failure(error.code, "%s", error.text));
	return plait_owned(result.value, release);
}

static void work_may_wait_for_the_loop_that_waits_for_it(void)
{
	struct plait_result result = { 0 };
	pooled_open();
	struct plait_deferred *deferred = plait_defer_to_thread(loop, wait_for_the_loop, loop);
	plait_add_both(deferred, pooled_keep, &result);
	pooled_wait(&result);
	CU_ASSERT_PTR_EQUAL(result.value, &value);
	plait_deferred_unref(&deferred);
	pooled_close();
}

SUITE_MAIN("blocking", SUITE_TEST(it_waits_for_what_runs_on_the_loop), SUITE_TEST(a_failure_is_an_error),
	   SUITE_TEST(a_deferred_is_waited_for), SUITE_TEST(a_deferred_that_nobody_will_fire_is_an_error),
	   SUITE_TEST(a_thread_that_runs_a_loop_is_refused), SUITE_TEST(a_loop_that_has_stopped_is_an_error),
	   SUITE_TEST(a_loop_that_stops_meanwhile_answers),
	   SUITE_TEST(a_loop_that_is_freed_without_having_run_answers),
	   SUITE_TEST(a_deferred_that_a_stopping_loop_waits_for_is_cancelled),
	   SUITE_TEST(a_deferred_that_cannot_be_cancelled_is_given_up),
	   SUITE_TEST(a_result_after_the_end_is_nobodys),
	   SUITE_TEST(work_may_wait_for_the_loop_that_waits_for_it))
