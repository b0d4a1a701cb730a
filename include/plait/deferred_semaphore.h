/* A semaphore for what goes on over many turns of a loop: at most so many at once, the others wait in Deferreds. */
#ifndef PLAIT_DEFERRED_SEMAPHORE_H
#define PLAIT_DEFERRED_SEMAPHORE_H

#include <plait/deferred.h>

/* Used on one thread, as its Deferreds are. */
struct plait_deferred_semaphore;

/* tokens: how many may hold it at once; NULL when that is 0. */
PLAIT_EXPORT struct plait_deferred_semaphore *plait_deferred_semaphore_new(unsigned tokens);

/* Those who wait fail with PLAIT_ERROR_GONE; who holds a token may still release it. */
PLAIT_EXPORT void plait_deferred_semaphore_free(struct plait_deferred_semaphore **semaphore);

/* Its value is the semaphore, a token of it held: whoever takes it calls plait_deferred_semaphore_release; when nobody
 * does, or with plait_result_drop, it is released. In the order of the calls; cancelled, it is not waited for. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_semaphore_acquire(
	struct plait_deferred_semaphore *semaphore);

/* Who waits longest gets the token, from inside this call. 0, or PLAIT_ERROR_INVALID when nobody held one. */
PLAIT_EXPORT int plait_deferred_semaphore_release(struct plait_deferred_semaphore *semaphore);

/* Calls fn(arg) when it holds a token, and releases it when the result is there, which is this Deferred's, too. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_semaphore_run(struct plait_deferred_semaphore *semaphore,
								 plait_work_fn *fn, void *arg);

PLAIT_EXPORT unsigned plait_deferred_semaphore_tokens(
	const struct plait_deferred_semaphore *semaphore); /* left */
PLAIT_EXPORT size_t
plait_deferred_semaphore_waiting(const struct plait_deferred_semaphore *semaphore); /* how many */

#endif
