/* Output queues: small writes gathered in pooled chunks, large blocks by reference. */
#include "core/base/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define POOL_KEEPS_NODES 1024

void queue_pool_init(struct queue_pool *pool)
{
	chunk_pool_init(&pool->chunks);
	pool->free_nodes = NULL;
	pool->free_count = 0;
}

void queue_pool_fini(struct queue_pool *pool)
{
	while (pool->free_nodes) {
		struct queue_node *node = pool->free_nodes;
		pool->free_nodes = node->next;
		free(node);
	}
	pool->free_count = 0;
	chunk_pool_fini(&pool->chunks);
}

static struct queue_node *take_node(struct queue_pool *pool)
{
	struct queue_node *node = pool->free_nodes;
	if (!node)
		return malloc(sizeof(*node));
	pool->free_nodes = node->next;
	pool->free_count--;
	return node;
}

static void give_node(struct queue_pool *pool, struct queue_node *node)
{
	plait_chunk_unref(&node->chunk);
	if (pool->free_count >= POOL_KEEPS_NODES) {
		free(node);
		return;
	}
	node->next = pool->free_nodes;
	pool->free_nodes = node;
	pool->free_count++;
}

/* Takes over the caller's reference to chunk, also when it fails. */
static int append(struct queue *queue, struct queue_pool *pool, struct plait_chunk *chunk, size_t end)
{
	struct queue_node *node = chunk ? take_node(pool) : NULL;
	if (!node) {
		plait_chunk_unref(&chunk);
		return -1;
	}
	*node = (struct queue_node){ .chunk = chunk, .end = end };
	if (queue->tail)
		queue->tail->next = node;
	else
		queue->head = node;
	queue->tail = node;
	queue->bytes += end;
	return 0;
}

/* A pooled chunk belongs to one queue alone, so what lies behind its end is free to write. */
static size_t room_at_tail(const struct queue *queue)
{
	const struct queue_node *tail = queue->tail;
	return tail && tail->chunk->pool ? tail->chunk->size - tail->end : 0;
}

int queue_copy(struct queue *queue, struct queue_pool *pool, const void *data, size_t len)
{
	size_t room = room_at_tail(queue);
	if (len > room) {
		size_t rest = len - room;
		struct plait_chunk *chunk = rest <= CHUNK_POOLED_SIZE ? chunk_pool_take(&pool->chunks)
								      : plait_chunk_new(NULL, rest);
		struct queue_node *old_tail = queue->tail;
		if (append(queue, pool, chunk, rest) < 0)
			return -1;
		memcpy(chunk->bytes, (const uint8_t *)data + room, rest);
		if (room > 0) {
			memcpy(old_tail->chunk->bytes + old_tail->end, data, room);
			old_tail->end += room;
			queue->bytes += room;
		}
		return 0;
	}
	if (len > 0) {
		memcpy(queue->tail->chunk->bytes + queue->tail->end, data, len);
		queue->tail->end += len;
		queue->bytes += len;
	}
	return 0;
}

int queue_add(struct queue *queue, struct queue_pool *pool, struct plait_chunk *chunk)
{
	if (chunk->size <= QUEUE_COPY_LIMIT)
		return queue_copy(queue, pool, chunk->bytes, chunk->size);
	return append(queue, pool, plait_chunk_ref(chunk), chunk->size);
}

int queue_peek(const struct queue *queue, struct iovec *parts, int max)
{
	int count = 0;
	for (struct queue_node *node = queue->head; node && count < max; node = node->next)
		parts[count++] = (struct iovec){ node->chunk->bytes + node->begin, node->end - node->begin };
	return count;
}

void queue_consume(struct queue *queue, struct queue_pool *pool, size_t len)
{
	assert(len <= queue->bytes);
	queue->bytes -= len;
	while (len > 0) {
		struct queue_node *node = queue->head;
		size_t here = node->end - node->begin;
		if (len < here) {
			node->begin += len;
			return;
		}
		len -= here;
		queue->head = node->next;
		if (!queue->head)
			queue->tail = NULL;
		give_node(pool, node);
	}
}

void queue_clear(struct queue *queue, struct queue_pool *pool)
{
	queue_consume(queue, pool, queue->bytes);
}
