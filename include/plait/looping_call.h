/* A looping call: a function that is called at every interval, on a grid that does not drift. */
#ifndef PLAIT_LOOPING_CALL_H
#define PLAIT_LOOPING_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/abi.h>
#include <plait/deferred.h>
#include <plait/loop.h>

struct plait_looping_call;

/* count: how many points of the grid have passed since the last call, this one's included; more than 1 when some were
 * missed, because the loop was late or the last call's Deferred had not fired. NULL: done; or a Deferred, one reference,
 * until which there is no other call. A failure ends the looping call. It may be stopped, reset and freed from here. */
typedef struct plait_deferred *plait_looping_fn(uint64_t count, void *arg);

/* Everything here belongs on the loop's own thread. Aborts when there is no memory. Free it before the loop goes. */
PLAIT_EXPORT struct plait_looping_call *plait_looping_call_new(struct plait_loop *loop, plait_looping_fn *fn,
							       void *arg);

/* Begins a grid: its points are this moment and every interval_ms from there. fn is called soon after each; at the first
 * one, this moment, only if now is true, and never from inside this call. With an interval of 0 it is called once in each
 * turn of the loop, with a count of 1. 0, or PLAIT_ERROR_INVALID when it runs, or is still waiting for a call's Deferred. */
PLAIT_EXPORT int plait_looping_call_start(struct plait_looping_call *call, uint64_t interval_ms, bool now);

/* Each returns 0, or PLAIT_ERROR_GONE when it does not run. */
PLAIT_EXPORT int plait_looping_call_stop(struct plait_looping_call *call);
PLAIT_EXPORT int plait_looping_call_reset(
	struct plait_looping_call *call); /* the grid begins anew, without a call now */

PLAIT_EXPORT bool plait_looping_call_running(const struct plait_looping_call *call);

/* One reference to a Deferred that fires, with an empty value, when it has stopped and its last call's Deferred has fired;
 * or fails as fn did. Of this run; when it does not run, of the next. A failure for which nobody asked is logged. */
PLAIT_EXPORT struct plait_deferred *plait_looping_call_done(struct plait_looping_call *call);

/* Stops it, which is then done at once, and cancels the last call's Deferred if that has not fired. */
PLAIT_EXPORT void plait_looping_call_free(struct plait_looping_call **call);

#endif
