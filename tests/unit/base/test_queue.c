/* Output queues against a model, and what they promise about copies, parts and memory. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/queue.h"
#include "tests/unit/suite.h"

#define LARGEST 40000
#define PARTS 64

static uint8_t pattern[LARGEST * 2];
static struct queue_pool pool;

static void begin(void)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i % LARGEST * 7 + (i % LARGEST >> 8) * 3);
	queue_pool_init(&pool);
}

static size_t below(unsigned *seed, size_t bound)
{
	return (size_t)rand_r(seed) % bound;
}

/* The stream repeats every LARGEST bytes. */
static const uint8_t *from(size_t position)
{
	return pattern + position % LARGEST;
}

static size_t peeked_in_order(const struct queue *queue, size_t position)
{
	struct iovec parts[PARTS];
	int count = queue_peek(queue, parts, PARTS);
	size_t total = 0;

	for (int i = 0; i < count; i++) {
		for (size_t k = 0; k < parts[i].iov_len; k++, position++, total++) {
			if (((const uint8_t *)parts[i].iov_base)[k] != *from(position))
				return 0;
		}
	}
	return total;
}

static int add_one(struct queue *queue, size_t position, size_t len, bool shared)
{
	if (!shared)
		return queue_copy(queue, &pool, from(position), len);
	struct plait_chunk *chunk = plait_chunk_new(from(position), len);
	int result = queue_add(queue, &pool, chunk);
	plait_chunk_unref(&chunk);
	return result;
}

static void keeps_order_whatever_the_sizes(void)
{
	static const size_t bounds[] = { 2, 100, QUEUE_COPY_LIMIT + 2, QUEUE_BLOCK_SIZE + 2, LARGEST };
	struct queue queue = { 0 };
	size_t in = 0, out = 0;
	unsigned seed = 2;

	begin();
	for (int step = 0; step < 5000; step++) {
		size_t len = below(&seed, bounds[below(&seed, 5)]);
		CU_ASSERT_EQUAL_FATAL(add_one(&queue, in, len, below(&seed, 2)), 0);
		in += len;
		size_t seen = peeked_in_order(&queue, out);
		CU_ASSERT_TRUE_FATAL(queue.bytes == 0 || seen > 0);
		len = below(&seed, (below(&seed, 3) ? seen : queue.bytes) + 1);
		queue_consume(&queue, &pool, len);
		out += len;
		CU_ASSERT_EQUAL_FATAL(queue.bytes, in - out);
	}
	queue_clear(&queue, &pool);
	CU_ASSERT_PTR_NULL(queue.head);
	CU_ASSERT_PTR_NULL(queue.tail);
	queue_pool_fini(&pool);
}

static void gathers_small_writes_in_one_part(void)
{
	struct queue queue = { 0 };
	struct iovec parts[PARTS];

	begin();
	for (size_t i = 0; i < QUEUE_FIRST_SIZE / 16; i++)
		CU_ASSERT_EQUAL(queue_copy(&queue, &pool, from(i * 16), 16), 0);
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, PARTS), 1);
	CU_ASSERT_EQUAL(parts[0].iov_len, QUEUE_FIRST_SIZE);
	for (size_t i = 0; i < QUEUE_BLOCK_SIZE / 16; i++)
		CU_ASSERT_EQUAL(queue_copy(&queue, &pool, from(i * 16), 16), 0);
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, PARTS), 2);
	CU_ASSERT_EQUAL(parts[1].iov_len, QUEUE_BLOCK_SIZE);
	queue_clear(&queue, &pool);
	queue_pool_fini(&pool);
}

static void sends_large_chunks_uncopied(void)
{
	struct plait_chunk *chunk = plait_chunk_new(pattern, LARGEST);
	struct queue one = { 0 }, two = { 0 };
	struct iovec part;

	begin();
	CU_ASSERT_EQUAL(queue_add(&one, &pool, chunk), 0);
	CU_ASSERT_EQUAL(queue_add(&two, &pool, chunk), 0);
	CU_ASSERT_EQUAL((unsigned)atomic_load(&chunk->references), 3);
	CU_ASSERT_EQUAL(queue_peek(&one, &part, 1), 1);
	CU_ASSERT_PTR_EQUAL(part.iov_base, plait_chunk_bytes(chunk));
	queue_clear(&one, &pool);
	CU_ASSERT_EQUAL((unsigned)atomic_load(&chunk->references), 2);
	queue_consume(&two, &pool, LARGEST - 1);
	CU_ASSERT_EQUAL((unsigned)atomic_load(&chunk->references), 2);
	queue_consume(&two, &pool, 1);
	CU_ASSERT_EQUAL((unsigned)atomic_load(&chunk->references), 1);
	plait_chunk_unref(&chunk);
	CU_ASSERT_PTR_NULL(chunk);
	queue_pool_fini(&pool);
}

/* A small write behind a shared chunk must not land in the chunk, which others send too. */
static void leaves_shared_chunks_alone(void)
{
	struct plait_chunk *chunk = plait_chunk_new(pattern, QUEUE_BLOCK_SIZE);
	struct queue queue = { 0 };
	struct iovec parts[PARTS];

	begin();
	CU_ASSERT_EQUAL(queue_add(&queue, &pool, chunk), 0);
	CU_ASSERT_EQUAL(queue_copy(&queue, &pool, "behind", 6), 0);
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, PARTS), 2);
	CU_ASSERT_EQUAL(memcmp(parts[1].iov_base, "behind", 6), 0);
	CU_ASSERT_EQUAL(plait_chunk_size(chunk), QUEUE_BLOCK_SIZE);
	queue_clear(&queue, &pool);
	plait_chunk_unref(&chunk);
	queue_pool_fini(&pool);
}

/* Wherever it is cut: the bytes are the same, the other queue is as it was, and what is large is not copied. */
static void appends_the_rest_of_another(void)
{
	begin();
	struct plait_chunk *chunk = plait_chunk_new(from(1000), 10000);
	struct queue other = { 0 };

	CU_ASSERT_EQUAL(queue_copy(&other, &pool, from(0), 1000), 0);
	CU_ASSERT_EQUAL(queue_add(&other, &pool, chunk), 0);
	CU_ASSERT_EQUAL(queue_copy(&other, &pool, from(11000), 9000), 0);
	for (size_t skip = 0; skip <= 20000; skip += 500) {
		struct queue queue = { 0 };
		CU_ASSERT_EQUAL(queue_copy(&queue, &pool, from(skip + LARGEST - 100), 100), 0);
		CU_ASSERT_EQUAL(queue_append(&queue, &pool, &other, skip), 0);
		CU_ASSERT_EQUAL(peeked_in_order(&queue, skip + LARGEST - 100), 20100 - skip);
		CU_ASSERT_EQUAL((unsigned)atomic_load(&chunk->references),
				11000 - (ptrdiff_t)skip > QUEUE_COPY_LIMIT ? 3 : 2);
		queue_clear(&queue, &pool);
	}
	CU_ASSERT_EQUAL(peeked_in_order(&other, 0), 20000);
	queue_clear(&other, &pool);
	plait_chunk_unref(&chunk);
	queue_pool_fini(&pool);
}

/* Parts end at a stop, and what is consumed before it leaves it where it is. */
static void a_stop_holds_back_what_is_behind_it(void)
{
	struct queue queue = { 0 };
	struct iovec parts[8];

	begin();
	CU_ASSERT_FALSE(queue_at_stop(&queue));
	CU_ASSERT_EQUAL(queue_copy(&queue, &pool, pattern, 100), 0);
	CU_ASSERT_EQUAL(queue_add_stop(&queue, &pool), 0);
	CU_ASSERT_EQUAL(queue_add_stop(&queue, &pool), 0);
	CU_ASSERT_EQUAL(queue_copy(&queue, &pool, from(100), 50), 0);
	CU_ASSERT_EQUAL(queue_copy(&queue, &pool, from(150), 1), 0);
	CU_ASSERT_EQUAL(queue.bytes, 151);
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, 8), 1);
	CU_ASSERT_EQUAL(parts[0].iov_len, 100);
	CU_ASSERT_FALSE(queue_at_stop(&queue));
	queue_consume(&queue, &pool, 100);
	CU_ASSERT_TRUE(queue_at_stop(&queue));
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, 8), 0);
	queue_consume(&queue, &pool, 0);
	CU_ASSERT_TRUE(queue_at_stop(&queue));
	queue_remove_stop(&queue, &pool);
	CU_ASSERT_EQUAL(queue_peek(&queue, parts, 8), 0);
	queue_remove_stop(&queue, &pool);
	CU_ASSERT_EQUAL(peeked_in_order(&queue, 100), 51);
	queue_clear(&queue, &pool);
	CU_ASSERT_PTR_NULL(queue.head);
	CU_ASSERT_PTR_NULL(queue.tail);
	queue_pool_fini(&pool);
}

static void room_at_the_front_comes_before_all(void)
{
	struct queue queue = { 0 };

	begin();
	CU_ASSERT_EQUAL(queue_add_stop(&queue, &pool), 0);
	memcpy(queue_front_room(&queue, &pool), pattern, QUEUE_BLOCK_SIZE);
	queue_front_commit(&queue, &pool, QUEUE_BLOCK_SIZE);
	CU_ASSERT_FALSE(queue_at_stop(&queue));
	CU_ASSERT_EQUAL(peeked_in_order(&queue, 0), QUEUE_BLOCK_SIZE);
	queue_consume(&queue, &pool, QUEUE_BLOCK_SIZE);
	CU_ASSERT_TRUE(queue_at_stop(&queue));
	CU_ASSERT_PTR_NOT_NULL(queue_front_room(&queue, &pool));
	queue_front_commit(&queue, &pool, 0);
	CU_ASSERT_TRUE(queue_at_stop(&queue));
	CU_ASSERT_EQUAL(queue.bytes, 0);
	queue_clear(&queue, &pool);
	CU_ASSERT_PTR_NULL(queue.head);
	CU_ASSERT_PTR_NOT_NULL(queue_front_room(&queue, &pool));
	queue_front_commit(&queue, &pool, 0);
	CU_ASSERT_PTR_NULL(queue.head);
	CU_ASSERT_PTR_NULL(queue.tail);
	queue_pool_fini(&pool);
}

/* Wherever the stops are. */
static void clearing_drops_stops_too(void)
{
	begin();
	for (unsigned where = 0; where < 8; where++) {
		struct queue queue = { 0 };
		for (unsigned i = 0; i < 3; i++) {
			if (where & 1u << i)
				CU_ASSERT_EQUAL(queue_add_stop(&queue, &pool), 0);
			if (i < 2)
				CU_ASSERT_EQUAL(queue_copy(&queue, &pool, pattern, 3000), 0);
		}
		queue_clear(&queue, &pool);
		CU_ASSERT_TRUE(!queue.head && !queue.tail && queue.bytes == 0);
	}
	queue_pool_fini(&pool);
}

static void takes_nodes_from_the_pool_again(void)
{
	static const struct {
		size_t len;
		enum queue_class class;
	} cases[] = {
		{ 1, QUEUE_FIRST },
		{ QUEUE_FIRST_SIZE + 1, QUEUE_BLOCK },
		{ QUEUE_BLOCK_SIZE + 1, QUEUE_SHARED },
	};
	struct queue queue = { 0 };

	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(queue_copy(&queue, &pool, pattern, cases[i].len), 0);
		const struct queue_node *node = queue.head;
		queue_clear(&queue, &pool);
		CU_ASSERT_EQUAL(pool.classes[cases[i].class].count, 1);
		CU_ASSERT_EQUAL(queue_copy(&queue, &pool, pattern, cases[i].len), 0);
		CU_ASSERT_PTR_EQUAL(queue.head, node);
		CU_ASSERT_EQUAL(pool.classes[cases[i].class].count, 0);
		queue_clear(&queue, &pool);
	}
	queue_pool_fini(&pool);
}

static void keeps_a_bounded_number_of_nodes(void)
{
	static struct queue queues[3000];

	begin();
	for (size_t i = 0; i < 3000; i++)
		CU_ASSERT_EQUAL(queue_copy(&queues[i], &pool, "a", 1), 0);
	for (size_t i = 0; i < 3000; i++)
		queue_clear(&queues[i], &pool);
	CU_ASSERT_TRUE(pool.classes[QUEUE_FIRST].count >= 1000 && pool.classes[QUEUE_FIRST].count < 3000);
	queue_pool_fini(&pool);
	CU_ASSERT_PTR_NULL(pool.classes[QUEUE_FIRST].free);
}

SUITE_MAIN("queue", SUITE_TEST(keeps_order_whatever_the_sizes), SUITE_TEST(gathers_small_writes_in_one_part),
	   SUITE_TEST(sends_large_chunks_uncopied), SUITE_TEST(leaves_shared_chunks_alone),
	   SUITE_TEST(appends_the_rest_of_another), SUITE_TEST(a_stop_holds_back_what_is_behind_it),
	   SUITE_TEST(room_at_the_front_comes_before_all), SUITE_TEST(clearing_drops_stops_too),
	   SUITE_TEST(takes_nodes_from_the_pool_again), SUITE_TEST(keeps_a_bounded_number_of_nodes))
