/* Queues: either items lie in one or gets wait for it, never both. */
#include <plait/deferred_queue.h>

#include "core/async/deferred.h"
#include "core/async/deferred_waiters.h"
#include "core/base/block.h"

struct item {
	struct item *next;
	struct plait_result result;
};

struct plait_deferred_queue {
	size_t size, backlog;
	bool freed;
	size_t count; /* of items */
	struct item *first, *last;
	struct waiters gets;
};

struct plait_deferred_queue *plait_deferred_queue_new(size_t size, size_t backlog)
{
	struct plait_deferred_queue *queue = deferred_memory(sizeof(*queue));
	*queue = (struct plait_deferred_queue){ .size = size, .backlog = backlog };
	return queue;
}

static struct plait_result take_item(struct plait_deferred_queue *queue)
{
	struct item *item = queue->first;
	struct plait_result result = item->result;
	queue->first = item->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	block_give(item);
	return result;
}

void plait_deferred_queue_free(struct plait_deferred_queue **queue_at)
{
	struct plait_deferred_queue *queue = *queue_at;
	*queue_at = NULL;
	if (!queue)
		return;
	queue->freed = true;
	waiters_end(&queue->gets, "queue");
	while (queue->first) {
		struct plait_result result = take_item(queue);
		plait_result_drop(&result);
	}
	block_give(queue);
}

static int store(struct plait_deferred_queue *queue, struct plait_result result)
{
	if (queue->freed)
		return PLAIT_ERROR_GONE;
	if (queue->count >= queue->size)
		return PLAIT_ERROR_OVERFLOW;
	struct item *item = block_take(sizeof(*item));
	if (!item)
		return PLAIT_ERROR_MEMORY;
	*item = (struct item){ .result = result };
	*(queue->last ? &queue->last->next : &queue->first) = item;
	queue->last = item;
	queue->count++;
	return 0;
}

int plait_deferred_queue_put(struct plait_deferred_queue *queue, struct plait_result item)
{
	struct plait_deferred *get = queue->freed ? NULL : waiters_take(&queue->gets);
	if (get) {
		plait_deferred_callback(get, item);
		plait_deferred_unref(&get);
		return 0;
	}
	int result = store(queue, item);
	if (result < 0)
		plait_result_drop(&item);
	return result;
}

struct plait_deferred *plait_deferred_queue_get(struct plait_deferred_queue *queue)
{
	if (queue->freed)
		return plait_fail(plait_failure(PLAIT_ERROR_GONE, "the queue was freed"));
	if (queue->first)
		return plait_succeed(take_item(queue));
	if (queue->gets.count >= queue->backlog)
		return plait_fail(plait_failure(PLAIT_ERROR_OVERFLOW,
						"%zu wait for an item already; take fewer at once",
						queue->gets.count));
	return waiters_add(&queue->gets);
}

size_t plait_deferred_queue_size(const struct plait_deferred_queue *queue)
{
	return queue->count;
}

size_t plait_deferred_queue_waiting(const struct plait_deferred_queue *queue)
{
	return queue->gets.count;
}
