/* So many turns, taken by those who ask in their order: what locks and semaphores have in common. */
#ifndef ASYNC_TURNS_H
#define ASYNC_TURNS_H

#include "core/async/deferred_waiters.h"

/* Lives in a block, as the first member of what the user holds, until it was freed and all turns have come back. */
struct turns {
	const char *what; /* "lock" */
	unsigned limit, left;
	bool granting, freed;
	struct waiters waiters;
};

void turns_init(struct turns *turns, const char *what, unsigned limit);

/* Those who wait fail; who has a turn may still end it. */
void turns_free(struct turns *turns);

/* Its value is turns, owned: nobody takes it, and the turn ends. One reference is the caller's. */
struct plait_deferred *turns_take(struct turns *turns);

/* 0, or PLAIT_ERROR_INVALID when nobody has a turn. */
int turns_end(struct turns *turns);

/* The result of fn(arg), called when it is its turn, which ends when that result is there. */
struct plait_deferred *turns_run(struct turns *turns, plait_work_fn *fn, void *arg);

#endif
