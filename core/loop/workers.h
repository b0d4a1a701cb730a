/* Worker loops, each on a thread of its own. */
#ifndef LOOP_WORKERS_H
#define LOOP_WORKERS_H

#include <plait/error.h>

#include "core/loop/loop.h"

struct workers;

/* count loops (0: one a processor), not yet running. NULL with error filled. */
struct workers *workers_new(unsigned count, struct plait_error *error);

/* One thread a loop, with every signal blocked. 0, or a negative code and no thread left running. */
int workers_start(struct workers *workers, struct plait_error *error);

/* Stops all loops and joins their threads; stopping a stopped one is allowed. False when a thread has not ended after
 * patience_ms: it is stuck in a callback, and nothing of them can be freed. */
bool workers_stop(struct workers *workers, unsigned patience_ms);

/* After that: runs what is still posted, on all loops until none has any, for what is left on one may post to another. */
void workers_settle(struct workers *workers);

/* After workers_stop, or before workers_start. */
void workers_free(struct workers **workers);

unsigned workers_count(const struct workers *workers);
struct plait_loop *workers_loop(const struct workers *workers, unsigned index);

/* The loop that has the fewest connections, preferred when it is one of them. Any thread. */
struct plait_loop *workers_least_loaded(const struct workers *workers, struct plait_loop *preferred);

/* Calls fn(arg) on every loop, soon. Any thread. */
void workers_post_all(struct workers *workers, plait_call_fn *fn, void *arg);

#endif
