/* A connection held back for what all of its factory's move together. */
#include "core/net/traffic.h"
#include "core/net/conn/conn.h"
#include "core/net/group/group.h"

static const struct {
	enum conn_pause pause;
	bool blocks;
} holds[TRAFFIC_DIRECTIONS] = {
	[TRAFFIC_IN] = { CONN_PAUSE_RATE_IN, false },
	[TRAFFIC_OUT] = { CONN_PAUSE_RATE_OUT, true },
};

void conn_tell_traffic(struct plait_conn *conn, enum traffic_direction direction, size_t len)
{
	struct traffic *traffic = conn->factory->traffic;
	traffic->moved(traffic, conn, direction, len);
}

void conn_hold(struct plait_conn *conn, enum traffic_direction direction)
{
	if (conn->state == CONN_FLUSHING || conn->state == CONN_CLOSED)
		return;
	conn_pause_for(conn, holds[direction].pause);
	if (holds[direction].blocks) {
		if (conn->sharing) /* which only those do who are not blocked */
			group_stop_sharing(conn);
		conn_block(conn);
	}
	conn_defer(conn);
}

void conn_release(struct plait_conn *conn, enum traffic_direction direction, uint64_t held_ms)
{
	if (!(conn->paused & holds[direction].pause))
		return;
	conn_resume_from(conn, holds[direction].pause);
	if (conn->state == CONN_OPEN) {
		uint64_t silent_ms = loop_now(conn->loop) - conn->active_ms;
		conn->active_ms += held_ms < silent_ms ? held_ms : silent_ms;
		conn_start_timer(conn);
	}
	conn_defer(conn);
}
