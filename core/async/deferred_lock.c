/* Locks: one turn at a time. */
#include <plait/deferred_lock.h>

#include "core/async/deferred.h"
#include "core/async/turns.h"

struct plait_deferred_lock {
	struct turns turns;
};

struct plait_deferred_lock *plait_deferred_lock_new(void)
{
	struct plait_deferred_lock *lock = deferred_memory(sizeof(*lock));
	turns_init(&lock->turns, "lock", 1);
	return lock;
}

void plait_deferred_lock_free(struct plait_deferred_lock **lock_at)
{
	struct plait_deferred_lock *lock = *lock_at;
	*lock_at = NULL;
	if (lock)
		turns_free(&lock->turns);
}

struct plait_deferred *plait_deferred_lock_acquire(struct plait_deferred_lock *lock)
{
	return turns_take(&lock->turns);
}

int plait_deferred_lock_release(struct plait_deferred_lock *lock)
{
	return turns_end(&lock->turns);
}

struct plait_deferred *plait_deferred_lock_run(struct plait_deferred_lock *lock, plait_work_fn *fn, void *arg)
{
	return turns_run(&lock->turns, fn, arg);
}

bool plait_deferred_lock_held(const struct plait_deferred_lock *lock)
{
	return lock->turns.left == 0;
}

size_t plait_deferred_lock_waiting(const struct plait_deferred_lock *lock)
{
	return lock->turns.waiters.count;
}
