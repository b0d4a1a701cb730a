/* The queue behind locks, semaphores and queues of Deferreds. */
#include "core/async/deferred_waiters.h"

#include "core/async/deferred.h"
#include "core/base/block.h"

struct waiter {
	struct waiters *waiters;
	struct waiter *next, *previous;
	struct plait_deferred *deferred; /* one reference */
};

static struct plait_deferred *leave(struct waiter *waiter)
{
	struct waiters *waiters = waiter->waiters;
	struct plait_deferred *deferred = waiter->deferred;
	*(waiter->previous ? &waiter->previous->next : &waiters->first) = waiter->next;
	*(waiter->next ? &waiter->next->previous : &waiters->last) = waiter->previous;
	waiters->count--;
	block_give(waiter);
	return deferred;
}

static void cancel_waiter(struct plait_deferred *deferred, void *arg)
{
	struct plait_deferred *held = leave(arg);
	(void)deferred;
	plait_deferred_unref(&held);
}

struct plait_deferred *waiters_add(struct waiters *waiters)
{
	struct waiter *waiter = deferred_memory(sizeof(*waiter));
	*waiter = (struct waiter){ .waiters = waiters, .previous = waiters->last };
	waiter->deferred = plait_deferred_new(cancel_waiter, waiter);
	*(waiters->last ? &waiters->last->next : &waiters->first) = waiter;
	waiters->last = waiter;
	waiters->count++;
	return plait_deferred_ref(waiter->deferred);
}

struct plait_deferred *waiters_take(struct waiters *waiters)
{
	while (waiters->first) {
		struct plait_deferred *deferred = leave(waiters->first);
		if (!deferred_unwanted(deferred))
			return deferred;
		plait_deferred_unref(&deferred);
	}
	return NULL;
}

void waiters_end(struct waiters *waiters, const char *what)
{
	struct plait_deferred *deferred;
	while ((deferred = waiters_take(waiters))) {
		plait_deferred_errback(deferred, plait_failure(PLAIT_ERROR_GONE, "the %s was freed", what));
		plait_deferred_unref(&deferred);
	}
}
