/* The input buffer against a model: whatever the sizes, what was appended comes out in order. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buffer.h"
#include "tests/unit/suite.h"

static uint8_t byte_at(size_t position)
{
	return (uint8_t)(position * 31 + (position >> 8));
}

static void fill(uint8_t *at, size_t len, size_t position)
{
	for (size_t i = 0; i < len; i++)
		at[i] = byte_at(position + i);
}

static bool holds(const struct buffer *buffer, size_t position)
{
	for (size_t i = 0; i < buffer_size(buffer); i++) {
		if (buffer_data(buffer)[i] != byte_at(position + i))
			return false;
	}
	return true;
}

static size_t below(unsigned *seed, size_t bound)
{
	return (size_t)rand_r(seed) % bound;
}

static void keeps_order_whatever_the_sizes(void)
{
	struct buffer buffer = { 0 };
	size_t in = 0, out = 0;
	unsigned seed = 1;

	for (int step = 0; step < 20000; step++) {
		size_t len = below(&seed, 900);
		uint8_t *at = buffer_reserve(&buffer, len + below(&seed, 300));
		CU_ASSERT_PTR_NOT_NULL_FATAL(at);
		fill(at, len, in);
		buffer_commit(&buffer, len);
		in += len;
		len = below(&seed, buffer_size(&buffer) + 1);
		if (below(&seed, 8) == 0)
			len = buffer_size(&buffer);
		buffer_consume(&buffer, len);
		out += len;
		CU_ASSERT_EQUAL_FATAL(buffer_size(&buffer), in - out);
		CU_ASSERT_TRUE_FATAL(holds(&buffer, out));
	}
	buffer_fini(&buffer);
}

static void gives_its_memory_back_when_empty(void)
{
	struct buffer buffer = { 0 };

	CU_ASSERT_EQUAL(buffer_append(&buffer, "hello", 5), 0);
	buffer_consume(&buffer, 4);
	CU_ASSERT_EQUAL(*buffer_data(&buffer), 'o');
	buffer_consume(&buffer, 1);
	CU_ASSERT_PTR_NULL(buffer.block);
}

/* A front that is consumed bit by bit while as much comes in behind must not make it grow. */
static void stays_small_in_steady_use(void)
{
	static const uint8_t block[100] = { 0 };
	struct buffer buffer = { 0 };

	CU_ASSERT_EQUAL(buffer_append(&buffer, block, sizeof(block)), 0);
	for (int i = 0; i < 100000; i++) {
		CU_ASSERT_EQUAL_FATAL(buffer_append(&buffer, block, sizeof(block)), 0);
		buffer_consume(&buffer, sizeof(block));
	}
	CU_ASSERT_TRUE(buffer.block->capacity <= 1024);
	buffer_fini(&buffer);
}

/* Bytes are taken off a long front as slowly as they come: the cost of moving is that of what is appended. */
static void moves_little_however_much_it_holds(void)
{
	struct buffer buffer = { 0 };
	size_t begin = 0;
	unsigned moves = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_reserve(&buffer, 49140));
	buffer_commit(&buffer, 49140);
	const struct buffer_block *block = buffer.block;
	for (int i = 0; i < 10000; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(buffer_reserve(&buffer, 16384));
		moves += buffer.block != block;
		block = buffer.block;
		moves += block->begin < begin;
		begin = block->begin;
		buffer_commit(&buffer, 10);
		buffer_consume(&buffer, 10);
	}
	CU_ASSERT_TRUE(moves < 5);
	buffer_fini(&buffer);
}

static void refuses_what_no_machine_has(void)
{
	struct buffer buffer = { 0 };

	CU_ASSERT_PTR_NULL(buffer_reserve(&buffer, SIZE_MAX));
	CU_ASSERT_EQUAL(buffer_append(&buffer, "still usable", 12), 0);
	CU_ASSERT_PTR_NULL(buffer_reserve(&buffer, SIZE_MAX / 2));
	CU_ASSERT_EQUAL(buffer_size(&buffer), 12);
	CU_ASSERT_EQUAL(memcmp(buffer_data(&buffer), "still usable", 12), 0);
	buffer_fini(&buffer);
}

SUITE_MAIN("buffer", SUITE_TEST(keeps_order_whatever_the_sizes), SUITE_TEST(gives_its_memory_back_when_empty),
	   SUITE_TEST(stays_small_in_steady_use), SUITE_TEST(moves_little_however_much_it_holds),
	   SUITE_TEST(refuses_what_no_machine_has))
