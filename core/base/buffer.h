/* A growing buffer with a front that is consumed: what a connection has received and not yet delivered. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer_block {
	size_t begin, end, capacity; /* of bytes; begin to end is what the buffer holds */
	uint8_t bytes[];
};

struct buffer {
	struct buffer_block *block; /* NULL: it is empty */
};

static inline size_t buffer_size(const struct buffer *buffer)
{
	return buffer->block ? buffer->block->end - buffer->block->begin : 0;
}

/* The memory it holds. */
static inline size_t buffer_memory(const struct buffer *buffer)
{
	return buffer->block ? sizeof(*buffer->block) + buffer->block->capacity : 0;
}

/* Where its bytes begin; not to be asked of an empty one. */
static inline uint8_t *buffer_data(const struct buffer *buffer)
{
	return buffer->block->bytes + buffer->block->begin;
}

/* Makes room for len more bytes behind the end, and returns where; NULL when there is no memory. The cost of
 * moving bytes is linear in what is appended, whatever the cuts. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t len);

/* len bytes were written to what buffer_reserve returned. */
void buffer_commit(struct buffer *buffer, size_t len);

int buffer_append(struct buffer *buffer, const void *data, size_t len); /* 0, or -1 when there is no memory */

/* Drops the first len bytes; an empty buffer gives its memory back. */
void buffer_consume(struct buffer *buffer, size_t len);
void buffer_fini(struct buffer *buffer);

#endif
