/* plait_blocking_call: a thread waits for what a loop does. */
#include <plait/threads.h>

#include <pthread.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/loop/loop.h"

/* A Deferred whose callbacks return one more each time it is cancelled is given up after so many. */
#define CANCELS_MOST 100

/* On the stack of the thread that waits. The loop finds it by its number: what it posted, and the callback it added to a
 * Deferred, may still be there when nobody waits any more, or go unseen. */
struct wait {
	struct loop_end end;
	struct wait *next, *previous;
	uintptr_t number;
	struct plait_loop *loop;
	plait_work_fn *fn;
	void *arg;
	struct plait_deferred *deferred; /* that fn returned, one reference; the loop's */

	/* Of the lock: */
	pthread_cond_t answered;
	bool has_answer;
	bool stopped; /* it is that the loop has stopped */
	struct plait_result result;
};

struct call {
	struct post post;
	uintptr_t number; /* of the wait */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct wait *waits;
static uintptr_t last_number;

static void enter(struct wait *wait)
{
	pthread_mutex_lock(&lock);
	wait->number = ++last_number;
	wait->next = waits;
	if (waits)
		waits->previous = wait;
	waits = wait;
	pthread_mutex_unlock(&lock);
}

/* With the lock. */
static void leave(struct wait *wait)
{
	if (wait->previous)
		wait->previous->next = wait->next;
	else
		waits = wait->next;
	if (wait->next)
		wait->next->previous = wait->previous;
}

/* On its loop it stays until the loop answers. NULL: it was answered. */
static struct wait *find(uintptr_t number)
{
	pthread_mutex_lock(&lock);
	struct wait *wait = waits;
	while (wait && wait->number != number)
		wait = wait->next;
	pthread_mutex_unlock(&lock);
	return wait;
}

/* The last use of wait, on its loop. */
static void answer(struct wait *wait, struct plait_result result, bool stopped)
{
	struct plait_deferred *deferred = wait->deferred;
	loop_ends_remove(&wait->loop->ends, &wait->end);
	pthread_mutex_lock(&lock);
	leave(wait);
	wait->result = result;
	wait->stopped = stopped;
	wait->has_answer = true;
	pthread_cond_signal(&wait->answered);
	pthread_mutex_unlock(&lock);
	plait_deferred_unref(&deferred);
}

static struct plait_result take_result(struct plait_result result, void *number)
{
	struct wait *wait = find((uintptr_t)number);
	if (!wait)
		return result;
	answer(wait, result, false);
	return plait_value(NULL);
}

static void run_call(struct post *post)
{
	struct call *call = CONTAINER_OF(post, struct call, post);
	struct wait *wait = find(call->number);
	block_give(call);
	if (!wait)
		return;
	struct plait_result result = wait->fn(wait->arg);
	if (!result.deferred) {
		answer(wait, result, false);
		return;
	}
	wait->deferred = result.deferred;
	plait_add_both(result.deferred, take_result, (void *)wait->number);
}

/* The loop has stopped. Its thread ends what was begun; what was not never will be. */
static void on_end(struct loop_end *end)
{
	struct wait *wait = CONTAINER_OF(end, struct wait, end);
	uintptr_t number = wait->number;
	for (int i = 0; i < CANCELS_MOST && wait && wait->deferred; i++) {
		plait_deferred_cancel(wait->deferred);
		wait = find(number);
	}
	if (wait)
		answer(wait, plait_value(NULL), true);
}

static void post_call(struct wait *wait)
{
	struct call *call = alloc_block(sizeof(*call), "a call to a loop");
	call->number = wait->number;
	if (!post_offer(&wait->loop->posts, &call->post, run_call))
		block_give(call);
}

static int stopped(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL,
			       "the loop has stopped, so there will be no answer from it");
}

static int fail(struct plait_failure *failure, struct plait_error *error)
{
	int code = failure->code < 0 ? failure->code : PLAIT_ERROR_INVALID;
	plait_error_set(error, code, NULL, "%s", failure->text);
	plait_failure_unref(&failure);
	return code;
}

int plait_blocking_call(struct plait_loop *loop, plait_work_fn *fn, void *arg, struct plait_result *result,
			struct plait_error *error)
{
	struct wait wait = { .loop = loop, .fn = fn, .arg = arg };
	*result = (struct plait_result){ 0 };
	if (plait_loop_current())
		return plait_error_set(
			error, PLAIT_ERROR_REFUSED, NULL,
			"a thread that runs a loop must not wait for a loop; call it from another "
			"thread, or use plait_post");
	pthread_cond_init(&wait.answered, NULL);
	enter(&wait);
	bool added = loop_ends_add(&loop->ends, &wait.end, on_end);
	if (added)
		post_call(&wait);
	pthread_mutex_lock(&lock);
	while (added && !wait.has_answer)
		pthread_cond_wait(&wait.answered, &lock);
	if (!added)
		leave(&wait);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&wait.answered);
	if (!added || wait.stopped)
		return stopped(error);
	if (wait.result.failure)
		return fail(wait.result.failure, error);
	*result = wait.result;
	return 0;
}
