/* Threads for what would block a loop, calls from them to a loop that wait for the answer, and data kept for each loop.
 *
 * A reactor has one pool of threads, shared by its loops. None is started before there is work. They have names
 * ("work-0"), all signals blocked, and no loop: plait_loop_current is NULL on them, and of connections they may use
 * nothing but handles (plait_conn_ref).
 * An arg handed to them belongs to whoever is called with it: exactly one of fn and release is. */
#ifndef PLAIT_THREADS_H
#define PLAIT_THREADS_H

#include <stddef.h>

#include <plait/deferred.h>
#include <plait/error.h>
#include <plait/loop.h>

/* Calls fn(arg) on a thread of the pool. Its result fires the Deferred on loop, of which one reference is the caller's;
 * never from inside this call, unless it is refused: then the Deferred has failed already, with PLAIT_ERROR_OVERFLOW
 * (the queue is full), PLAIT_ERROR_CLOSING (the reactor ends) or PLAIT_ERROR_SYSTEM (no thread could be started).
 * A result that is itself a Deferred becomes a failure: a thread has no loop that could fire it.
 * Cancelled, it fails with PLAIT_ERROR_CANCELLED at once: work that has not begun leaves the queue and is released, work
 * that runs is let finish and its result released. release is called on loop, for work that never began; NULL: nobody is
 * to be told. On the loop. */
PLAIT_EXPORT struct plait_deferred *plait_defer_to_thread_owned(struct plait_loop *loop, plait_work_fn *fn,
								void *arg, void (*release)(void *arg));

static inline struct plait_deferred *plait_defer_to_thread(struct plait_loop *loop, plait_work_fn *fn,
							   void *arg)
{
	return plait_defer_to_thread_owned(loop, fn, arg, NULL);
}

/* The same without a result. 0, or one of those codes, and arg was released. release is called on this thread, or on
 * the one that ends the reactor. Any thread. */
PLAIT_EXPORT int plait_call_in_thread_owned(struct plait_loop *loop, plait_call_fn *fn, void *arg,
					    void (*release)(void *arg));

static inline int plait_call_in_thread(struct plait_loop *loop, plait_call_fn *fn, void *arg)
{
	return plait_call_in_thread_owned(loop, fn, arg, NULL);
}

/* Calls fn(arg) on loop and waits until it has returned and, when it returned a Deferred, that has its result. 0, and
 * *result is the caller's; what it holds is a value, never a failure. Or a negative code with error filled: that of fn's
 * failure, or PLAIT_ERROR_REFUSED (the calling thread runs a loop, and would wait for itself), or PLAIT_ERROR_CLOSING
 * (the loop has stopped, or stopped meanwhile; a Deferred it waited for was cancelled). arg is lent: after
 * that nobody uses it any more. error may be NULL. Any thread that runs no loop. */
PLAIT_EXPORT int plait_blocking_call(struct plait_loop *loop, plait_work_fn *fn, void *arg,
				     struct plait_result *result, struct plait_error *error);

/* The pool's bounds. What is 0 is the default. */
struct plait_thread_settings {
	unsigned min;         /* threads that stay once they were started; default 0 */
	unsigned max;         /* threads at once; default 10, at most PLAIT_THREADS_MAX */
	unsigned queue;       /* how much work may wait for a thread; default 1024 */
	unsigned idle_ms;     /* a thread without work ends after that; default 10 s */
	unsigned deadline_ms; /* how long the end of the reactor waits for work that runs; default 5 s */
};

#define PLAIT_THREADS_MAX 1024

/* For the pool of loop's reactor; may be changed while it works. 0, or PLAIT_ERROR_INVALID with error filled, which may
 * be NULL. Any thread. */
PLAIT_EXPORT int plait_threads_configure(struct plait_loop *loop,
					 const struct plait_thread_settings *settings,
					 struct plait_error *error);

/* Names data that there is once for each loop: static const struct plait_loop_key counter_key = { sizeof(struct counter) };
 * its address is the name, and it stays as long as the loops do. init and fini may be NULL. fini is called on the loop,
 * or on the thread that frees it after it has stopped and its connections have gone; the latest made ends first. */
struct plait_loop_key {
	size_t size;
	void (*init)(struct plait_loop *loop, void *data);
	void (*fini)(struct plait_loop *loop, void *data);
};

/* The loop's own, zeroed and initialised at first use; never NULL. Costs a few nanoseconds, and no lock. On the loop. */
PLAIT_EXPORT void *plait_loop_data(struct plait_loop *loop, const struct plait_loop_key *key);

#endif
