/* Deferreds: chains of any length are run, cancelled and freed in loops, not by recursion. */
#include <plait/deferred.h>
#include <plait/log.h>
#include <plait/loop.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/base/block.h"

/* What is to be done with a result: a callback of the owner's, or (waiter) another Deferred that goes on with it. */
struct step {
	struct step *next;
	plait_callback_fn *callback, *errback; /* NULL: the result passes by */
	void *arg;
	struct plait_deferred *waiter; /* one reference */
};

struct plait_deferred {
	unsigned references;
	unsigned pauses;
	bool called;       /* it was fired */
	bool has_result;   /* for the next step; not while one has it or another Deferred is waited for */
	bool running;      /* on the stack of run */
	bool late_is_fine; /* cancelled without a canceller: who fires it later cannot know */
	struct plait_result result;
	struct step *first, *last;
	plait_canceller_fn *canceller;
	void *canceller_arg;
	struct plait_deferred *waiting_on; /* has a step for us; no reference: it tells when it goes */
	struct plait_deferred *below;      /* in a stack of those that are run, or freed */
};

static void *taken(size_t size)
{
	void *block = block_take(size);
	if (!block) {
		fputs("plait: no memory for a Deferred\n", stderr);
		abort();
	}
	return block;
}

void plait_result_drop(struct plait_result *result)
{
	if (result->release)
		result->release(result->value);
	plait_failure_unref(&result->failure);
	plait_deferred_unref(&result->deferred);
	*result = (struct plait_result){ 0 };
}

struct plait_deferred *plait_deferred_new(plait_canceller_fn *canceller, void *arg)
{
	struct plait_deferred *deferred = taken(sizeof(*deferred));
	*deferred = (struct plait_deferred){ .references = 1, .canceller = canceller, .canceller_arg = arg };
	return deferred;
}

struct plait_deferred *plait_deferred_ref(struct plait_deferred *deferred)
{
	deferred->references++;
	return deferred;
}

static void push(struct plait_deferred **stack, struct plait_deferred *deferred)
{
	deferred->below = *stack;
	*stack = deferred;
}

static struct plait_deferred *pop(struct plait_deferred **stack)
{
	struct plait_deferred *deferred = *stack;
	*stack = deferred->below;
	deferred->below = NULL;
	return deferred;
}

static struct step *take_step(struct plait_deferred *deferred)
{
	struct step *step = deferred->first;
	deferred->first = step->next;
	if (!deferred->first)
		deferred->last = NULL;
	return step;
}

static void add_step(struct plait_deferred *deferred, struct step step)
{
	struct step *added = taken(sizeof(*added));
	*added = step;
	if (deferred->last)
		deferred->last->next = added;
	else
		deferred->first = added;
	deferred->last = added;
}

/* Nobody handled it. */
static void complain(const struct plait_failure *failure)
{
	plait_log(PLAIT_LOG_ERROR, "nobody handled a failure: %s (%d), from %s at %s:%d", failure->text,
		  failure->code, failure->function, failure->file, failure->line);
}

/* Those who waited for it will not get a result; they go, too, unless somebody else has them. */
static void free_one(struct plait_deferred *deferred, struct plait_deferred **stack)
{
	while (deferred->first) {
		struct step *step = take_step(deferred);
		if (step->waiter) {
			step->waiter->waiting_on = NULL;
			if (--step->waiter->references == 0)
				push(stack, step->waiter);
		}
		block_give(step);
	}
	if (deferred->result.failure)
		complain(deferred->result.failure);
	plait_result_drop(&deferred->result);
	block_give(deferred);
}

void plait_deferred_unref(struct plait_deferred **deferred_at)
{
	struct plait_deferred *deferred = *deferred_at, *stack = NULL;
	*deferred_at = NULL;
	if (!deferred || --deferred->references > 0)
		return;
	push(&stack, deferred);
	while (stack)
		free_one(pop(&stack), &stack);
}

/* ---- running ---- */

static bool is_ready(const struct plait_deferred *deferred)
{
	return deferred->has_result && deferred->pauses == 0;
}

static struct plait_result take_result(struct plait_deferred *deferred)
{
	struct plait_result result = deferred->result;
	deferred->result = (struct plait_result){ 0 };
	return result;
}

static void set_result(struct plait_deferred *deferred, struct plait_result result)
{
	deferred->result = result;
	deferred->has_result = true;
}

/* Takes over the reference to inner, whose result will be ours. */
static void wait_for(struct plait_deferred *deferred, struct plait_deferred *inner)
{
	if (inner == deferred) {
		set_result(deferred, plait_failed(plait_failure(PLAIT_ERROR_INVALID,
								"a Deferred cannot wait for itself")));
	} else if (is_ready(inner) && !inner->running && !inner->first) {
		set_result(deferred, take_result(inner));
	} else {
		deferred->waiting_on = inner;
		add_step(inner, (struct step){ .waiter = plait_deferred_ref(deferred) });
	}
	plait_deferred_unref(&inner);
}

static void call(struct plait_deferred *deferred, const struct step *step)
{
	plait_callback_fn *fn = deferred->result.failure ? step->errback : step->callback;
	if (!fn)
		return;
	deferred->has_result = false;
	struct plait_result answer = fn(take_result(deferred), step->arg);
	if (answer.deferred)
		wait_for(deferred, answer.deferred);
	else
		set_result(deferred, answer);
}

/* Runs its steps as far as that goes. Returns who goes on with its result meanwhile, with a reference, or NULL. */
static struct plait_deferred *run_steps(struct plait_deferred *deferred)
{
	while (is_ready(deferred) && deferred->first) {
		struct step *step = take_step(deferred);
		struct plait_deferred *waiter = step->waiter;
		if (waiter) {
			waiter->waiting_on = NULL;
			set_result(waiter, take_result(deferred));
		} else {
			call(deferred, step);
		}
		block_give(step);
		if (waiter)
			return waiter;
	}
	return NULL;
}

static void run(struct plait_deferred *deferred)
{
	struct plait_deferred *stack = NULL;
	if (deferred->running)
		return;
	push(&stack, plait_deferred_ref(deferred));
	while (stack) {
		stack->running = true;
		struct plait_deferred *waiter = run_steps(stack);
		if (waiter) {
			push(&stack, waiter);
			continue;
		}
		struct plait_deferred *done = pop(&stack);
		done->running = false;
		plait_deferred_unref(&done);
	}
}

int plait_deferred_callback(struct plait_deferred *deferred, struct plait_result result)
{
	if (deferred->called) {
		bool fine = deferred->late_is_fine;
		deferred->late_is_fine = false;
		plait_result_drop(&result);
		return fine ? 0 : PLAIT_ERROR_INVALID;
	}
	deferred->called = true;
	plait_deferred_ref(deferred);
	if (result.deferred)
		wait_for(deferred, result.deferred);
	else
		set_result(deferred, result);
	run(deferred);
	plait_deferred_unref(&deferred);
	return 0;
}

int plait_deferred_errback(struct plait_deferred *deferred, struct plait_failure *failure)
{
	return plait_deferred_callback(deferred, plait_failed(failure));
}

struct plait_deferred *plait_succeed(struct plait_result result)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_deferred_callback(deferred, result);
	return deferred;
}

struct plait_deferred *plait_fail(struct plait_failure *failure)
{
	return plait_succeed(plait_failed(failure));
}

struct plait_deferred *plait_add_callbacks(struct plait_deferred *deferred, plait_callback_fn *callback,
					   plait_callback_fn *errback, void *arg)
{
	add_step(deferred, (struct step){ .callback = callback, .errback = errback, .arg = arg });
	run(deferred);
	return deferred;
}

void plait_deferred_pause(struct plait_deferred *deferred)
{
	deferred->pauses++;
}

void plait_deferred_unpause(struct plait_deferred *deferred)
{
	if (--deferred->pauses == 0)
		run(deferred);
}

bool plait_deferred_called(const struct plait_deferred *deferred)
{
	return deferred->has_result;
}

void plait_deferred_cancel(struct plait_deferred *deferred)
{
	while (deferred->waiting_on)
		deferred = deferred->waiting_on;
	if (deferred->called)
		return;
	plait_deferred_ref(deferred);
	if (deferred->canceller)
		deferred->canceller(deferred, deferred->canceller_arg);
	else
		deferred->late_is_fine = true;
	if (!deferred->called)
		plait_deferred_callback(deferred, plait_failed(plait_failure(PLAIT_ERROR_CANCELLED,
									     "it was cancelled")));
	plait_deferred_unref(&deferred);
}

/* ---- timeouts ---- */

/* Holds a reference while it waits, so that it can cancel. */
struct deadline {
	struct plait_deferred *deferred;
	struct plait_timer timer;
	uint64_t timeout_ms;
	bool expired;
};

static void expire(void *arg)
{
	struct deadline *deadline = arg;
	struct plait_deferred *deferred = deadline->deferred;
	deadline->expired = true;
	deadline->deferred = NULL;
	plait_deferred_cancel(deferred); /* which may end the deadline */
	plait_deferred_unref(&deferred);
}

static struct plait_result end_deadline(struct plait_result result, void *arg)
{
	struct deadline *deadline = arg;
	if (deadline->expired && result.failure && result.failure->code == PLAIT_ERROR_CANCELLED) {
		plait_result_drop(&result);
		result = plait_failed(plait_failure(PLAIT_ERROR_TIMEOUT, "it took longer than %llu ms",
						    (unsigned long long)deadline->timeout_ms));
	}
	plait_timer_cancel(&deadline->timer);
	plait_deferred_unref(&deadline->deferred);
	block_give(deadline);
	return result;
}

struct plait_deferred *plait_add_timeout(struct plait_deferred *deferred, struct plait_loop *loop,
					 uint64_t timeout_ms)
{
	struct deadline *deadline = taken(sizeof(*deadline));
	*deadline = (struct deadline){ .deferred = plait_deferred_ref(deferred), .timeout_ms = timeout_ms };
	deadline->timer = plait_call_later(loop, timeout_ms, expire, deadline);
	return plait_add_both(deferred, end_deadline, deadline);
}
