/* What is to be called when a loop runs: it waits for that, and comes in its order with what is posted then. */
#include <plait/loop.h>

#include <pthread.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/loop/loop.h"

struct waiting_call {
	struct waiting_call *next;
	plait_call_fn *fn;
	void *arg;
};

/* Of all loops: it is held for a moment, and not at all once a loop runs. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void loop_start(struct plait_loop *loop)
{
	pthread_mutex_lock(&lock);
	struct waiting_call *call = loop->first_waiting;
	loop->first_waiting = loop->last_waiting = NULL;
	while (call) {
		struct waiting_call *next = call->next;
		plait_post(loop, call->fn, call->arg);
		free(call);
		call = next;
	}
	atomic_store_explicit(&loop->started, true, memory_order_release);
	pthread_mutex_unlock(&lock);
}

void loop_forget_waiting(struct plait_loop *loop)
{
	while (loop->first_waiting) {
		struct waiting_call *call = loop->first_waiting;
		loop->first_waiting = call->next;
		free(call);
	}
}

/* False when the loop has started meanwhile. */
static bool wait_for_start(struct plait_loop *loop, plait_call_fn *fn, void *arg)
{
	struct waiting_call *call = alloc_zeroed(sizeof(*call), "a call");
	*call = (struct waiting_call){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&lock);
	bool waits = !loop_started(loop);
	if (waits && loop->last_waiting)
		loop->last_waiting->next = call;
	else if (waits)
		loop->first_waiting = call;
	if (waits)
		loop->last_waiting = call;
	pthread_mutex_unlock(&lock);
	if (!waits)
		free(call);
	return waits;
}

void plait_call_when_running(struct plait_loop *loop, plait_call_fn *fn, void *arg)
{
	if (loop_started(loop) || !wait_for_start(loop, fn, arg))
		plait_post(loop, fn, arg);
}
