/* Deferreds: a result that is not there yet, and what is to be done with it; Twisted's, with ownership stated.
 *
 * A result is owned by whoever holds it: a callback owns what it is given and gives away what it returns. A Deferred
 * that goes with a result nobody took releases its value, or logs its failure with the place where it arose.
 *
 * A Deferred is counted. Who will fire it holds a reference, who waits for it another; those that wait for one another by
 * plait_later hold theirs themselves. Each callback is passed exactly once: when the last reference goes and it
 * has callbacks, but nobody has fired it, it fails with PLAIT_ERROR_GONE, and a paused one goes on. So what arg points to
 * may be freed by what plait_add_both added. Who is not interested any more cancels before letting go.
 *
 * Callbacks may do anything to any Deferred: add to their own, fire, pause or cancel it, and drop its last reference.
 * Chains of any length are run without growing the stack. All on one thread at a time. */
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

/* Takes what a result holds, and leaves it an empty value. */
static inline struct plait_result plait_result_take(struct plait_result *result)
{
	struct plait_result taken = *result;
	*result = (struct plait_result){ .value = NULL };
	return taken;
}

typedef struct plait_result plait_callback_fn(struct plait_result result, void *arg);

/* Work that has a result, now or later. */
typedef struct plait_result plait_work_fn(void *arg);

/* Called by cancel, once; may fire the Deferred. What it does not fire then fails with PLAIT_ERROR_CANCELLED. */
typedef void plait_canceller_fn(struct plait_deferred *deferred, void *arg);

/* One reference is the caller's. canceller may be NULL. Aborts when there is no memory, as all that adds to one. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_new(plait_canceller_fn *canceller, void *arg);
PLAIT_EXPORT struct plait_deferred *plait_deferred_ref(struct plait_deferred *deferred);
PLAIT_EXPORT void plait_deferred_unref(struct plait_deferred **deferred);

/* Fired already. One reference is the caller's. */
PLAIT_EXPORT struct plait_deferred *plait_succeed(struct plait_result result);
PLAIT_EXPORT struct plait_deferred *plait_fail(struct plait_failure *failure);

/* Calls fn at once: the Deferred it answers with, or one that has fired with its answer. */
PLAIT_EXPORT struct plait_deferred *plait_maybe_deferred(plait_work_fn *fn, void *arg);

/* Each fires it, which runs its callbacks; what is given is taken in any case. Once only: PLAIT_ERROR_INVALID when it has
 * fired before, but 0, once, after a cancel without canceller, of which who fires it need not know. Given plait_later(other)
 * it waits for that one, as Twisted's other.chainDeferred(deferred) does. */
PLAIT_EXPORT int plait_deferred_callback(struct plait_deferred *deferred, struct plait_result result);
PLAIT_EXPORT int plait_deferred_errback(struct plait_deferred *deferred, struct plait_failure *failure);

/* Each returns the Deferred. callback is called with a value, errback with a failure, either may be NULL; at once when it
 * has fired, but never from inside another of its callbacks. What is returned goes to the next pair. An answer that would
 * make the Deferred wait for itself, be it through others, becomes a failure with PLAIT_ERROR_INVALID. */
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

/* Counted: as many unpauses as pauses, and callbacks run again. One unpause too many aborts. */
PLAIT_EXPORT void plait_deferred_pause(struct plait_deferred *deferred);
PLAIT_EXPORT void plait_deferred_unpause(struct plait_deferred *deferred);

/* Of one that has fired and waits for another: cancels that one. Of one that is done or being cancelled: nothing. */
PLAIT_EXPORT void plait_deferred_cancel(struct plait_deferred *deferred);

/* Has it a result now, not waiting for another? */
PLAIT_EXPORT bool plait_deferred_called(const struct plait_deferred *deferred);

/* Cancels it after that time on the loop's clock, unless what was added before has its result by then; when that
 * comes out as PLAIT_ERROR_CANCELLED, it is PLAIT_ERROR_TIMEOUT to what is added after. Holds no reference. On
 * the loop, or, when that has ended, anywhere. */
PLAIT_EXPORT struct plait_deferred *plait_add_timeout(struct plait_deferred *deferred,
						      struct plait_loop *loop, uint64_t timeout_ms);

#endif
