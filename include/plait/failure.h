/* A failure: what went wrong, as a code and a sentence, and where it arose. */
#ifndef PLAIT_FAILURE_H
#define PLAIT_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/error.h>

/* Read only, for several may hold it. */
struct plait_failure {
	int code; /* enum plait_code, or a negative one of the protocol's own */
	const char *text;
	const char *file, *function; /* where plait_failure was written */
	int line;
	int index; /* of a list or a gather: which one failed, from 0; others: -1 */
};

/* plait_failure(PLAIT_ERROR_REFUSED, "no more than %d", most): one reference is the caller's. Text beyond 1,023 bytes is
 * cut. Aborts when there is no memory. Any thread, as all calls here. */
#define plait_failure(code_, ...) plait_failure_new(code_, __FILE__, __func__, __LINE__, __VA_ARGS__)
PLAIT_EXPORT struct plait_failure *plait_failure_new(int code, const char *file, const char *function,
						     int line, const char *format, ...) PLAIT_PRINTF(5, 6);

/* What a call has put into *error: its code, and "PATH: TEXT". */
#define plait_failure_from(error)                                                                            \
	plait_failure_new((error)->code, __FILE__, __func__, __LINE__, "%s%s%s", (error)->path,              \
			  (error)->path[0] ? ": " : "", (error)->text)

PLAIT_EXPORT struct plait_failure *plait_failure_ref(struct plait_failure *failure);
PLAIT_EXPORT void plait_failure_unref(struct plait_failure **failure);

/* For an errback, which handles some codes and returns its result as it is for all others. NULL is none. */
static inline bool plait_failure_is(const struct plait_failure *failure, int code)
{
	return failure && failure->code == code;
}

/* The one of these codes that it has, or 0: plait_failure_check(failure, PLAIT_ERROR_TIMEOUT, PLAIT_ERROR_REFUSED). */
#define plait_failure_check(failure, ...)                                                                    \
	plait_failure_among(failure, (const int[]){ __VA_ARGS__ },                                           \
			    sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))
PLAIT_EXPORT int plait_failure_among(const struct plait_failure *failure, const int *codes, size_t count);

#endif
