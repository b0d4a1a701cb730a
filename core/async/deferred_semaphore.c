/* Semaphores: several turns at a time. */
#include <plait/deferred_semaphore.h>

#include "core/async/deferred.h"
#include "core/async/turns.h"

struct plait_deferred_semaphore {
	struct turns turns;
};

struct plait_deferred_semaphore *plait_deferred_semaphore_new(unsigned tokens)
{
	if (tokens == 0)
		return NULL;
	struct plait_deferred_semaphore *semaphore = deferred_memory(sizeof(*semaphore));
	turns_init(&semaphore->turns, "semaphore", tokens);
	return semaphore;
}

void plait_deferred_semaphore_free(struct plait_deferred_semaphore **semaphore_at)
{
	struct plait_deferred_semaphore *semaphore = *semaphore_at;
	*semaphore_at = NULL;
	if (semaphore)
		turns_free(&semaphore->turns);
}

struct plait_deferred *plait_deferred_semaphore_acquire(struct plait_deferred_semaphore *semaphore)
{
	return turns_take(&semaphore->turns);
}

int plait_deferred_semaphore_release(struct plait_deferred_semaphore *semaphore)
{
	return turns_end(&semaphore->turns);
}

struct plait_deferred *plait_deferred_semaphore_run(struct plait_deferred_semaphore *semaphore,
						    plait_work_fn *fn, void *arg)
{
	return turns_run(&semaphore->turns, fn, arg);
}

unsigned plait_deferred_semaphore_tokens(const struct plait_deferred_semaphore *semaphore)
{
	return semaphore->turns.left;
}

size_t plait_deferred_semaphore_waiting(const struct plait_deferred_semaphore *semaphore)
{
	return semaphore->turns.waiters.count;
}
