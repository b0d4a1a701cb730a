/* A queue between those who have results and those who wait for them. */
#ifndef PLAIT_DEFERRED_QUEUE_H
#define PLAIT_DEFERRED_QUEUE_H

#include <plait/deferred.h>

/* Used on one thread, as its Deferreds are. */
struct plait_deferred_queue;

#define PLAIT_QUEUE_UNBOUNDED SIZE_MAX

/* At most size items lie in it, and at most backlog gets wait for one; either may be 0 or PLAIT_QUEUE_UNBOUNDED. */
PLAIT_EXPORT struct plait_deferred_queue *plait_deferred_queue_new(size_t size, size_t backlog);

/* Releases what lies in it; gets that wait fail with PLAIT_ERROR_GONE. */
PLAIT_EXPORT void plait_deferred_queue_free(struct plait_deferred_queue **queue);

/* To the get that waits longest, from inside this call, or into the queue. A value, a failure or another Deferred; taken
 * in any case. 0; PLAIT_ERROR_OVERFLOW when the queue is full; PLAIT_ERROR_MEMORY. */
PLAIT_EXPORT int plait_deferred_queue_put(struct plait_deferred_queue *queue, struct plait_result item);

/* The next item; fails with PLAIT_ERROR_OVERFLOW when too many wait already. Cancelled, it takes none. One that is let go
 * without being cancelled takes none either, if nothing was added to it. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_queue_get(struct plait_deferred_queue *queue);

PLAIT_EXPORT size_t plait_deferred_queue_size(const struct plait_deferred_queue *queue);    /* items in it */
PLAIT_EXPORT size_t plait_deferred_queue_waiting(const struct plait_deferred_queue *queue); /* gets */

#endif
