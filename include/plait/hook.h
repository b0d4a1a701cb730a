/* Shutdown hooks: what a loop is to do before, during and after the end of the connections. */
#ifndef PLAIT_HOOK_H
#define PLAIT_HOOK_H

#include <stdint.h>

#include <plait/abi.h>
#include <plait/deferred.h>
#include <plait/loop.h>

/* Each begins when all that the one before it waits for is done, on every loop. */
enum plait_shutdown_phase {
	PLAIT_BEFORE_SHUTDOWN, /* listeners still accept, connections are open */
	PLAIT_DURING_SHUTDOWN, /* listeners have stopped, connections are ending at the same time */
	PLAIT_AFTER_SHUTDOWN,  /* connections are gone, loops still run */
};

/* Called on its loop. NULL: done; or a Deferred, whose reference the shutdown takes and for which it waits: a failure is
 * logged, and what has not fired after the drain timeout is cancelled. */
typedef struct plait_deferred *plait_hook_fn(void *arg);

/* Names one hook; copy it freely, it owns nothing. {0} names none. */
struct plait_hook {
	struct plait_loop *loop;
	uint64_t id;
};

/* Hooks of a phase are called in the order in which they were added, all of them before any is waited for; one that is
 * added in its own phase, or later, is never called, and none is when a second signal stops at once. On the loop's own
 * thread. */
PLAIT_EXPORT struct plait_hook plait_add_hook(struct plait_loop *loop, enum plait_shutdown_phase phase,
					      plait_hook_fn *fn, void *arg);

/* Zeroes *hook. 0, or PLAIT_ERROR_GONE when it was called or removed. On the loop's own thread. */
PLAIT_EXPORT int plait_remove_hook(struct plait_hook *hook);

#endif
