/* Timers of one loop: a binary heap of deadlines. A timer is embedded in what it wakes; nothing is allocated for it. */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;
typedef void timer_fn(struct timer *timer);

struct timer {
	uint64_t deadline_ms;
	timer_fn *fn;
	uint32_t order;    /* of starting, modulo 2^32: equal deadlines fire in it */
	uint32_t position; /* in the heap, from 1; 0: not started */
};

struct timer_heap {
	struct timer **items;
	size_t count, capacity;
	uint32_t next_order;
};

#define TIMER_NEVER UINT64_MAX

void timer_heap_fini(struct timer_heap *heap); /* the timers in it are forgotten, not called */

static inline void timer_init(struct timer *timer, timer_fn *fn)
{
	*timer = (struct timer){ .fn = fn };
}

static inline bool timer_active(const struct timer *timer)
{
	return timer->position != 0;
}

/* The deadline that long after from_ms; one that is too far to be told comes as late as any can. */
static inline uint64_t timer_after(uint64_t from_ms, uint64_t delay_ms)
{
	return delay_ms < TIMER_NEVER - from_ms ? from_ms + delay_ms : TIMER_NEVER - 1;
}

/* (Re)starts the timer for a moment of the loop's clock. Aborts when there is no memory for the heap. */
void timer_start_at(struct timer_heap *heap, struct timer *timer, uint64_t deadline_ms);
void timer_stop(struct timer_heap *heap, struct timer *timer); /* stopping a stopped one is allowed */

/* The earliest deadline, or TIMER_NEVER. */
static inline uint64_t timer_heap_next(const struct timer_heap *heap)
{
	return heap->count > 0 ? heap->items[0]->deadline_ms : TIMER_NEVER;
}

/* Calls every timer due at now_ms, the earliest first; those started meanwhile wait for the next run. Returns how many
 * were called. */
size_t timer_heap_run(struct timer_heap *heap, uint64_t now_ms);

#endif
