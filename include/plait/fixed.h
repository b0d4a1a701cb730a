/* Messages of one size, and protocols that say after each how long the next is: Twisted's StatefulProtocol. */
#ifndef PLAIT_FIXED_H
#define PLAIT_FIXED_H

#include <plait/frame.h>

/* Settings of plait_fixed_framing; may be changed between messages. */
struct plait_fixed {
	size_t size; /* of every message, in bytes; at least 1 */
};

/* Default: 1 byte. */
PLAIT_EXPORT extern const struct plait_framing plait_fixed_framing;

/* What a state takes next: so many bytes (at least 1), for that state. */
struct plait_next {
	struct plait_next (*state)(struct plait_conn *conn, const void *data, size_t len);
	size_t need;
};

typedef struct plait_next plait_state_fn(struct plait_conn *conn, const void *data, size_t len);

/* A connection's place among its states: a member of the plugin's connection state. */
struct plait_stateful {
	struct plait_fixed fixed;
	plait_state_fn *state;
};

/* From `made`: the first state and what it needs. */
PLAIT_EXPORT void plait_stateful_start(struct plait_conn *conn, struct plait_stateful *stateful,
				       plait_state_fn *state, size_t need);

/* To be called by the protocol's `message`: calls the state, and goes on as it says. A state that returns no next one
 * and has not closed the connection ends it with protocol-error. */
PLAIT_EXPORT void plait_stateful_message(struct plait_conn *conn, struct plait_stateful *stateful,
					 const void *data, size_t len);

#endif
