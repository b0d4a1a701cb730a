/* A queue of Deferreds that wait for something; one that is cancelled leaves it. */
#ifndef ASYNC_DEFERRED_WAITERS_H
#define ASYNC_DEFERRED_WAITERS_H

#include <plait/deferred.h>

struct waiter;

/* Zeroed: nobody waits. */
struct waiters {
	struct waiter *first, *last;
	size_t count;
};

/* One more waits. One reference is the caller's. */
struct plait_deferred *waiters_add(struct waiters *waiters);

/* Who waits longest, with a reference, or NULL. Those who let go without cancelling are left out. */
struct plait_deferred *waiters_take(struct waiters *waiters);

/* All who wait, also those who come meanwhile, fail with PLAIT_ERROR_GONE. */
void waiters_end(struct waiters *waiters, const char *what);

#endif
