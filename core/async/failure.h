/* Failures from the inside: those that nobody handled. */
#ifndef ASYNC_FAILURE_H
#define ASYNC_FAILURE_H

#include <plait/failure.h>

/* Logs that nobody handled it, with the place where it arose, and counts it. Any thread. */
void failure_unhandled(const struct plait_failure *failure);

/* How many there were in this process. Any thread. */
unsigned long failures_unhandled(void);

#endif
