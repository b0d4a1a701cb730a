/* Deferreds: chains of any length are run, cancelled and freed in loops, not by recursion. */
#include "core/async/deferred.h"

#include <assert.h>

#include "core/async/failure.h"
#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/compiler.h"

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
	bool cancelling;   /* its canceller is being called */
	bool late_is_fine; /* cancelled without a canceller: who fires it later cannot know */
	unsigned waiters;  /* steps that are Deferreds */
	struct plait_result result;
	struct step *first, *last;
	plait_canceller_fn *canceller;
	void *canceller_arg;
	struct plait_deferred
		*waiting_on; /* has a step for us; no reference: it never goes without taking it */
	struct plait_deferred *last_waiter; /* the latest of the waiters */
	struct plait_deferred *below;       /* in the stack of run */
};

void *deferred_memory(size_t size)
{
	return alloc_block(size, "a Deferred");
}

void plait_result_drop(struct plait_result *result)
{
	struct plait_result dropped = *result;
	*result = (struct plait_result){ 0 };
	if (dropped.release)
		dropped.release(dropped.value);
	plait_failure_unref(&dropped.failure);
	plait_deferred_unref(&dropped.deferred);
}

struct plait_deferred *plait_deferred_new(plait_canceller_fn *canceller, void *arg)
{
	struct plait_deferred *deferred = deferred_memory(sizeof(*deferred));
	*deferred = (struct plait_deferred){ .references = 1, .canceller = canceller, .canceller_arg = arg };
	return deferred;
}

struct plait_deferred *plait_deferred_ref(struct plait_deferred *deferred)
{
	deferred->references++;
	return deferred;
}

bool deferred_unwanted(const struct plait_deferred *deferred)
{
	return deferred->references == 1 && !deferred->first;
}

bool plait_deferred_called(const struct plait_deferred *deferred)
{
	return deferred->has_result;
}

/* ---- steps and results ---- */

static void add_step(struct plait_deferred *deferred, struct step step)
{
	struct step *added = deferred_memory(sizeof(*added));
	*added = step;
	if (deferred->last)
		deferred->last->next = added;
	else
		deferred->first = added;
	deferred->last = added;
}

static struct step take_step(struct plait_deferred *deferred)
{
	struct step *first = deferred->first, step = *first;
	deferred->first = step.next;
	if (!deferred->first)
		deferred->last = NULL;
	block_give(first);
	return step;
}

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

/* Is inner this Deferred, or does it wait for it? Looks from both ends in turn, so that a long chain costs nothing on
 * the side where it is short. */
static bool leads_to(const struct plait_deferred *inner, const struct plait_deferred *deferred)
{
	const struct plait_deferred *down = inner, *up = deferred;
	while (down != deferred) {
		if (!down->waiting_on || up->waiters == 0)
			return false;
		down = down->waiting_on;
		if (up->waiters == 1)
			up = up->last_waiter;
	}
	return true;
}

/* The result of inner will be ours. */
static ASIDE void wait_for(struct plait_deferred *deferred, struct plait_deferred *inner)
{
	if (leads_to(inner, deferred)) {
		set_result(deferred, plait_failed(plait_failure(PLAIT_ERROR_INVALID,
								"a Deferred cannot wait for itself")));
	} else if (is_ready(inner) && !inner->running) {
		set_result(deferred, take_result(inner));
	} else {
		deferred->waiting_on = inner;
		inner->waiters++;
		inner->last_waiter = deferred;
		add_step(inner, (struct step){ .waiter = plait_deferred_ref(deferred) });
	}
}

/* ---- running ---- */

static void push(struct plait_deferred **stack, struct plait_deferred *deferred)
{
	deferred->below = *stack;
	*stack = deferred;
}

static void pop(struct plait_deferred **stack)
{
	struct plait_deferred *deferred = *stack;
	*stack = deferred->below;
	deferred->below = NULL;
}

/* The first waiter goes on with the result: at once, or when its own run that this is a part of comes back to it. */
static void pass_on(struct plait_deferred *deferred, struct plait_deferred *waiter,
		    struct plait_deferred **stack)
{
	deferred->waiters--;
	waiter->waiting_on = NULL;
	set_result(waiter, take_result(deferred));
	if (waiter->running)
		plait_deferred_unref(&waiter);
	else
		push(stack, waiter);
}

/* Gives up a reference to one that was answered with. The last one: its end is a part of this run. */
static ASIDE void let_go(struct plait_deferred *inner, struct plait_deferred **stack)
{
	if (inner->references == 1 && inner->first)
		push(stack, inner);
	else
		plait_deferred_unref(&inner);
}

static void call(struct plait_deferred *deferred, const struct step *step, struct plait_deferred **stack)
{
	plait_callback_fn *fn = deferred->result.failure ? step->errback : step->callback;
	if (!fn)
		return;
	deferred->has_result = false;
	struct plait_result answer = fn(take_result(deferred), step->arg);
	if (answer.deferred) {
		wait_for(deferred, answer.deferred);
		let_go(answer.deferred, stack);
	} else {
		set_result(deferred, answer);
	}
}

/* Runs the steps of the Deferred on top as far as that goes, or until another one is above it. */
static void run_steps(struct plait_deferred **stack)
{
	struct plait_deferred *deferred = *stack;
	while (*stack == deferred && is_ready(deferred) && deferred->first) {
		struct step step = take_step(deferred);
		if (step.waiter)
			pass_on(deferred, step.waiter, stack);
		else
			call(deferred, &step, stack);
	}
}

/* Nobody is left who could fire or unpause it: its callbacks run all the same. */
static ASIDE void abandon(struct plait_deferred *deferred)
{
	deferred->pauses = 0;
	if (deferred->called)
		return;
	deferred->called = true;
	set_result(deferred, plait_failed(plait_failure(PLAIT_ERROR_GONE,
							"nobody is left who could fire the Deferred")));
}

/* Nothing is to be done any more. */
static void end(struct plait_deferred *deferred)
{
	if (deferred->result.failure)
		failure_unhandled(deferred->result.failure);
	struct plait_result result = deferred->result;
	block_give(deferred);
	plait_result_drop(&result);
}

/* Takes over a reference. */
static void run(struct plait_deferred *deferred)
{
	struct plait_deferred *stack = NULL;
	push(&stack, deferred);
	while (stack) {
		struct plait_deferred *top = stack;
		top->running = true;
		run_steps(&stack);
		if (stack != top)
			continue;
		if (top->references == 1 && top->first) {
			abandon(top);
			continue;
		}
		pop(&stack);
		top->running = false;
		if (--top->references == 0)
			end(top);
	}
}

static void run_if_ready(struct plait_deferred *deferred)
{
	if (is_ready(deferred) && deferred->first && !deferred->running)
		run(plait_deferred_ref(deferred));
}

void plait_deferred_unref(struct plait_deferred **deferred_at)
{
	struct plait_deferred *deferred = *deferred_at;
	*deferred_at = NULL;
	if (!deferred || --deferred->references > 0)
		return;
	if (!deferred->first) {
		end(deferred);
		return;
	}
	deferred->references = 1;
	run(deferred);
}

/* ---- what its users do ---- */

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
	if (result.deferred) {
		wait_for(deferred, result.deferred);
		plait_deferred_unref(&result.deferred);
	} else {
		set_result(deferred, result);
	}
	run_if_ready(deferred);
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

struct plait_deferred *plait_maybe_deferred(plait_work_fn *fn, void *arg)
{
	struct plait_result result = fn(arg);
	return result.deferred ? result.deferred : plait_succeed(result);
}

struct plait_deferred *plait_add_callbacks(struct plait_deferred *deferred, plait_callback_fn *callback,
					   plait_callback_fn *errback, void *arg)
{
	add_step(deferred, (struct step){ .callback = callback, .errback = errback, .arg = arg });
	run_if_ready(deferred);
	return deferred;
}

void plait_deferred_pause(struct plait_deferred *deferred)
{
	deferred->pauses++;
}

void plait_deferred_unpause(struct plait_deferred *deferred)
{
	assert(deferred->pauses > 0);
	deferred->pauses--;
	run_if_ready(deferred);
}

void plait_deferred_cancel(struct plait_deferred *deferred)
{
	while (deferred->waiting_on)
		deferred = deferred->waiting_on;
	if (deferred->called || deferred->cancelling)
		return;
	plait_deferred_ref(deferred);
	deferred->cancelling = true;
	if (deferred->canceller)
		deferred->canceller(deferred, deferred->canceller_arg);
	else
		deferred->late_is_fine = true;
	deferred->cancelling = false;
	if (!deferred->called)
		plait_deferred_errback(deferred, plait_failure(PLAIT_ERROR_CANCELLED, "it was cancelled"));
	plait_deferred_unref(&deferred);
}
