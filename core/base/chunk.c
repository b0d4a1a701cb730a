/* Refcounted blocks of bytes. */
#include "core/base/chunk.h"

#include <assert.h>
#include <string.h>

#include "core/base/block.h"

struct plait_chunk *plait_chunk_new(const void *data, size_t len)
{
	if (len > SIZE_MAX - sizeof(struct plait_chunk))
		return NULL;
	struct plait_chunk *chunk = block_take(sizeof(*chunk) + len);
	if (!chunk)
		return NULL;
	atomic_init(&chunk->references, 1);
	chunk->size = len;
	if (data && len > 0)
		memcpy(chunk->bytes, data, len);
	return chunk;
}

struct plait_chunk *plait_chunk_ref(struct plait_chunk *chunk)
{
	atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
	return chunk;
}

#define QUEUED (1ull << 32)

/* What was there before. */
static unsigned long long give_back(struct plait_chunk *chunk, unsigned long long what)
{
	unsigned long long before = atomic_fetch_sub_explicit(&chunk->references, what, memory_order_acq_rel);
	assert((uint32_t)before > 0);
	if ((uint32_t)before == 1)
		block_give(chunk);
	return before;
}

void plait_chunk_unref(struct plait_chunk **chunk_at)
{
	struct plait_chunk *chunk = *chunk_at;
	*chunk_at = NULL;
	if (chunk)
		give_back(chunk, 1);
}

bool chunk_enqueue(struct plait_chunk *chunk)
{
	return atomic_fetch_add_explicit(&chunk->references, QUEUED + 1, memory_order_relaxed) < QUEUED;
}

bool chunk_dequeue(struct plait_chunk *chunk)
{
	return give_back(chunk, QUEUED + 1) < 2 * QUEUED;
}

void *plait_chunk_bytes(struct plait_chunk *chunk)
{
	return chunk->bytes;
}

size_t plait_chunk_size(const struct plait_chunk *chunk)
{
	return chunk->size;
}
