/* A loop: one thread that waits for events. Timers, and calls from one thread to another's loop. */
#ifndef PLAIT_LOOP_H
#define PLAIT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/abi.h>

struct plait_loop;

typedef void plait_call_fn(void *arg);

/* Names one scheduled call; copy it freely, it owns nothing. {0} names none. A call that ran or was cancelled is
 * "gone": every use of its name is a clean no. */
struct plait_timer {
	struct plait_loop *loop;
	uint64_t id;
};

/* What is to be done on a loop's own thread may, before the loop runs, be done on the thread that made its reactor.
 *
 * Calls fn(arg) once on loop, delay_ms milliseconds from now (0: at the end of this turn or the next), never from
 * inside this call. A call still to come when the loop ends is never made; free its arg in lost or factory_stop. On
 * the loop's own thread. */
PLAIT_EXPORT struct plait_timer plait_call_later(struct plait_loop *loop, uint64_t delay_ms,
						 plait_call_fn *fn, void *arg);

/* Each returns 0, or PLAIT_ERROR_GONE when the call already ran or was cancelled. On the loop's own thread. */
PLAIT_EXPORT int plait_timer_cancel(struct plait_timer *timer);                  /* and zeroes *timer */
PLAIT_EXPORT int plait_timer_reset(struct plait_timer timer, uint64_t delay_ms); /* from now */
PLAIT_EXPORT int plait_timer_delay(struct plait_timer timer, uint64_t extra_ms); /* later than it was to be */

/* How long it is until the call is due; 0 when it is due already. On the loop's own thread. */
PLAIT_EXPORT int plait_timer_remaining(struct plait_timer timer, uint64_t *remaining_ms);

/* True while the call is still to come. On the loop's own thread. */
PLAIT_EXPORT bool plait_timer_active(struct plait_timer timer);

/* Calls fn(arg) on loop's thread, in the order of the posts of one thread, never from inside this call. Any
 * thread. What is posted to a loop that has stopped still runs once, on the thread that frees the loop, so
 * that arg is not leaked (calls that post themselves again are dropped after some rounds). Threads of your own must
 * have ended when the last factory_stop returns. */
PLAIT_EXPORT void plait_post(struct plait_loop *loop, plait_call_fn *fn, void *arg);

/* Posts the call when the loop runs, else when it starts, in the order in which they were asked for; never when the loop
 * does not come to run. Any thread. */
PLAIT_EXPORT void plait_call_when_running(struct plait_loop *loop, plait_call_fn *fn, void *arg);

/* The loop of the calling thread, or NULL on a thread that runs none. Any thread. */
PLAIT_EXPORT struct plait_loop *plait_loop_current(void);

/* Monotonic milliseconds as of the current turn of the loop. On the loop's own thread. */
PLAIT_EXPORT uint64_t plait_loop_now_ms(struct plait_loop *loop);

/* 0 to plait_loop_count() - 1: an index for data kept per loop. Any thread. */
PLAIT_EXPORT unsigned plait_loop_index(const struct plait_loop *loop);

/* How many loops the server runs, at most PLAIT_LOOPS_MAX. Any thread; constant while plugins are called. */
PLAIT_EXPORT unsigned plait_loop_count(const struct plait_loop *loop);

#define PLAIT_LOOPS_MAX 256

#endif
