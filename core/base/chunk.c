/* Refcounted blocks of bytes, and a pool of small ones for each loop. */
#include "core/base/chunk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A pool keeps this many for the next burst: 2 MiB a loop. */
#define POOL_KEEPS 128

static struct plait_chunk *allocate(struct chunk_pool *pool, size_t size)
{
	if (size > SIZE_MAX - sizeof(struct plait_chunk))
		return NULL;
	struct plait_chunk *chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	atomic_init(&chunk->references, 1);
	chunk->pool = pool;
	chunk->next_free = NULL;
	chunk->size = size;
	return chunk;
}

struct plait_chunk *plait_chunk_new(const void *data, size_t len)
{
	struct plait_chunk *chunk = allocate(NULL, len);
	if (chunk && data && len > 0)
		memcpy(chunk->bytes, data, len);
	return chunk;
}

struct plait_chunk *plait_chunk_ref(struct plait_chunk *chunk)
{
	atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
	return chunk;
}

static void release(struct plait_chunk *chunk)
{
	struct chunk_pool *pool = chunk->pool;
	if (!pool || pool->free_count >= POOL_KEEPS) {
		free(chunk);
		return;
	}
	chunk->next_free = pool->free;
	pool->free = chunk;
	pool->free_count++;
}

void plait_chunk_unref(struct plait_chunk **chunk_at)
{
	struct plait_chunk *chunk = *chunk_at;
	*chunk_at = NULL;
	if (!chunk)
		return;
	unsigned before = atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		release(chunk);
}

void *plait_chunk_bytes(struct plait_chunk *chunk)
{
	return chunk->bytes;
}

size_t plait_chunk_size(const struct plait_chunk *chunk)
{
	return chunk->size;
}

void chunk_pool_init(struct chunk_pool *pool)
{
	*pool = (struct chunk_pool){ 0 };
}

void chunk_pool_fini(struct chunk_pool *pool)
{
	while (pool->free) {
		struct plait_chunk *chunk = pool->free;
		pool->free = chunk->next_free;
		free(chunk);
	}
	pool->free_count = 0;
}

struct plait_chunk *chunk_pool_take(struct chunk_pool *pool)
{
	struct plait_chunk *chunk = pool->free;
	if (!chunk)
		return allocate(pool, CHUNK_POOLED_SIZE);
	pool->free = chunk->next_free;
	pool->free_count--;
	chunk->next_free = NULL;
	atomic_store_explicit(&chunk->references, 1, memory_order_relaxed);
	return chunk;
}
