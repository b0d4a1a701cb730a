/* Log lines, to wherever the configuration sends them. Any thread. */
#ifndef PLAIT_LOG_H
#define PLAIT_LOG_H

#include <plait/abi.h>

struct plait_conn;

enum plait_log_level {
	PLAIT_LOG_ERROR,   /* something is lost or refused that should not be; a person should look */
	PLAIT_LOG_WARNING, /* it goes on, but not as configured */
	PLAIT_LOG_INFO,    /* what an operator wants to read of a healthy server */
	PLAIT_LOG_DEBUG,   /* a line or more a connection */
};

/* One line, without a newline at its end. Control characters and invalid UTF-8 are escaped, so bytes of a peer
 * may be logged; lines of one format string that come too often are counted instead of written. */
PLAIT_EXPORT void plait_log(enum plait_log_level level, const char *format, ...) PLAIT_PRINTF(2, 3);

/* The same, about one connection: the line bears its id, listener and peer. On the connection's loop. */
PLAIT_EXPORT void plait_log_conn(const struct plait_conn *conn, enum plait_log_level level,
				 const char *format, ...) PLAIT_PRINTF(3, 4);

#define plait_log_error(...) plait_log(PLAIT_LOG_ERROR, __VA_ARGS__)
#define plait_log_warning(...) plait_log(PLAIT_LOG_WARNING, __VA_ARGS__)
#define plait_log_info(...) plait_log(PLAIT_LOG_INFO, __VA_ARGS__)
#define plait_log_debug(...) plait_log(PLAIT_LOG_DEBUG, __VA_ARGS__)

#endif
