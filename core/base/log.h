/* The log's inner side: setting it up, and lines about a subject. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <plait/addr.h>
#include <plait/log.h>

enum log_format { LOG_HUMAN, LOG_JSON };

/* What a line is about; any member may be zero. */
struct log_subject {
	const char *listener;
	uint64_t conn_id;
	const struct plait_addr *peer;
};

/* Takes effect for all threads at once. Lines go to standard error. */
void log_configure(enum plait_log_level level, enum log_format format);

/* Only the level. */
void log_set_level(enum plait_log_level level);

/* "info" */
const char *log_level_name(enum plait_log_level level);
enum plait_log_level log_level(void);

bool log_enabled(enum plait_log_level level);

/* subject may be NULL. Any thread. */
void log_write(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
	PLAIT_PRINTF(3, 4);
void log_writev(enum plait_log_level level, const struct log_subject *subject, const char *format,
		va_list args) PLAIT_PRINTF(3, 0);

/* The same, and nothing is ever held back: for what an operator brings about, never a peer. */
void log_answer(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
	PLAIT_PRINTF(3, 4);

/* The same about subject's peer, of which one in a minute is written, and then how many more there were: for what a peer
 * can bring about again and again. Any thread. */
void log_write_once(enum plait_log_level level, const struct log_subject *subject, const char *format, ...)
	PLAIT_PRINTF(3, 4);

/* Writes what the limiter held back in seconds that are over, and how many lines about peers were left out in minutes
 * that are. Once a second, so that a storm's sum is not told only by the next line. Any thread. */
void log_sweep(void);

/* Writes all that is still held back or left out. At the end of the program. */
void log_flush(void);

#endif
