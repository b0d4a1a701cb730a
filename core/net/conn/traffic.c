/* A connection held back for what all of its factory's move together. */
#include "core/net/traffic.h"
#include "core/net/conn/conn.h"
#include "core/net/group/group.h"

static const enum conn_pause pauses[TRAFFIC_DIRECTIONS][TRAFFIC_HOLDERS] = {
	[TRAFFIC_IN] = { [TRAFFIC_ALL] = CONN_PAUSE_RATE_IN, [TRAFFIC_OWN] = CONN_PAUSE_PACE_IN },
	[TRAFFIC_OUT] = { [TRAFFIC_ALL] = CONN_PAUSE_RATE_OUT, [TRAFFIC_OWN] = CONN_PAUSE_PACE_OUT },
};

void conn_tell_traffic(struct plait_conn *conn, enum traffic_direction direction, size_t len)
{
	struct traffic *traffic = conn->factory->traffic;
	traffic->moved(traffic, conn, direction, len);
}

void conn_hold(struct plait_conn *conn, enum traffic_direction direction, enum traffic_holder holder)
{
	if (conn->state == CONN_FLUSHING || conn->state == CONN_CLOSED)
		return;
	conn_pause_for(conn, pauses[direction][holder]);
	if (direction == TRAFFIC_OUT) {
		if (conn->sharing) /* which only those do who are not blocked */
			group_stop_sharing(conn);
		conn_block(conn);
	}
	conn_defer(conn);
}

/* Time that does not count as the peer's. */
static uint64_t later(const struct plait_conn *conn, uint64_t from_ms, uint64_t held_ms)
{
	uint64_t passed_ms = loop_now(conn->loop) - from_ms;
	return from_ms + (held_ms < passed_ms ? held_ms : passed_ms);
}

void conn_release(struct plait_conn *conn, enum traffic_direction direction, enum traffic_holder holder,
		  uint64_t held_ms)
{
	if (!(conn->paused & pauses[direction][holder]))
		return;
	conn_resume_from(conn, pauses[direction][holder]);
	if (conn->state == CONN_OPEN) {
		conn->active_ms = later(conn, conn->active_ms, held_ms);
		conn->begun_ms = later(conn, conn->begun_ms, held_ms);
		conn_start_timer(conn);
	}
	conn_defer(conn);
}
