/* A loop with a pool of threads, both run by the test. */
#ifndef TESTS_UNIT_ASYNC_POOLED_H
#define TESTS_UNIT_ASYNC_POOLED_H

#include <stdbool.h>

#include "core/async/pool.h"
#include "core/loop/loop.h"

extern struct plait_loop *loop;

/* The loop becomes the calling thread's current one. */
void pooled_open(void);

/* Stops the pool, as a reactor does; true when all threads have ended. */
bool pooled_close(void);

/* A callback for plait_add_both: stores what comes in the struct plait_result that is its arg, and passes nothing on. */
struct plait_result pooled_keep(struct plait_result result, void *arg);

/* Whether it did. */
bool pooled_kept(const struct plait_result *result);

/* Turns the loop until it did. */
void pooled_wait(const struct plait_result *result);

#endif
