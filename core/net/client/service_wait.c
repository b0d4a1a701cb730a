/* Who waits for a service: Deferreds in a list, fired or failed together. */
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/net/client/service.h"

static void add(struct service_waiter **list, struct service_waiter *waiter)
{
	while (*list)
		list = &(*list)->next;
	waiter->next = NULL;
	waiter->at = list;
	*list = waiter;
}

static void leave(struct service_waiter *waiter)
{
	*waiter->at = waiter->next;
	if (waiter->next)
		waiter->next->at = waiter->at;
}

/* Gives its reference away. */
static struct plait_deferred *end(struct service_waiter *waiter)
{
	struct plait_deferred *deferred = waiter->deferred;
	leave(waiter);
	free(waiter);
	return deferred;
}

static void cancel(struct plait_deferred *deferred, void *arg)
{
	end(arg);
	plait_deferred_unref(&deferred);
}

struct plait_deferred *service_wait(struct service_waiter **list, unsigned left)
{
	struct service_waiter *waiter = alloc_zeroed(sizeof(*waiter), "who waits for a service");
	waiter->deferred = plait_deferred_new(cancel, waiter);
	waiter->left = left;
	add(list, waiter);
	return plait_deferred_ref(waiter->deferred);
}

/* Those who come while others are told wait for the next time. */
static void move(struct service_waiter *waiter, struct service_waiter **to)
{
	leave(waiter);
	add(to, waiter);
}

void service_tell(struct service_waiter **list, void *value)
{
	struct service_waiter *told = NULL;
	while (*list)
		move(*list, &told);
	while (told) {
		struct plait_deferred *deferred = end(told);
		plait_deferred_callback(deferred, plait_value(value));
		plait_deferred_unref(&deferred);
	}
}

void service_tell_failure(struct service_waiter **list, struct plait_failure *failure, bool all)
{
	struct service_waiter *told = NULL;
	for (struct service_waiter *waiter = *list, *next; waiter; waiter = next) {
		next = waiter->next;
		bool last = waiter->left == 1;
		if (waiter->left > 0)
			waiter->left--;
		if (all || last)
			move(waiter, &told);
	}
	while (told) {
		struct plait_deferred *deferred = end(told);
		plait_deferred_errback(deferred, plait_failure_ref(failure));
		plait_deferred_unref(&deferred);
	}
}
