/* The reactor: the worker loops and their threads. */
#ifndef LOOP_REACTOR_H
#define LOOP_REACTOR_H

#include <plait/error.h>

#include "core/loop/loop.h"

struct reactor;

/* count loops (0: one a processor), not yet running. NULL with error filled. */
struct reactor *reactor_new(unsigned count, struct plait_error *error);

/* One thread a loop, with every signal blocked. 0, or a negative code and no thread left running. */
int reactor_start(struct reactor *reactor, struct plait_error *error);

/* Stops all loops and joins their threads; stopping a stopped one is allowed. False when a thread has not ended after
 * patience_ms: it is stuck in a callback, and nothing of the reactor can be freed. */
bool reactor_stop(struct reactor *reactor, unsigned patience_ms);

/* After that: runs what is still posted, on all loops until none has any, for what is left on one may post to another. */
void reactor_settle(struct reactor *reactor);

/* After reactor_stop, or before reactor_start. */
void reactor_free(struct reactor **reactor);

unsigned reactor_count(const struct reactor *reactor);
struct plait_loop *reactor_loop(const struct reactor *reactor, unsigned index);

/* The loop that has the fewest connections, preferred when it is one of them. Any thread. */
struct plait_loop *reactor_least_loaded(const struct reactor *reactor, struct plait_loop *preferred);

/* Calls fn(arg) on every loop, soon. Any thread. */
void reactor_post_all(struct reactor *reactor, plait_call_fn *fn, void *arg);

#endif
