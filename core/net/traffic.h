/* The bytes that the connections of a factory move, for who counts them and may slow them down. */
#ifndef NET_TRAFFIC_H
#define NET_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plait_conn;

enum traffic_direction {
	TRAFFIC_IN,
	TRAFFIC_OUT,
	TRAFFIC_DIRECTIONS,
};

/* Who counts: the policies' place, which a factory may have. Called on each connection's loop. */
struct traffic {
	/* It begins, and ends. Between them it is one of the loop's connections. */
	void (*enter)(struct traffic *traffic, struct plait_conn *conn);
	void (*leave)(struct traffic *traffic, struct plait_conn *conn);

	/* The transport took or gave len bytes. Calls nothing of the connection's. */
	void (*moved)(struct traffic *traffic, struct plait_conn *conn, enum traffic_direction direction,
		      size_t len);

	struct traffic *inner; /* who counts the same bytes behind it; NULL: nobody */
};

/* Whether one of those who count is that one. */
static inline bool traffic_has(const struct traffic *traffic, const struct traffic *other)
{
	while (traffic && traffic != other)
		traffic = traffic->inner;
	return traffic;
}

/* For what a connection is held back: for what all of its listener's move, or for what it moves itself. */
enum traffic_holder {
	TRAFFIC_ALL,
	TRAFFIC_OWN,
	TRAFFIC_HOLDERS,
};

/* From here on, until it is ended, a connection is held back. In: nothing more is read; what was read is delivered. Out: it
 * is as if output were above the high mark, so who writes waits for drained; what is written nonetheless is sent; files wait. Beginning
 * and ending it twice is allowed. No callback runs in here. The time it lasted, held_ms, does not count as idle. On the
 * connection's loop. */
void conn_hold(struct plait_conn *conn, enum traffic_direction direction, enum traffic_holder holder);
void conn_release(struct plait_conn *conn, enum traffic_direction direction, enum traffic_holder holder,
		  uint64_t held_ms);

#endif
