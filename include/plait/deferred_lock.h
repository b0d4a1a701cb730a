/* A lock for what goes on over many turns of a loop: who asks waits in a Deferred. */
#ifndef PLAIT_DEFERRED_LOCK_H
#define PLAIT_DEFERRED_LOCK_H

#include <plait/deferred.h>

/* Used on one thread, as its Deferreds are. */
struct plait_deferred_lock;

PLAIT_EXPORT struct plait_deferred_lock *plait_deferred_lock_new(void);

/* Those who wait fail with PLAIT_ERROR_GONE; who holds it may still release it. */
PLAIT_EXPORT void plait_deferred_lock_free(struct plait_deferred_lock **lock);

/* Its value is the lock, held: whoever takes it calls plait_deferred_lock_release; when nobody does, or with
 * plait_result_drop, it is released. In the order of the calls; cancelled, it is not waited for. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_lock_acquire(struct plait_deferred_lock *lock);

/* Who waits longest holds it next, from inside this call. 0, or PLAIT_ERROR_INVALID when nobody held it. */
PLAIT_EXPORT int plait_deferred_lock_release(struct plait_deferred_lock *lock);

/* Calls fn(arg) when it holds the lock, and releases it when the result is there, which is this Deferred's, too. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_lock_run(struct plait_deferred_lock *lock,
							    plait_work_fn *fn, void *arg);

PLAIT_EXPORT bool plait_deferred_lock_held(const struct plait_deferred_lock *lock);
PLAIT_EXPORT size_t plait_deferred_lock_waiting(const struct plait_deferred_lock *lock); /* how many */

#endif
