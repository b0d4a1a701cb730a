/* What tests of Deferreds share: values whose release is counted, callbacks that leave a trace, and the log. */
#ifndef TESTS_UNIT_ASYNC_FIXTURE_H
#define TESTS_UNIT_ASYNC_FIXTURE_H

#include <plait/deferred.h>

/* A value of the heap, which knows its number. */
struct plait_result value(int number);
int number_of(struct plait_result result); /* 0: no value */
extern int values_alive;

struct plait_failure *failure_of(int code);

/* "a1 ": the callback whose arg is "a" has got value 1; "a-9 ": a failure with that code; "a0 ": an empty value. */
extern char trace[1024];
struct plait_result note(struct plait_result result, void *arg);      /* passes it on */
struct plait_result swallow(struct plait_result result, void *arg);   /* goes on with an empty value */
struct plait_result turn_bad(struct plait_result result, void *arg);  /* goes on with PLAIT_ERROR_REFUSED */
struct plait_result turn_good(struct plait_result result, void *arg); /* goes on with value 7 */
struct plait_result go_later(struct plait_result result,
			     void *arg); /* arg: a Deferred, whose reference is taken */

/* Clears the trace and begins to capture the log. */
void begin(void);

/* Ends the capture, checks the trace, and that no value is left and so many failures were logged as unhandled. */
void finish(const char *expected, unsigned unhandled);

/* What was logged from begin to finish. */
extern char logged[8192];

#endif
