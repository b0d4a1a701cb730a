/* Telling that a loop has stopped. */
#include "core/loop/end.h"

#include <stddef.h>

void loop_ends_init(struct loop_ends *ends)
{
	*ends = (struct loop_ends){ .first = NULL };
	pthread_mutex_init(&ends->lock, NULL);
}

void loop_ends_fini(struct loop_ends *ends)
{
	pthread_mutex_destroy(&ends->lock);
}

static void unlink_end(struct loop_end *end)
{
	if (!end->at)
		return;
	*end->at = end->next;
	if (end->next)
		end->next->at = end->at;
	end->at = NULL;
}

bool loop_ends_add(struct loop_ends *ends, struct loop_end *end, loop_end_fn *fn)
{
	pthread_mutex_lock(&ends->lock);
	bool added = !ends->told;
	if (added) {
		*end = (struct loop_end){ .next = ends->first, .at = &ends->first, .fn = fn };
		if (end->next)
			end->next->at = &end->next;
		ends->first = end;
	}
	pthread_mutex_unlock(&ends->lock);
	return added;
}

void loop_ends_remove(struct loop_ends *ends, struct loop_end *end)
{
	pthread_mutex_lock(&ends->lock);
	unlink_end(end);
	pthread_mutex_unlock(&ends->lock);
}

void loop_ends_tell(struct loop_ends *ends)
{
	struct loop_end *end;
	pthread_mutex_lock(&ends->lock);
	ends->told = true;
	while ((end = ends->first)) {
		unlink_end(end);
		pthread_mutex_unlock(&ends->lock);
		end->fn(end);
		pthread_mutex_lock(&ends->lock);
	}
	pthread_mutex_unlock(&ends->lock);
}
