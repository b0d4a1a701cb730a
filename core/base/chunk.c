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

void plait_chunk_unref(struct plait_chunk **chunk_at)
{
	struct plait_chunk *chunk = *chunk_at;
	*chunk_at = NULL;
	if (!chunk)
		return;
	unsigned before = atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1)
		block_give(chunk);
}

void *plait_chunk_bytes(struct plait_chunk *chunk)
{
	return chunk->bytes;
}

size_t plait_chunk_size(const struct plait_chunk *chunk)
{
	return chunk->size;
}
