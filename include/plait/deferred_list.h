/* Several Deferreds awaited as one. */
#ifndef PLAIT_DEFERRED_LIST_H
#define PLAIT_DEFERRED_LIST_H

#include <plait/deferred.h>

enum plait_list_flags {
	PLAIT_FIRE_ON_ONE_CALLBACK = 1, /* with the first value */
	PLAIT_FIRE_ON_ONE_ERRBACK = 2,  /* with the first failure */
	PLAIT_CONSUME_ERRORS =
		4, /* to what is added to the Deferreds later, their failures are empty values */
};

struct plait_outcome {
	bool done;                  /* false: it had no result yet */
	struct plait_result result; /* a value or a failure; plait_result_take takes it out */
};

/* The value of a list, owned by whoever holds it; plait_result_drop of the list's result releases it, too. */
struct plait_outcomes {
	size_t count;
	size_t index; /* of the one whose value fired the list; count: none */
	struct plait_outcome items[];
};

PLAIT_EXPORT void plait_outcomes_free(struct plait_outcomes **outcomes);

/* These three take over a reference to each Deferred given; the array stays the caller's. They take the values the
 * Deferreds come to until they fire themselves, so that what is added to those later gets an empty value; later
 * values stay where they are. Cancelling what they return cancels all that are not done, and fails with
 * PLAIT_ERROR_CANCELLED what then is not done either. A Deferred given must not come to wait for what is returned: the
 * two wait for ever, unless one of them is cancelled. */

/* Its value is a struct plait_outcomes, when all are done or, with PLAIT_FIRE_ON_ONE_CALLBACK, one has a value. With
 * PLAIT_FIRE_ON_ONE_ERRBACK it fails as the first one that does: its code, text and place, and in index which it was.
 * flags: of enum plait_list_flags. */
PLAIT_EXPORT struct plait_deferred *plait_deferred_list(struct plait_deferred *const *deferreds, size_t count,
							unsigned flags);

/* All values, as a struct plait_outcomes, or the first failure; later failures are consumed. */
PLAIT_EXPORT struct plait_deferred *plait_gather(struct plait_deferred *const *deferreds, size_t count);

/* The first value, itself; the others are then cancelled, and their failures consumed. When all fail, or there are
 * none, it fails: with the code and place of the first in the array, and the texts of all. */
PLAIT_EXPORT struct plait_deferred *plait_race(struct plait_deferred *const *deferreds, size_t count);

#endif
