/* An output queue: bytes on their way out, as pieces of chunks. Empty, it holds no memory. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stddef.h>
#include <sys/uio.h>

#include "core/base/chunk.h"

/* Writes up to this size are copied together; larger blocks travel by reference. */
#define QUEUE_COPY_LIMIT 2048

struct queue_node {
	struct queue_node *next;
	struct plait_chunk *chunk;
	size_t begin, end; /* the bytes of the chunk still to go */
};

struct queue {
	struct queue_node *head, *tail;
	size_t bytes;
};

/* What the queues of one loop are made of. */
struct queue_pool {
	struct chunk_pool chunks;
	struct queue_node *free_nodes;
	unsigned free_count;
};

void queue_pool_init(struct queue_pool *pool);
void queue_pool_fini(struct queue_pool *pool);

/* Each returns 0, or -1 when there is no memory (nothing was added). */
int queue_copy(struct queue *queue, struct queue_pool *pool, const void *data, size_t len);
int queue_add(struct queue *queue, struct queue_pool *pool,
	      struct plait_chunk *chunk); /* takes its own reference */

/* The head of the queue as at most max parts; returns how many. */
int queue_peek(const struct queue *queue, struct iovec *parts, int max);

/* Drops the first len bytes, which must be there. */
void queue_consume(struct queue *queue, struct queue_pool *pool, size_t len);

void queue_clear(struct queue *queue, struct queue_pool *pool);

#endif
