/* The turns of what feeds a connection, and its end. */
#include "core/net/conn/feed.h"

#include "core/base/alloc.h"

struct conn_feed *conn_feed_of(struct plait_conn *conn)
{
	struct conn_extra *extra = conn_extra(conn);
	if (!extra->feed)
		extra->feed = alloc_zeroed(sizeof(*extra->feed), "what feeds a connection");
	return extra->feed;
}

void conn_feed_changed(struct plait_conn *conn)
{
	const struct conn_feed *feed = conn->extra->feed;
	conn->fed = feed->producer || feed->files;
}

bool conn_awaits_producer(const struct plait_conn *conn)
{
	if (!conn->fed)
		return false;
	const struct conn_feed *feed = conn->extra->feed;
	return feed->producer && !feed->dismissed;
}

void conn_dismiss_producer(struct plait_conn *conn)
{
	if (conn->fed)
		conn->extra->feed->dismissed = conn->extra->feed->producer != NULL;
}

bool conn_file_is_held(const struct plait_conn *conn)
{
	return (conn->paused & CONN_HELD_OUT) && queue_at_stop(&conn->output);
}

/* The queue up to a file, that file, and so on. */
static void send_in_order(struct plait_conn *conn)
{
	size_t budget = FEED_BUDGET;
	do {
		conn_send_queue(conn);
		if (conn->state == CONN_CLOSED || conn->write_needs != WATCH_NONE)
			return;
	} while (queue_at_stop(&conn->output) && !conn_file_is_held(conn) && conn_send_file(conn, &budget));
}

void conn_feed(struct plait_conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return;
	conn_call_producer(conn);
	send_in_order(conn);
}

bool conn_feed_due(const struct plait_conn *conn)
{
	return (conn->extra->feed->files && conn->write_needs == WATCH_NONE && !conn_file_is_held(conn)) ||
	       conn_producer_due(conn);
}

void conn_feed_end(struct plait_conn *conn)
{
	conn_stop_producer(conn);
	conn_drop_files(conn);
}
