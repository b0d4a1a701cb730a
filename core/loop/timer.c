/* The heap of timers. It is ours, not libevent's, so that tests can run it on a clock of their own. */
#include "core/loop/timer.h"

#include <assert.h>
#include <stdlib.h>

#include "core/base/alloc.h"

/* Of two orders that may have wrapped around. */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->deadline_ms != b->deadline_ms ? a->deadline_ms < b->deadline_ms
						: before(a->order, b->order);
}

static void place(struct timer_heap *heap, struct timer *timer, size_t position)
{
	heap->items[position - 1] = timer;
	timer->position = (uint32_t)position;
}

static void sift_up(struct timer_heap *heap, struct timer *timer)
{
	size_t position = timer->position;
	while (position > 1 && earlier(timer, heap->items[position / 2 - 1])) {
		place(heap, heap->items[position / 2 - 1], position);
		position /= 2;
	}
	place(heap, timer, position);
}

static void sift_down(struct timer_heap *heap, struct timer *timer)
{
	size_t position = timer->position;
	for (;;) {
		size_t child = position * 2;
		if (child > heap->count)
			break;
		if (child < heap->count && earlier(heap->items[child], heap->items[child - 1]))
			child++;
		if (!earlier(heap->items[child - 1], timer))
			break;
		place(heap, heap->items[child - 1], position);
		position = child;
	}
	place(heap, timer, position);
}

void timer_heap_fini(struct timer_heap *heap)
{
	for (size_t i = 0; i < heap->count; i++)
		heap->items[i]->position = 0;
	free(heap->items);
	*heap = (struct timer_heap){ 0 };
}

void timer_start_at(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ms)
{
	timer->order = heap->next_order++;
	if (timer_active(timer)) {
		timer->deadline_ms = deadline_ms;
		sift_up(heap, timer);
		sift_down(heap, timer);
		return;
	}
	if (heap->count == heap->capacity) {
		size_t capacity = heap->capacity ? heap->capacity * 2 : 64;
		heap->items = alloc_larger(heap->items, capacity * sizeof(struct timer *), "timers");
		heap->capacity = capacity;
	}
	timer->deadline_ms = deadline_ms;
	place(heap, timer, ++heap->count);
	sift_up(heap, timer);
}

void timer_stop(struct timer_heap *heap, struct timer *timer)
{
	size_t position = timer->position;
	if (position == 0)
		return;
	assert(position <= heap->count && heap->items[position - 1] == timer);
	struct timer *last = heap->items[--heap->count];
	timer->position = 0;
	if (last == timer)
		return;
	place(heap, last, position);
	sift_up(heap, last);
	sift_down(heap, last);
}

size_t timer_heap_run(struct timer_heap *heap, uint64_t now_ms)
{
	uint32_t first_order = heap->next_order;
	size_t called = 0;
	while (heap->count > 0) {
		struct timer *timer = heap->items[0];
		/* A very old one whose order has come around again waits for a run more, too. */
		bool started_meanwhile = timer->order - first_order < heap->next_order - first_order;
		if (timer->deadline_ms > now_ms || started_meanwhile)
			break;
		timer_stop(heap, timer);
		timer->fn(timer);
		called++;
	}
	return called;
}
