/* The pool's threads: how many there are, when they end, and what its own end waits for. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/async/pooled.h"
#include "tests/unit/suite.h"

static bool no_threads;

/* The linker puts this in pthread_create's place (--wrap). */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
			  void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *),
			  void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
	return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, fn, arg);
}

static sem_t begun, go_on, thread_ended;
static pthread_key_t ending;
static atomic_int ran, dropped, on_new_threads;

static void note_end(void *arg)
{
	(void)arg;
	sem_post(&thread_ended);
}

static void open_all(void)
{
	ran = dropped = on_new_threads = 0;
	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	sem_init(&thread_ended, 0, 0);
	pthread_key_create(&ending, note_end);
	pooled_open();
}

static void close_all(void)
{
	CU_ASSERT_TRUE(pooled_close());
	pthread_key_delete(ending);
}

/* From here on the thread's end is seen. */
static void work(void *arg)
{
	if (!pthread_getspecific(ending))
		on_new_threads++;
	pthread_setspecific(ending, &ending);
	ran++;
	sem_post(&begun);
	if (arg)
		sem_wait(arg);
}

static void count_drop(void *arg)
{
	(void)arg;
	dropped++;
}

static void wait_for(sem_t *sem, int times)
{
	while (times-- > 0)
		sem_wait(sem);
}

static void let_go(int times)
{
	while (times-- > 0)
		sem_post(&go_on);
}

static void start(int count)
{
	for (int i = 0; i < count; i++)
		CU_ASSERT_EQUAL(plait_call_in_thread_owned(loop, work, &go_on, count_drop), 0);
}

static void configure(unsigned min, unsigned max, unsigned idle_ms, unsigned deadline_ms)
{
	struct plait_thread_settings settings = {
		.min = min, .max = max, .idle_ms = idle_ms, .deadline_ms = deadline_ms
	};
	CU_ASSERT_EQUAL(plait_threads_configure(loop, &settings, NULL), 0);
}

static void as_many_run_at_once_as_may(void)
{
	open_all();
	configure(0, 3, 0, 0);
	start(4);
	wait_for(&begun, 3);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 3);
	CU_ASSERT_EQUAL(ran, 3);
	let_go(1);
	wait_for(&begun, 1);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 3);
	let_go(3);
	close_all();
	CU_ASSERT_EQUAL(ran, 4);
}

static struct plait_result pass(void *arg)
{
	return plait_value(arg);
}

/* When its result is there, the thread is on its way to more. */
static void work_after_work_needs_no_more_threads(void)
{
	open_all();
	for (int i = 0; i < 1000; i++) {
		struct plait_result result = { 0 };
		struct plait_deferred *deferred = plait_defer_to_thread(loop, pass, &ran);
		plait_add_both(deferred, pooled_keep, &result);
		pooled_wait(&result);
		plait_deferred_unref(&deferred);
	}
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	close_all();
}

/* What another pool's thread takes to be idle for too long. Nothing depends on how long that is, but what should not happen
 * has time to. */
static void let_time_pass(void)
{
	struct plait_loop *mine = loop;
	pooled_open();
	configure(0, 1, 50, 0);
	CU_ASSERT_EQUAL(plait_call_in_thread(loop, work, NULL), 0);
	wait_for(&begun, 1);
	wait_for(&thread_ended, 1);
	pooled_close();
	loop = mine;
	loop_enter(loop);
}

static void idle_threads_end_down_to_the_least(void)
{
	open_all();
	configure(1, 4, 1, 0);
	start(4);
	wait_for(&begun, 4);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 4);
	let_go(4);
	wait_for(&thread_ended, 3);
	let_time_pass();
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	on_new_threads = 0;
	start(1);
	wait_for(&begun, 1);
	CU_ASSERT_EQUAL(on_new_threads, 0);
	let_go(1);
	let_time_pass();
	configure(0, 4, 1, 0); /* which reaches one that waits without end, too */
	wait_for(&thread_ended, 1);
	start(1);
	wait_for(&begun, 1);
	CU_ASSERT_EQUAL(on_new_threads, 2); /* the other pool's, and this one */
	let_go(1);
	close_all();
	CU_ASSERT_EQUAL(ran, 8);
}

static void threads_above_a_lowered_bound_end(void)
{
	open_all();
	start(3);
	wait_for(&begun, 3);
	configure(0, 1, 3600000, 0);
	let_go(3);
	wait_for(&thread_ended, 2);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	close_all();
}

static void after_the_end_work_is_refused(void)
{
	struct plait_result late = { 0 };
	open_all();
	CU_ASSERT_TRUE(threads_stop(loop->threads));
	struct plait_deferred *deferred = plait_defer_to_thread_owned(loop, pass, &ran, count_drop);
	plait_add_both(deferred, pooled_keep, &late);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&late));
	CU_ASSERT_EQUAL(late.failure->code, PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_call_in_thread_owned(loop, work, NULL, count_drop), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(dropped, 2);
	CU_ASSERT_EQUAL(ran, 0);
	plait_result_drop(&late);
	plait_deferred_unref(&deferred);
	close_all();
}

/* As in a server that ends: the loop turns no more, and settles after the threads have stopped. */
static void a_result_that_comes_late_still_reaches_a_loop_that_settles(void)
{
	struct plait_result result = { 0 };
	open_all();
	configure(0, 1, 0, 60000);
	struct plait_deferred *deferred = plait_defer_to_thread(loop, pass, &ran);
	plait_add_both(deferred, pooled_keep, &result);
	start(1);
	let_go(1);
	wait_for(&begun, 1); /* so the one before has begun */
	CU_ASSERT_TRUE(threads_stop(loop->threads));
	CU_ASSERT_FALSE(pooled_kept(&result));
	while (loop_settle(loop))
		;
	loop_enter(loop);
	CU_ASSERT_PTR_EQUAL(result.value, &ran);
	plait_deferred_unref(&deferred);
	close_all();
}

/* Dropping the second lets the first go on: what waits is dropped before what runs is waited for. */
static void let_first_go_on(void *arg)
{
	(void)arg;
	dropped++;
	let_go(1);
}

static void work_that_has_not_begun_is_dropped_at_the_end(void)
{
	struct plait_result result = { 0 };
	open_all();
	configure(0, 1, 0, 60000);
	start(1);
	wait_for(&begun, 1);
	struct plait_deferred *deferred = plait_defer_to_thread_owned(loop, pass, &ran, count_drop);
	plait_add_both(deferred, pooled_keep, &result);
	CU_ASSERT_EQUAL(plait_call_in_thread_owned(loop, work, NULL, let_first_go_on), 0);
	CU_ASSERT_TRUE(threads_stop(loop->threads));
	CU_ASSERT_EQUAL(dropped, 1);
	pooled_wait(&result);
	CU_ASSERT_EQUAL(result.failure->code, PLAIT_ERROR_CANCELLED);
	CU_ASSERT_EQUAL(dropped, 2);
	CU_ASSERT_EQUAL(ran, 1);
	plait_result_drop(&result);
	plait_deferred_unref(&deferred);
	close_all();
}

/* What the pool writes to standard error until read_log. */
static int saved_stderr, log_file;

static void record_log(void)
{
	fflush(stderr);
	saved_stderr = dup(2);
	log_file = memfd_create("log", MFD_CLOEXEC);
	dup2(log_file, 2);
}

static const char *read_log(void)
{
	static char text[4096];
	fflush(stderr);
	dup2(saved_stderr, 2);
	close(saved_stderr);
	ssize_t len = pread(log_file, text, sizeof(text) - 1, 0);
	text[len > 0 ? len : 0] = '\0';
	close(log_file);
	return text;
}

static void what_does_not_end_in_time_is_named(void)
{
	open_all();
	configure(0, 1, 0, 1);
	start(1);
	wait_for(&begun, 1);
	record_log();
	bool all = threads_stop(loop->threads);
	const char *log = read_log();
	CU_ASSERT_FALSE(all);
	CU_ASSERT_PTR_NOT_NULL(strstr(log, "thread work-0 has not ended"));
	CU_ASSERT_PTR_NOT_NULL(strstr(log, "test_pool"));
	let_go(1);
	configure(0, 1, 0, 60000);
	close_all();
}

static void without_a_thread_work_is_refused_and_with_one_it_waits(void)
{
	struct plait_result result = { 0 };
	open_all();
	no_threads = true;
	struct plait_deferred *deferred = plait_defer_to_thread_owned(loop, pass, &ran, count_drop);
	plait_add_both(deferred, pooled_keep, &result);
	CU_ASSERT_TRUE_FATAL(pooled_kept(&result));
	CU_ASSERT_EQUAL(result.failure->code, PLAIT_ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.failure->text, strerror(EAGAIN)));
	CU_ASSERT_EQUAL(dropped, 1);
	plait_result_drop(&result);
	plait_deferred_unref(&deferred);
	no_threads = false;
	start(1);
	wait_for(&begun, 1);
	no_threads = true;
	start(1);
	let_go(2);
	wait_for(&begun, 1);
	CU_ASSERT_EQUAL(pool_count(loop->threads), 1);
	no_threads = false;
	close_all();
}

SUITE_MAIN("pool", SUITE_TEST(as_many_run_at_once_as_may), SUITE_TEST(work_after_work_needs_no_more_threads),
	   SUITE_TEST(idle_threads_end_down_to_the_least), SUITE_TEST(threads_above_a_lowered_bound_end),
	   SUITE_TEST(after_the_end_work_is_refused),
	   SUITE_TEST(a_result_that_comes_late_still_reaches_a_loop_that_settles),
	   SUITE_TEST(work_that_has_not_begun_is_dropped_at_the_end),
	   SUITE_TEST(what_does_not_end_in_time_is_named),
	   SUITE_TEST(without_a_thread_work_is_refused_and_with_one_it_waits))
