/* Producers: when they are called. */
#include <plait/error.h>

#include "core/net/conn/feed.h"

static bool is_sound(const struct plait_producer *producer)
{
	bool pull = producer->produce && !producer->pause && !producer->resume;
	bool push = !producer->produce && producer->pause && producer->resume;
	return producer->stop && (pull || push);
}

int plait_register_producer(struct plait_conn *conn, const struct plait_producer *producer, void *arg)
{
	loop_assert_here(conn->loop);
	if (!is_sound(producer))
		return PLAIT_ERROR_INVALID;
	if (conn->fed && conn->extra->feed->producer)
		return PLAIT_ERROR_REFUSED;
	if (!conn_takes_output(conn))
		return PLAIT_ERROR_CLOSING;
	struct conn_feed *feed = conn_feed_of(conn);
	feed->producer = producer;
	feed->arg = arg;
	feed->seen = UINT64_MAX;
	feed->paused = feed->dismissed = false;
	conn_feed_changed(conn);
	conn_defer(conn);
	return 0;
}

int plait_unregister_producer(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (!conn->fed || !conn->extra->feed->producer)
		return PLAIT_ERROR_GONE;
	conn->extra->feed->producer = NULL;
	conn_feed_changed(conn);
	conn_defer(conn); /* a close may wait for it */
	return 0;
}

/* All that was ever written, but files. */
static uint64_t written(const struct plait_conn *conn)
{
	return conn->bytes_out + conn->output.bytes;
}

static bool wants_pull(const struct plait_conn *conn)
{
	const struct conn_feed *feed = conn->extra->feed;
	return !conn->over_high && !feed->files &&
	       conn->output.bytes <= conn->factory->settings->buffers.low && written(conn) != feed->seen;
}

bool conn_producer_due(const struct plait_conn *conn)
{
	const struct conn_feed *feed = conn->extra->feed;
	if (!feed->producer)
		return false;
	if (feed->dismissed)
		return true;
	return feed->producer->produce ? wants_pull(conn) : conn->over_high != feed->paused;
}

static void call_pull(struct plait_conn *conn, struct conn_feed *feed)
{
	size_t room = conn->factory->settings->buffers.high - conn->output.bytes;
	feed->seen = written(conn);
	feed->producer->produce(conn, room < FEED_BUDGET ? room : FEED_BUDGET, feed->arg);
}

static void call_push(struct plait_conn *conn, struct conn_feed *feed)
{
	feed->paused = conn->over_high;
	if (feed->paused)
		feed->producer->pause(conn, feed->arg);
	else
		feed->producer->resume(conn, feed->arg);
}

void conn_call_producer(struct plait_conn *conn)
{
	struct conn_feed *feed = conn->extra->feed;
	if (!conn_producer_due(conn))
		return;
	if (feed->dismissed) {
		conn_stop_producer(conn);
		return;
	}
	conn_enter(conn);
	if (feed->producer->produce)
		call_pull(conn, feed);
	else
		call_push(conn, feed);
	conn_leave(conn);
}

void conn_stop_producer(struct plait_conn *conn)
{
	struct conn_feed *feed = conn->extra->feed;
	const struct plait_producer *producer = feed->producer;
	if (!producer)
		return;
	feed->producer = NULL;
	conn_feed_changed(conn);
	conn_enter(conn);
	producer->stop(conn, conn->reason, feed->arg);
	conn_leave(conn);
}

static void pause_other(struct plait_conn *conn, void *arg)
{
	(void)conn;
	plait_pause(arg);
}

static void resume_other(struct plait_conn *conn, void *arg)
{
	(void)conn;
	plait_resume(arg);
}

static void close_other(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	(void)conn;
	(void)reason;
	plait_close(arg);
}

const struct plait_producer plait_conn_producer = {
	.pause = pause_other,
	.resume = resume_other,
	.stop = close_other,
};
