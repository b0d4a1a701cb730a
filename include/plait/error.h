/* How plait says what went wrong: a negative code for the program, one sentence for the person. */
#ifndef PLAIT_ERROR_H
#define PLAIT_ERROR_H

#include <plait/abi.h>

/* Calls that can fail return 0 or one of these. */
enum plait_code {
	PLAIT_ERROR_INVALID = -1,   /* an argument or a setting that makes no sense */
	PLAIT_ERROR_SYSTEM = -2,    /* the system refused; the text names the call and the reason */
	PLAIT_ERROR_MEMORY = -3,    /* no memory for something whose size came from outside */
	PLAIT_ERROR_GONE = -4,      /* the connection, timer or group is not there any more */
	PLAIT_ERROR_CLOSING = -5,   /* the connection, or the whole, is closing and takes no more */
	PLAIT_ERROR_OVERFLOW = -6,  /* a bound would be exceeded */
	PLAIT_ERROR_MISSING = -7,   /* a file or a name that is not there */
	PLAIT_ERROR_REFUSED = -8,   /* a rule forbids it */
	PLAIT_ERROR_CANCELLED = -9, /* it was called off before there was a result */
	PLAIT_ERROR_TIMEOUT = -10,  /* it took too long */
};

/* One problem. The caller owns it, zeroed or not; a callee fills it only when it fails. */
struct plait_error {
	int code;       /* enum plait_code */
	char path[256]; /* what it is about: a file, or "listeners[2].bind"; may be empty */
	char text[768]; /* one sentence: what was found, what to do */
};

/* Fills *error (which may be NULL) and returns code, for: return plait_error_set(error, ...). Any thread. */
PLAIT_EXPORT int plait_error_set(struct plait_error *error, int code, const char *path, const char *format,
				 ...) PLAIT_PRINTF(4, 5);

#endif
