/* The log's limiter: how many lines of one kind may be written in a second. */
#ifndef BASE_LOG_LIMIT_H
#define BASE_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/log.h"

#define LOG_LIMIT_LINES 10 /* of one key in one window */
#define LOG_LIMIT_WINDOW_MS 1000

/* What was held back of one key in one window. */
struct log_held {
	enum plait_log_level level;
	uint64_t lines;
	uint64_t seconds;  /* since the window began, rounded up */
	char listener[64]; /* may be empty */
	char text[192];    /* the last such line, perhaps cut */
};

typedef void log_held_fn(const struct log_held *held);

/* Whether a line may be written; if not, it is counted. What earlier windows held back is given to report
 * before it returns. Any thread; report is called with the limiter's lock held, so it must not log through
 * the limiter. */
bool log_limit_admit(enum plait_log_level level, const char *listener, const char *format, const char *text,
		     log_held_fn *report);

/* Reports what windows that are over hold back. Any thread. */
void log_limit_sweep(log_held_fn *report);

/* Reports all that is held back, its window over or not. Any thread. */
void log_limit_flush(log_held_fn *report);

#endif
