/* A failure: what went wrong, as a code and a sentence, and where it arose. */
#ifndef PLAIT_FAILURE_H
#define PLAIT_FAILURE_H

#include <plait/error.h>

struct plait_failure {
	int code; /* enum plait_code, or a negative one of the protocol's own */
	const char *text;
	const char *file, *function; /* where plait_failure was written */
	int line;
};

/* plait_failure(PLAIT_ERROR_REFUSED, "no more than %d", most): one reference is the caller's. Any thread. */
#define plait_failure(code_, ...) plait_failure_new(code_, __FILE__, __func__, __LINE__, __VA_ARGS__)
PLAIT_EXPORT struct plait_failure *plait_failure_new(int code, const char *file, const char *function,
						     int line, const char *format, ...) PLAIT_PRINTF(5, 6);
PLAIT_EXPORT struct plait_failure *plait_failure_ref(struct plait_failure *failure);
PLAIT_EXPORT void plait_failure_unref(struct plait_failure **failure);

#endif
