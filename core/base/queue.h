/* An output queue: bytes on their way out, in blocks of its own and in chunks it shares. Empty, it holds no memory. */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include "core/base/chunk.h"
#include "core/base/holding.h"

/* Writes up to this size are copied together; larger chunks travel by reference. */
#define QUEUE_COPY_LIMIT 2048

/* What a queue's first block holds, and every later one: a TLS record's worth. A thousand members of a room have a line
 * each to send at the end of a turn; a small first block keeps all of them in the processor's caches. */
#define QUEUE_FIRST_SIZE 2000
#define QUEUE_BLOCK_SIZE 16384

/* How many of the first blocks a pool keeps for the next burst: 4 MiB. */
#define QUEUE_FIRST_KEPT 2048

enum queue_class { QUEUE_SHARED, QUEUE_FIRST, QUEUE_BLOCK, QUEUE_STOP, QUEUE_CLASSES };

struct queue_node {
	struct queue_node *next;
	uint8_t *begin, *end;      /* the bytes still to go */
	uint8_t *limit;            /* where the room behind them ends */
	struct plait_chunk *chunk; /* whose bytes they are; NULL: the node's own */
	enum queue_class class;
	uint8_t bytes[]; /* from here to limit, when they are the node's own */
};

struct queue {
	struct queue_node *head, *tail;
	size_t bytes;
};

/* What the queues of one loop are made of; used nodes wait here for the next burst, in bounded numbers. */
struct queue_pool {
	struct {
		struct queue_node *free;
		unsigned count;
	} classes[QUEUE_CLASSES];
	struct holding
		holding; /* of the loop: its queues' memory, chunks once whoever shares them, and what others add */
};

/* Somebody else on the loop holds so many more bytes for a peer, or fewer. */
void queue_pool_hold(struct queue_pool *pool, long long by);

/* Tells the sum what is held at present. */
void queue_pool_tell(struct queue_pool *pool);

void queue_pool_init(struct queue_pool *pool);
void queue_pool_fini(struct queue_pool *pool);

/* A queue's first block, when the pool has one and len bytes, more than none, fit. */
static inline struct queue_node *queue_begin(struct queue *queue, struct queue_pool *pool, size_t len)
{
	struct queue_node *node = pool->classes[QUEUE_FIRST].free;
	if (!node || len - 1 >= QUEUE_FIRST_SIZE)
		return NULL;
	pool->classes[QUEUE_FIRST].free = node->next;
	pool->classes[QUEUE_FIRST].count--;
	node->next = NULL;
	node->begin = node->end = node->bytes;
	queue->head = queue->tail = node;
	return node;
}

/* Room for len bytes in one piece behind the last ones, or NULL when there is none at hand; to be filled, and then
 * committed. */
static inline uint8_t *queue_room(struct queue *queue, struct queue_pool *pool, size_t len)
{
	struct queue_node *tail = queue->tail ? queue->tail : queue_begin(queue, pool, len);
	return tail && len <= (size_t)(tail->limit - tail->end) ? tail->end : NULL;
}

static inline void queue_commit(struct queue *queue, size_t len)
{
	queue->tail->end += len;
	queue->bytes += len;
}

/* For queue_copy: all but the common case. */
int queue_copy_more(struct queue *queue, struct queue_pool *pool, const void *data, size_t len);

/* Each returns 0, or -1 when there is no memory (nothing was added). */
static inline int queue_copy(struct queue *queue, struct queue_pool *pool, const void *data, size_t len)
{
	uint8_t *room = queue_room(queue, pool, len);
	if (!room)
		return queue_copy_more(queue, pool, data, len);
	memcpy(room, data, len);
	queue_commit(queue, len);
	return 0;
}

int queue_add(struct queue *queue, struct queue_pool *pool,
	      struct plait_chunk *chunk); /* takes its own reference */

/* Adds all but the first skip bytes of another queue, small ones copied, large chunks by reference. Returns 0, or -1 when
 * there is no memory; some may have been added then. */
int queue_append(struct queue *queue, struct queue_pool *pool, const struct queue *other, size_t skip);

/* A stop: what is added later stays behind it until it is removed from the head. It counts no bytes, and no peek goes past
 * it. 0, or -1 when there is no memory. */
int queue_add_stop(struct queue *queue, struct queue_pool *pool);
void queue_remove_stop(struct queue *queue, struct queue_pool *pool);

static inline bool queue_at_stop(const struct queue *queue)
{
	return queue->head && queue->head->class == QUEUE_STOP;
}

/* Room for QUEUE_BLOCK_SIZE bytes before all that is queued; to be filled at once, and then committed, with 0 when nothing
 * came. NULL when there is no memory. */
uint8_t *queue_front_room(struct queue *queue, struct queue_pool *pool);
void queue_front_commit(struct queue *queue, struct queue_pool *pool, size_t len);

/* The head of the queue as at most max parts; returns how many. */
int queue_peek(const struct queue *queue, struct iovec *parts, int max);
int queue_peek_behind(const struct queue *queue, size_t skip, struct iovec *parts,
		      int max); /* all but the first skip bytes */

/* For queue_consume: all but the common case. */
void queue_consume_some(struct queue *queue, struct queue_pool *pool, size_t len);

/* Drops the first len bytes, which must be there. */
static inline void queue_consume(struct queue *queue, struct queue_pool *pool, size_t len)
{
	struct queue_node *node = queue->head;
	if (len != queue->bytes || !node || node->next || node->class != QUEUE_FIRST ||
	    pool->classes[QUEUE_FIRST].count >= QUEUE_FIRST_KEPT) {
		queue_consume_some(queue, pool, len);
		return;
	}
	node->next = pool->classes[QUEUE_FIRST].free;
	pool->classes[QUEUE_FIRST].free = node;
	pool->classes[QUEUE_FIRST].count++;
	*queue = (struct queue){ 0 };
}

/* The memory it holds, with all of the chunks that it shares. */
size_t queue_memory(const struct queue *queue);

void queue_clear(struct queue *queue, struct queue_pool *pool);

#endif
