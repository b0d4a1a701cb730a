/* Posts between threads, and the workers's loops. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/loop/workers.h"
#include "tests/unit/suite.h"

#define POSTERS 4
#define POSTS 20000
#define LOOPS 3

static struct workers *workers;
static atomic_uint arrived, wrong_loop;
static unsigned last[POSTERS][LOOPS]; /* each loop's own column */

struct letter {
	unsigned poster, number, loop;
};
static struct letter letters[POSTERS][POSTS];

static void receive(void *arg)
{
	struct letter *letter = arg;
	if (plait_loop_current() != workers_loop(workers, letter->loop))
		atomic_fetch_add(&wrong_loop, 1);
	if (letter->number < last[letter->poster][letter->loop])
		atomic_fetch_add(&wrong_loop, 1);
	last[letter->poster][letter->loop] = letter->number;
	atomic_fetch_add(&arrived, 1);
}

static void *post_all(void *arg)
{
	unsigned poster = (unsigned)(uintptr_t)arg;
	for (unsigned i = 0; i < POSTS; i++) {
		letters[poster][i] = (struct letter){ poster, i, i % LOOPS };
		plait_post(workers_loop(workers, i % LOOPS), receive, &letters[poster][i]);
	}
	return NULL;
}

static void all_arrive_in_order_on_their_loop(void)
{
	pthread_t threads[POSTERS];
	workers = workers_new(LOOPS, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(workers);
	CU_ASSERT_EQUAL_FATAL(workers_start(workers, NULL), 0);
	for (uintptr_t i = 0; i < POSTERS; i++)
		pthread_create(&threads[i], NULL, post_all, (void *)i);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_TRUE(workers_stop(workers, 10000));
	workers_free(&workers);
	CU_ASSERT_EQUAL(arrived, POSTERS * POSTS);
	CU_ASSERT_EQUAL(wrong_loop, 0);
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void post_back(void *arg)
{
	plait_post(workers_loop(workers, 0), count, arg);
}

static void what_was_posted_to_stopped_loops_still_runs(void)
{
	unsigned ran = 0;
	workers = workers_new(2, NULL);
	plait_post(workers_loop(workers, 0), count, &ran);
	plait_post(workers_loop(workers, 1), post_back, &ran);
	workers_free(&workers);
	CU_ASSERT_EQUAL(ran, 2);
	CU_ASSERT_PTR_NULL(workers);
}

static atomic_bool stuck;

static void get_stuck(void *arg)
{
	atomic_store(&stuck, true);
	while (!atomic_load((atomic_bool *)arg))
		usleep(1000);
}

static void a_stuck_loop_is_found_out(void)
{
	static atomic_bool go_on;
	workers = workers_new(1, NULL);
	workers_start(workers, NULL);
	plait_post(workers_loop(workers, 0), get_stuck, &go_on);
	while (!atomic_load(&stuck))
		usleep(1000);
	CU_ASSERT_FALSE(workers_stop(workers, 10));
	atomic_store(&go_on, true);
	CU_ASSERT_TRUE(workers_stop(workers, 10000));
	workers_free(&workers);
}

static void the_least_loaded_is_chosen_and_ties_stay(void)
{
	workers = workers_new(LOOPS, NULL);
	struct plait_loop *one = workers_loop(workers, 1), *two = workers_loop(workers, 2);
	CU_ASSERT_PTR_EQUAL(workers_least_loaded(workers, two), two);
	atomic_store(&two->load, 3);
	atomic_store(&workers_loop(workers, 0)->load, 2);
	CU_ASSERT_PTR_EQUAL(workers_least_loaded(workers, two), one);
	workers_free(&workers);
}

static void post_again(void *arg)
{
	struct plait_loop *loop = arg;
	plait_post(loop, post_again, loop);
}

/* A plugin's mistake, which must not keep the server from ending. */
static void posts_without_end_are_dropped_at_the_end(void)
{
	struct workers *two = workers_new(2, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(two);
	plait_post(workers_loop(two, 0), post_again, workers_loop(two, 0));
	workers_free(&two);
	CU_ASSERT_PTR_NULL(two);
}

SUITE_MAIN("post", SUITE_TEST(all_arrive_in_order_on_their_loop),
	   SUITE_TEST(what_was_posted_to_stopped_loops_still_runs), SUITE_TEST(a_stuck_loop_is_found_out),
	   SUITE_TEST(the_least_loaded_is_chosen_and_ties_stay),
	   SUITE_TEST(posts_without_end_are_dropped_at_the_end))
