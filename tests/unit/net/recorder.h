/* A protocol that writes down what happens to it, and does what a test wants in its callbacks. */
#ifndef TESTS_UNIT_NET_RECORDER_H
#define TESTS_UNIT_NET_RECORDER_H

#include <plait/protocol.h>

struct recorder {
	char events[512]; /* "made data(abc) eof lost(closed)", blank-separated */
	unsigned lost;
	size_t received;
	bool inside; /* a callback is running: none may begin */
	/* What to do in a callback; NULL: nothing. on_data's default takes all. */
	void (*on_made)(struct plait_conn *conn);
	size_t (*on_data)(struct plait_conn *conn, const void *data, size_t len);
	void (*on_message)(struct plait_conn *conn, const void *message, size_t len);
	void (*on_drained)(struct plait_conn *conn);
	void (*on_eof)(struct plait_conn *conn);
	void (*on_draining)(struct plait_conn *conn);
	void (*on_tls_started)(struct plait_conn *conn);
	void (*on_lost)(struct plait_conn *conn, enum plait_reason reason);
};

/* The one all connections of the protocols below write to. */
extern struct recorder recorder;

void recorder_reset(void);
void recorder_note(const char *format, ...) PLAIT_PRINTF(1, 2);

/* Whether exactly this happened since the last time; forgets it. Prints the difference when not. */
bool recorder_saw(const char *events);

extern const struct plait_protocol recorder_protocol;          /* data, made, drained, eof, lost */
extern const struct plait_protocol recorder_no_eof_protocol;   /* without eof */
extern const struct plait_protocol recorder_draining_protocol; /* with draining */
extern const struct plait_protocol recorder_refusing_protocol;
extern const struct plait_protocol recorder_line_protocol; /* plait_line_framing, message */

/* The same with tls_started. */
extern const struct plait_protocol recorder_upgrading_protocol;
extern const struct plait_protocol recorder_upgrading_line_protocol;

#endif
