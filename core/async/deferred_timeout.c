/* Timeouts of Deferreds: a timer that cancels, and a callback that says why. */
#include "core/async/deferred.h"

#include "core/base/block.h"
#include "core/base/container.h"
#include "core/loop/loop.h"

/* Lives until its callback runs, which is before the Deferred goes. A loop that ends forgets the timer, so that this
 * may outlive it. */
struct deadline {
	struct timer timer;
	struct plait_loop *loop; /* only while the timer is active */
	struct plait_deferred *deferred;
	uint64_t timeout_ms;
	bool expired;
};

static void expire(struct timer *timer)
{
	struct deadline *deadline = CONTAINER_OF(timer, struct deadline, timer);
	struct plait_deferred *deferred = plait_deferred_ref(deadline->deferred);
	deadline->expired = true;
	plait_deferred_cancel(deferred); /* which may end the deadline */
	plait_deferred_unref(&deferred);
}

static struct plait_result end_deadline(struct plait_result result, void *arg)
{
	struct deadline *deadline = arg;
	if (deadline->expired && plait_failure_is(result.failure, PLAIT_ERROR_CANCELLED)) {
		plait_result_drop(&result);
		result = plait_failed(plait_failure(PLAIT_ERROR_TIMEOUT, "it took longer than %llu ms",
						    (unsigned long long)deadline->timeout_ms));
	}
	if (timer_active(&deadline->timer))
		loop_stop_timer(deadline->loop, &deadline->timer);
	block_give(deadline);
	return result;
}

struct plait_deferred *plait_add_timeout(struct plait_deferred *deferred, struct plait_loop *loop,
					 uint64_t timeout_ms)
{
	loop_assert_here(loop);
	struct deadline *deadline = deferred_memory(sizeof(*deadline));
	*deadline = (struct deadline){ .loop = loop, .deferred = deferred, .timeout_ms = timeout_ms };
	timer_init(&deadline->timer, expire);
	loop_start_timer(loop, &deadline->timer, timer_after(loop_now(loop), timeout_ms));
	return plait_add_both(deferred, end_deadline, deadline);
}
