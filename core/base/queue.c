/* Output queues: small writes gathered in pooled blocks, large chunks by reference. */
#include "core/base/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A pool keeps at most 6 MiB. */
static const struct {
	size_t size;
	unsigned keeps;
} classes[QUEUE_CLASSES] = {
	[QUEUE_SHARED] = { 0, 1024 },
	[QUEUE_FIRST] = { QUEUE_FIRST_SIZE, QUEUE_FIRST_KEPT },
	[QUEUE_BLOCK] = { QUEUE_BLOCK_SIZE, 128 },
	[QUEUE_STOP] = { 0, 64 },
};

void queue_pool_init(struct queue_pool *pool)
{
	*pool = (struct queue_pool){ 0 };
}

void queue_pool_fini(struct queue_pool *pool)
{
	for (enum queue_class class = 0; class < QUEUE_CLASSES; class ++) {
		while (pool->classes[class].free) {
			struct queue_node *node = pool->classes[class].free;
			pool->classes[class].free = node->next;
			free(node);
		}
	}
	queue_pool_init(pool);
}

/* First blocks come and go without being counted: what the pool keeps of them is taken off when it is told. */
void queue_pool_tell(struct queue_pool *pool)
{
	size_t size = sizeof(struct queue_node) + QUEUE_FIRST_SIZE;
	holding_tell(&pool->holding, (long long)(pool->classes[QUEUE_FIRST].count * size));
}

void queue_pool_hold(struct queue_pool *pool, long long by)
{
	if (holding_change(&pool->holding, by))
		queue_pool_tell(pool);
}

static long long size_of(enum queue_class class)
{
	return (long long)(sizeof(struct queue_node) + classes[class].size);
}

/* A node with room for its class's bytes and none of them used. */
static struct queue_node *take_node(struct queue_pool *pool, enum queue_class class)
{
	struct queue_node *node = pool->classes[class].free;
	if (node) {
		pool->classes[class].free = node->next;
		pool->classes[class].count--;
		if (class != QUEUE_FIRST)
			queue_pool_hold(pool, size_of(class));
	} else {
		node = malloc((size_t)size_of(class));
		if (!node)
			return NULL;
		queue_pool_hold(pool, size_of(class));
		node->class = class;
		node->chunk = NULL;
		node->limit = node->bytes + classes[class].size;
	}
	node->next = NULL;
	node->begin = node->end = node->bytes;
	return node;
}

/* Returns what it held, when no other queue has it. */
static long long leave_chunk(struct plait_chunk *chunk)
{
	long long size = (long long)chunk->size; /* it may be gone afterwards */
	return chunk_dequeue(chunk) ? size : 0;
}

static void give_node(struct queue_pool *pool, struct queue_node *node)
{
	enum queue_class class = node->class;
	bool keeps = pool->classes[class].count < classes[class].keeps;
	long long size = !keeps || class != QUEUE_FIRST ? size_of(class) : 0;
	if (node->chunk)
		size += leave_chunk(node->chunk);
	queue_pool_hold(pool, -size);
	if (!keeps) {
		free(node);
		return;
	}
	node->next = pool->classes[class].free;
	pool->classes[class].free = node;
	pool->classes[class].count++;
}

static void append(struct queue *queue, struct queue_node *node)
{
	if (queue->tail)
		queue->tail->next = node;
	else
		queue->head = node;
	queue->tail = node;
	queue->bytes += (size_t)(node->end - node->begin);
}

/* All of chunk but its first skip bytes. */
static int append_chunk(struct queue *queue, struct queue_pool *pool, struct plait_chunk *chunk, size_t skip)
{
	struct queue_node *node = take_node(pool, QUEUE_SHARED);
	if (!node)
		return -1;
	if (chunk_enqueue(chunk))
		queue_pool_hold(pool, (long long)chunk->size);
	node->chunk = chunk;
	node->begin = chunk->bytes + skip;
	node->end = node->limit = chunk->bytes + chunk->size;
	append(queue, node);
	return 0;
}

static int append_copy(struct queue *queue, struct queue_pool *pool, const void *data, size_t len)
{
	struct plait_chunk *chunk = plait_chunk_new(data, len);
	int result = chunk ? append_chunk(queue, pool, chunk, 0) : -1;
	plait_chunk_unref(&chunk);
	return result;
}

static int append_block(struct queue *queue, struct queue_pool *pool, const void *data, size_t len)
{
	bool first = !queue->tail && len <= QUEUE_FIRST_SIZE;
	struct queue_node *node = take_node(pool, first ? QUEUE_FIRST : QUEUE_BLOCK);
	if (!node)
		return -1;
	memcpy(node->bytes, data, len);
	node->end = node->bytes + len;
	append(queue, node);
	return 0;
}

int queue_copy_more(struct queue *queue, struct queue_pool *pool, const void *data, size_t len)
{
	struct queue_node *tail = queue->tail;
	size_t room = tail ? (size_t)(tail->limit - tail->end) : 0;
	if (room == 0 && len <= QUEUE_BLOCK_SIZE)
		return len > 0 ? append_block(queue, pool, data, len) : 0;
	const uint8_t *rest = (const uint8_t *)data + room;
	int result = len - room > QUEUE_BLOCK_SIZE ? append_copy(queue, pool, rest, len - room)
						   : append_block(queue, pool, rest, len - room);
	if (result == 0 && room > 0) {
		memcpy(tail->end, data, room);
		tail->end += room;
		queue->bytes += room;
	}
	return result;
}

int queue_add(struct queue *queue, struct queue_pool *pool, struct plait_chunk *chunk)
{
	if (chunk->size <= QUEUE_COPY_LIMIT)
		return queue_copy(queue, pool, chunk->bytes, chunk->size);
	return append_chunk(queue, pool, chunk, 0);
}

int queue_add_stop(struct queue *queue, struct queue_pool *pool)
{
	struct queue_node *node = take_node(pool, QUEUE_STOP);
	if (!node)
		return -1;
	append(queue, node);
	return 0;
}

static void remove_head(struct queue *queue, struct queue_pool *pool)
{
	struct queue_node *node = queue->head;
	queue->head = node->next;
	if (!queue->head)
		queue->tail = NULL;
	give_node(pool, node);
}

void queue_remove_stop(struct queue *queue, struct queue_pool *pool)
{
	assert(queue_at_stop(queue));
	remove_head(queue, pool);
}

uint8_t *queue_front_room(struct queue *queue, struct queue_pool *pool)
{
	struct queue_node *node = take_node(pool, QUEUE_BLOCK);
	if (!node)
		return NULL;
	node->next = queue->head;
	queue->head = node;
	if (!queue->tail)
		queue->tail = node;
	return node->bytes;
}

void queue_front_commit(struct queue *queue, struct queue_pool *pool, size_t len)
{
	queue->head->end += len;
	queue->bytes += len;
	if (len == 0)
		remove_head(queue, pool);
}

static int append_node(struct queue *queue, struct queue_pool *pool, const struct queue_node *node,
		       size_t skip)
{
	const uint8_t *begin = node->begin + skip;
	size_t len = (size_t)(node->end - begin);
	if (!node->chunk || len <= QUEUE_COPY_LIMIT)
		return queue_copy(queue, pool, begin, len);
	return append_chunk(queue, pool, node->chunk, (size_t)(begin - node->chunk->bytes));
}

int queue_append(struct queue *queue, struct queue_pool *pool, const struct queue *other, size_t skip)
{
	for (const struct queue_node *node = other->head; node; node = node->next) {
		size_t len = (size_t)(node->end - node->begin), skipped = skip < len ? skip : len;
		if (skipped < len && append_node(queue, pool, node, skipped) < 0)
			return -1;
		skip -= skipped;
	}
	return 0;
}

int queue_peek_behind(const struct queue *queue, size_t skip, struct iovec *parts, int max)
{
	int count = 0;
	for (struct queue_node *node = queue->head; node && count < max; node = node->next) {
		size_t len = (size_t)(node->end - node->begin);
		if (skip < len) {
			parts[count++] = (struct iovec){ node->begin + skip, len - skip };
			skip = 0;
		} else if (len > 0) {
			skip -= len;
		} else {
			break; /* a stop */
		}
	}
	return count;
}

int queue_peek(const struct queue *queue, struct iovec *parts, int max)
{
	return queue_peek_behind(queue, 0, parts, max);
}

void queue_consume_some(struct queue *queue, struct queue_pool *pool, size_t len)
{
	assert(len <= queue->bytes);
	queue->bytes -= len;
	struct queue_node *node = queue->head;
	while (len > 0 && len >= (size_t)(node->end - node->begin)) {
		struct queue_node *next = node->next;
		len -= (size_t)(node->end - node->begin);
		give_node(pool, node);
		node = next;
	}
	queue->head = node;
	if (node)
		node->begin += len;
	else
		queue->tail = NULL;
}

size_t queue_memory(const struct queue *queue)
{
	size_t total = 0;
	for (const struct queue_node *node = queue->head; node; node = node->next)
		total += (size_t)size_of(node->class) + (node->chunk ? node->chunk->size : 0);
	return total;
}

void queue_clear(struct queue *queue, struct queue_pool *pool)
{
	queue_consume(queue, pool, queue->bytes);
	while (queue->head)
		queue_remove_stop(queue, pool);
}
