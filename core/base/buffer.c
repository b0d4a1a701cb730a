/* The input buffer: grows by doubling, moves its bytes only when at least half of it is consumed. */
#include "core/base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 512

static struct buffer_block *grow(const struct buffer_block *old, size_t size, size_t len)
{
	size_t capacity = old ? old->capacity * 2 : SMALLEST;
	while (capacity - size < len)
		capacity *= 2;
	struct buffer_block *block = malloc(sizeof(*block) + capacity);
	if (!block)
		return NULL;
	block->capacity = capacity;
	if (size > 0)
		memcpy(block->bytes, old->bytes + old->begin, size);
	return block;
}

uint8_t *buffer_reserve(struct buffer *buffer, size_t len)
{
	struct buffer_block *block = buffer->block;
	size_t size = buffer_size(buffer);
	if (block && block->capacity - block->end >= len)
		return block->bytes + block->end;
	if (len > SIZE_MAX / 4 || size > SIZE_MAX / 4)
		return NULL;
	if (block && block->begin >= size && block->capacity - size >= len) {
		memmove(block->bytes, block->bytes + block->begin, size);
	} else {
		block = grow(block, size, len);
		if (!block)
			return NULL;
		free(buffer->block);
		buffer->block = block;
	}
	block->begin = 0;
	block->end = size;
	return block->bytes + size;
}

void buffer_commit(struct buffer *buffer, size_t len)
{
	struct buffer_block *block = buffer->block;
	assert(len <= block->capacity - block->end);
	block->end += len;
}

int buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	uint8_t *at = len > 0 ? buffer_reserve(buffer, len) : NULL;
	if (!at)
		return len > 0 ? -1 : 0;
	memcpy(at, data, len);
	buffer_commit(buffer, len);
	return 0;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
	assert(len <= buffer_size(buffer));
	if (!buffer->block)
		return;
	buffer->block->begin += len;
	if (buffer->block->begin == buffer->block->end)
		buffer_fini(buffer);
}

void buffer_fini(struct buffer *buffer)
{
	free(buffer->block);
	buffer->block = NULL;
}
