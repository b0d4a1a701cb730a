/* Deferreds: a result that is not there yet, and what is to be done with it; Twisted's, with ownership stated.
 *
 * A result is owned by whoever holds it: a callback owns what it is given and gives away what it returns. A Deferred
 * that goes with a result nobody took releases its value, or logs its failure with the place where it arose.
 * A Deferred is counted. Who will fire it holds a reference, who waits for it another; when nobody can fire it any more it
 * goes, and with it what waits for it. All on one thread, whichever it is. */
#ifndef PLAIT_DEFERRED_H
#define PLAIT_DEFERRED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/failure.h>

struct plait_deferred;
struct plait_loop;

/* Exactly one of: a value (failure and deferred NULL), a failure, or, as a callback's answer, a Deferred whose result
 * it will be. */
struct plait_result {
	void *value;
	void (*release)(void *value); /* called when nobody takes the value; NULL: it needs none */
	struct plait_failure *failure;
	struct plait_deferred *deferred;
};

static inline struct plait_result plait_value(void *value)
{
	return (struct plait_result){ .value = value };
}

static inline struct plait_result plait_owned(void *value, void (*release)(void *value))
{
	return (struct plait_result){ .value = value, .release = release };
}

static inline struct plait_result plait_failed(struct plait_failure *failure)
{
	return (struct plait_result){ .failure = failure };
}

static inline struct plait_result plait_later(struct plait_deferred *deferred)
{
	return (struct plait_result){ .deferred = deferred };
}

/* Gives up what a result holds, without a word about a failure, and leaves it an empty value. */
PLAIT_EXPORT void plait_result_drop(struct plait_result *result);

typedef struct plait_result plait_callback_fn(struct plait_result result, void *arg);

/* Called by cancel; may fire the Deferred. What it does not fire then fails with PLAIT_ERROR_CANCELLED. */
typedef void plait_canceller_fn(struct plait_deferred *deferred, void *arg);

/* One reference is the caller's. canceller may be NULL. Aborts when there is no memory, as all that adds to one. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_new(plait_canceller_fn *canceller, void *arg);
PLAIT_EXPORT struct plait_deferred *plait_deferred_ref(struct plait_deferred *deferred);
PLAIT_EXPORT void plait_deferred_unref(struct plait_deferred **deferred);

/* Fired already. */
PLAIT_EXPORT struct plait_deferred *plait_succeed(struct plait_result result);
PLAIT_EXPORT struct plait_deferred *plait_fail(struct plait_failure *failure);

/* Each fires it, which runs its callbacks; what is given is taken in any case. Once only: PLAIT_ERROR_INVALID when it has
 * fired before, but 0, once, after a cancel without canceller, of which who fires it need not know. */
PLAIT_EXPORT int plait_deferred_callback(struct plait_deferred *deferred, struct plait_result result);
PLAIT_EXPORT int plait_deferred_errback(struct plait_deferred *deferred, struct plait_failure *failure);

/* Each returns the Deferred. callback is called with a value, errback with a failure, either may be NULL; at once when it
 * has fired. What is returned goes to the next pair. */
PLAIT_EXPORT struct plait_deferred *plait_add_callbacks(struct plait_deferred *deferred,
							plait_callback_fn *callback,
							plait_callback_fn *errback, void *arg);

static inline struct plait_deferred *plait_add_callback(struct plait_deferred *deferred,
							plait_callback_fn *fn, void *arg)
{
	return plait_add_callbacks(deferred, fn, NULL, arg);
}

static inline struct plait_deferred *plait_add_errback(struct plait_deferred *deferred, plait_callback_fn *fn,
						       void *arg)
{
	return plait_add_callbacks(deferred, NULL, fn, arg);
}

static inline struct plait_deferred *plait_add_both(struct plait_deferred *deferred, plait_callback_fn *fn,
						    void *arg)
{
	return plait_add_callbacks(deferred, fn, fn, arg);
}

/* Counted: as many unpauses as pauses, and callbacks run again. */
PLAIT_EXPORT void plait_deferred_pause(struct plait_deferred *deferred);
PLAIT_EXPORT void plait_deferred_unpause(struct plait_deferred *deferred);

/* Of one that has fired and waits for another: cancels that one. Of one that is done: nothing. */
PLAIT_EXPORT void plait_deferred_cancel(struct plait_deferred *deferred);

/* Has it a result now, not waiting for another? */
PLAIT_EXPORT bool plait_deferred_called(const struct plait_deferred *deferred);

/* Cancels it after that time on the loop's clock, unless it has its result by then; it then fails with
 * PLAIT_ERROR_TIMEOUT. On the loop. */
PLAIT_EXPORT struct plait_deferred *plait_add_timeout(struct plait_deferred *deferred,
						      struct plait_loop *loop, uint64_t timeout_ms);

#endif
