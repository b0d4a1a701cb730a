/* Blocks: used again by the thread that made them, wherever they ended, whoever ended first. */
#include "core/base/block.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/suite.h"

static void blocks_are_aligned_and_apart(void)
{
	uint8_t *blocks[200];
	for (size_t i = 0; i < 200; i++) {
		size_t size = i * i;
		blocks[i] = block_take(size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(blocks[i]);
		CU_ASSERT_EQUAL((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		memset(blocks[i], (int)i, size);
	}
	for (size_t i = 0; i < 200; i++) {
		size_t same = 0;
		while (same < i * i && blocks[i][same] == (uint8_t)i)
			same++;
		CU_ASSERT_EQUAL(same, i * i);
		block_give(blocks[i]);
	}
	block_give(NULL);
	CU_ASSERT_PTR_NULL(block_take(SIZE_MAX - 3));
}

static void one_given_back_is_taken_next(void)
{
	static const size_t sizes[] = { 0, 1, 48, 49, 112, 1000, 2080, 4080 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *first = block_take(sizes[i]), *second = block_take(sizes[i]);
		CU_ASSERT_PTR_NOT_EQUAL(first, second);
		block_give(first);
		void *third = block_take(sizes[i]);
		CU_ASSERT_PTR_EQUAL(third, first);
		block_give(second);
		block_give(third);
	}
}

static void *give(void *block)
{
	block_give(block);
	return NULL;
}

static void in_a_thread(void *(*fn)(void *), void *arg)
{
	pthread_t thread;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, fn, arg), 0);
	pthread_join(thread, NULL);
}

static void one_that_ended_elsewhere_comes_home(void)
{
	void *blocks[100]; /* more than other tests have left */
	for (int i = 0; i < 100; i++)
		blocks[i] = block_take(3000);
	in_a_thread(give, blocks[7]);
	CU_ASSERT_PTR_EQUAL(block_take(3000), blocks[7]);
	for (int i = 0; i < 100; i++)
		block_give(blocks[i]);
}

static void *take_five(void *out)
{
	for (int i = 0; i < 5; i++)
		((uint8_t **)out)[i] = memset(block_take(100), i, 100);
	return NULL;
}

static void blocks_outlive_their_thread(void)
{
	uint8_t *blocks[5];
	in_a_thread(take_five, blocks);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(blocks[i][99], i);
		block_give(blocks[i]);
	}
}

/* What the heap has lent in all; sanitizers' heaps do not tell. */
static size_t lent(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void what_is_kept_has_a_bound(void)
{
	enum { COUNT = 20000 };
	static void *blocks[COUNT];
	size_t before = lent();
	for (int i = 0; i < COUNT; i++)
		blocks[i] = block_take(1000);
	for (int i = 0; i < COUNT; i++)
		block_give(blocks[i]);
	CU_ASSERT_TRUE(lent() - before <= 300 * 1024);
}

/* ---- many threads ---- */

#define THREADS 4
#define ROUNDS 20000
#define PLACES 64

static _Atomic(uint32_t *) places[PLACES];
static atomic_uint broken;

/* Blocks wander: each thread puts what it made where others take it from, until all have ended at other times. */
static void *wander(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg * 2654435761u;
	for (uint32_t i = 0; i < ROUNDS / (seed % 3 + 1); i++) {
		seed = seed * 1664525 + 1013904223;
		size_t words = 1 + seed % 300;
		uint32_t *block = block_take(words * sizeof(*block));
		block[0] = (uint32_t)words;
		block[words - 1] = (uint32_t)words;
		block = atomic_exchange(&places[seed / 512 % PLACES], block);
		if (block && block[block[0] - 1] != block[0])
			atomic_fetch_add(&broken, 1);
		block_give(block);
	}
	return NULL;
}

static void blocks_may_wander_between_threads(void)
{
	pthread_t threads[THREADS];
	for (int round = 0; round < 3; round++) {
		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, wander, (void *)(i + 1));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	for (int i = 0; i < PLACES; i++)
		block_give(atomic_exchange(&places[i], NULL));
	CU_ASSERT_EQUAL(broken, 0);
}

SUITE_MAIN("block", SUITE_TEST(blocks_are_aligned_and_apart), SUITE_TEST(one_given_back_is_taken_next),
	   SUITE_TEST(one_that_ended_elsewhere_comes_home), SUITE_TEST(blocks_outlive_their_thread),
	   SUITE_TEST(what_is_kept_has_a_bound), SUITE_TEST(blocks_may_wander_between_threads))
