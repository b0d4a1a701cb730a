/* The input buffer: grows by doubling, moves its bytes only when at least half of it is consumed. */
#include "core/base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 512

uint8_t *buffer_reserve(struct buffer *buffer, size_t len)
{
	size_t size = buffer_size(buffer);
	if (buffer->capacity - buffer->end >= len && buffer->bytes)
		return buffer->bytes + buffer->end;
	if (len > SIZE_MAX / 4 || size > SIZE_MAX / 4)
		return NULL;
	if (buffer->begin >= size && buffer->capacity - size >= len && buffer->bytes) {
		memmove(buffer->bytes, buffer->bytes + buffer->begin, size);
	} else {
		size_t capacity = buffer->capacity > SMALLEST ? buffer->capacity : SMALLEST;
		while (capacity - size < len)
			capacity *= 2;
		uint8_t *bytes = malloc(capacity);
		if (!bytes)
			return NULL;
		if (size > 0)
			memcpy(bytes, buffer->bytes + buffer->begin, size);
		free(buffer->bytes);
		buffer->bytes = bytes;
		buffer->capacity = capacity;
	}
	buffer->begin = 0;
	buffer->end = size;
	return buffer->bytes + size;
}

void buffer_commit(struct buffer *buffer, size_t len)
{
	assert(len <= buffer->capacity - buffer->end);
	buffer->end += len;
}

int buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	uint8_t *at = buffer_reserve(buffer, len);
	if (!at)
		return -1;
	memcpy(at, data, len);
	buffer_commit(buffer, len);
	return 0;
}

void buffer_consume(struct buffer *buffer, size_t len)
{
	assert(len <= buffer_size(buffer));
	buffer->begin += len;
	if (buffer->begin == buffer->end)
		buffer_fini(buffer);
}

void buffer_fini(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}
