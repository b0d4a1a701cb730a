/* Signals as calls on a loop. */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include <signal.h>

struct plait_loop;
struct signals;

typedef void signals_fn(int number, void *arg);

/* All signals that a thread of ours leaves to others: not those that tell of its own faults. */
void signals_fill(sigset_t *set);

/* From here on the signal waits for signals_new, of this thread. */
void signals_hold(int number);

/* Calls fn(number, arg) on loop for each arrival of one of numbers (0 ends the list). One loop of a process at most may
 * have signals. NULL when the system refuses; errno tells. */
struct signals *signals_new(struct plait_loop *loop, const int *numbers, signals_fn *fn, void *arg);
void signals_free(struct signals **signals);

#endif
