/* Signals as calls on a loop. */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

struct plait_loop;
struct signals;

typedef void signals_fn(int number, void *arg);

/* From here on the signal waits for signals_new, of this thread. */
void signals_hold(int number);

/* Calls fn(number, arg) on loop for each arrival of one of numbers (0 ends the list). One loop of a process at most may
 * have signals. NULL when the system refuses; errno tells. */
struct signals *signals_new(struct plait_loop *loop, const int *numbers, signals_fn *fn, void *arg);
void signals_free(struct signals **signals);

#endif
