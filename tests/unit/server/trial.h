/* A reactor on trial, and what its threads have to say: they may not assert themselves. */
#ifndef TESTS_UNIT_SERVER_TRIAL_H
#define TESTS_UNIT_SERVER_TRIAL_H

#include <plait/plait.h>

#include <stdatomic.h>
#include <stdbool.h>

extern struct plait_reactor *reactor;
extern atomic_int called;

/* Counted, and told by trial_finish. Any thread. */
void expect(bool good);

void trial_begin_with(const struct plait_reactor_options *options);
void trial_begin(unsigned loops);
void trial_finish(void);

struct plait_loop *loop_of(unsigned index);

/* For loops. */
void stop(void *arg);
void count(void *arg);                        /* the calls */
struct plait_deferred *count_hook(void *arg); /* of the loop arg */

#endif
