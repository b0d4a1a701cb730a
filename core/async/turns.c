/* Turns are granted in a loop, so that one that ends at once leads to the next without growing the stack. */
#include "core/async/turns.h"

#include "core/async/deferred.h"
#include "core/base/block.h"

void turns_init(struct turns *turns, const char *what, unsigned limit)
{
	*turns = (struct turns){ .what = what, .limit = limit, .left = limit };
}

static void end_turn(void *value)
{
	turns_end(value);
}

static void free_if_idle(struct turns *turns)
{
	if (turns->freed && !turns->granting && turns->left == turns->limit)
		block_give(turns);
}

static void grant(struct turns *turns)
{
	struct plait_deferred *next;
	if (turns->granting)
		return;
	turns->granting = true;
	while (turns->left > 0 && (next = waiters_take(&turns->waiters))) {
		turns->left--;
		plait_deferred_callback(next, plait_owned(turns, end_turn));
		plait_deferred_unref(&next);
	}
	turns->granting = false;
}

void turns_free(struct turns *turns)
{
	bool granting = turns->granting;
	turns->freed = turns->granting = true;
	waiters_end(&turns->waiters, turns->what);
	turns->granting = granting;
	free_if_idle(turns);
}

struct plait_deferred *turns_take(struct turns *turns)
{
	if (turns->freed)
		return plait_fail(plait_failure(PLAIT_ERROR_GONE, "the %s was freed", turns->what));
	if (turns->left == 0 || turns->waiters.first)
		return waiters_add(&turns->waiters);
	turns->left--;
	return plait_succeed(plait_owned(turns, end_turn));
}

int turns_end(struct turns *turns)
{
	if (turns->left == turns->limit)
		return PLAIT_ERROR_INVALID;
	turns->left++;
	grant(turns);
	free_if_idle(turns);
	return 0;
}

struct job {
	struct turns *turns; /* NULL before its turn */
	plait_work_fn *fn;
	void *arg;
};

static struct plait_result start_job(struct plait_result result, void *arg)
{
	struct job *job = arg;
	job->turns = result.value;
	return job->fn(job->arg);
}

static struct plait_result end_job(struct plait_result result, void *arg)
{
	struct job *job = arg;
	struct turns *turns = job->turns;
	block_give(job);
	if (turns)
		turns_end(turns);
	return result;
}

struct plait_deferred *turns_run(struct turns *turns, plait_work_fn *fn, void *arg)
{
	struct job *job = deferred_memory(sizeof(*job));
	*job = (struct job){ .fn = fn, .arg = arg };
	struct plait_deferred *deferred = turns_take(turns);
	plait_add_callback(deferred, start_job, job);
	return plait_add_both(deferred, end_job, job);
}
