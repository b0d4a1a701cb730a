/* Output: what a protocol writes, until the transport has taken it. */
#include <assert.h>

#include "core/net/conn.h"
#include "core/net/net.h"

#include <plait/error.h>

#define PARTS_MAX 64
#define FLUSH_ROUNDS 8

static void sent(struct plait_conn *conn, size_t len)
{
	conn->bytes_out += len;
	conn->active_ms = loop_now(conn->loop);
	counter_add(&conn->loop->net->counters.bytes_out, len);
}

/* Hands parts to the transport. Returns how many bytes it took; fewer than there are means it is blocked or broken,
 * and the connection knows which. */
static size_t send_parts(struct plait_conn *conn, const struct iovec *parts, int count)
{
	ssize_t took = conn->transport.ops->writev(&conn->transport, parts, count);
	if (took > 0) {
		sent(conn, (size_t)took);
		return (size_t)took;
	}
	if (took == TRANSPORT_FAILED)
		conn_fail_transport(conn);
	else
		conn->write_needs = took == TRANSPORT_WANT_READ ? WATCH_READ : WATCH_WRITE;
	return 0;
}

/* Reading pauses from here until output has fallen to the low mark. */
static bool rose_above_high(struct plait_conn *conn)
{
	if (conn->output.bytes <= conn->factory->settings->buffers.high)
		return false;
	conn->over_high = true;
	conn_pause_for(conn, CONN_PAUSE_WATERMARK);
	return true;
}

static void check_marks(struct plait_conn *conn)
{
	const struct buffer_settings *marks = &conn->factory->settings->buffers;
	if (!rose_above_high(conn) && conn->over_high && conn->output.bytes <= marks->low) {
		conn->over_high = false;
		conn_resume_from(conn, CONN_PAUSE_WATERMARK);
		if (conn->state == CONN_OPEN && conn->protocol->drained) {
			conn_enter(conn);
			conn->protocol->drained(conn);
			conn_leave(conn);
		}
	}
}

static void send_queue(struct plait_conn *conn)
{
	struct iovec parts[PARTS_MAX];
	while (conn->output.bytes > 0 && conn->write_needs == WATCH_NONE && conn->state != CONN_CLOSED) {
		int count = queue_peek(&conn->output, parts, PARTS_MAX);
		size_t took = send_parts(conn, parts, count);
		queue_consume(&conn->output, &conn->loop->pool, took);
	}
}

void conn_flush(struct plait_conn *conn)
{
	/* drained may write, and what it writes leaves now too; but not for ever, for others wait for their turn. */
	for (unsigned round = 0; round < FLUSH_ROUNDS; round++) {
		send_queue(conn);
		if (conn->state == CONN_CLOSED)
			return;
		check_marks(conn);
		if (conn->output.bytes == 0 || conn->write_needs != WATCH_NONE || conn->state == CONN_CLOSED)
			break;
	}
	if (conn->output.bytes > 0 && conn->write_needs == WATCH_NONE)
		conn_defer(conn);
	if (conn->output.bytes == 0 && conn->state != CONN_CLOSED &&
	    (conn->state == CONN_FLUSHING || conn->write_ending))
		conn_close_flushed(conn);
}

static bool takes_output(const struct plait_conn *conn)
{
	return conn->state == CONN_OPEN && !conn->write_ending;
}

/* Queues what the transport does not take at once. data holds len bytes in count parts. */
static int enqueue(struct plait_conn *conn, const struct iovec *parts, int count, size_t skip)
{
	for (int i = 0; i < count; i++) {
		size_t len = parts[i].iov_len;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		if (queue_copy(&conn->output, &conn->loop->pool, (const char *)parts[i].iov_base + skip,
			       len - skip) < 0) {
			conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for output");
			return PLAIT_ERROR_OVERFLOW;
		}
		skip = 0;
	}
	return 0;
}

/* What is written inside a callback leaves when it returns; else at the end of the turn, which also sees to it that a
 * blocked transport is waited for. A burst does not wait for that: above the high mark the transport takes what it can
 * now, so that being above it means that the peer is slow. */
static void flush_later(struct plait_conn *conn)
{
	if (conn->output.bytes > conn->factory->settings->buffers.high) {
		send_queue(conn);
		if (conn->state != CONN_CLOSED)
			rose_above_high(conn);
	}
	if (!conn->in_callback)
		conn_defer(conn);
}

static int check_cap(struct plait_conn *conn, size_t more)
{
	if (more <= plait_conn_room(conn))
		return 0;
	conn_fail(conn, PLAIT_REASON_OVERFLOW, NULL);
	return PLAIT_ERROR_OVERFLOW;
}

/* Large blocks go out from where they are, before anything is copied. */
static size_t send_directly(struct plait_conn *conn, const struct iovec *parts, int count, size_t total)
{
	if (total <= QUEUE_COPY_LIMIT || count > PARTS_MAX || conn->write_needs != WATCH_NONE)
		return 0;
	send_queue(conn);
	if (conn->output.bytes > 0 || conn->state == CONN_CLOSED)
		return 0;
	struct iovec rest[PARTS_MAX];
	size_t done = 0;
	int first = 0;
	for (int i = 0; i < count; i++)
		rest[i] = parts[i];
	while (done < total && conn->write_needs == WATCH_NONE && conn->state != CONN_CLOSED) {
		size_t took = send_parts(conn, rest + first, count - first);
		done += took;
		while (first < count && took >= rest[first].iov_len)
			took -= rest[first++].iov_len;
		if (first < count) {
			rest[first].iov_base = (char *)rest[first].iov_base + took;
			rest[first].iov_len -= took;
		}
	}
	return done;
}

static size_t total_of(const struct iovec *parts, int count)
{
	size_t total = 0;
	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len > SIZE_MAX - total)
			return SIZE_MAX;
		total += parts[i].iov_len;
	}
	return total;
}

int plait_writev(struct plait_conn *conn, const struct iovec *parts, int count)
{
	loop_assert_here(conn->loop);
	if (!takes_output(conn))
		return PLAIT_ERROR_CLOSING;
	size_t total = total_of(parts, count);
	if (total == 0)
		return 0;
	size_t done = send_directly(conn, parts, count, total);
	if (conn->state == CONN_CLOSED)
		return PLAIT_ERROR_CLOSING;
	int result = check_cap(conn, total - done);
	if (result == 0)
		result = enqueue(conn, parts, count, done);
	if (result == 0)
		flush_later(conn);
	return result;
}

int plait_write(struct plait_conn *conn, const void *data, size_t len)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = len };
	return plait_writev(conn, &part, 1);
}

int plait_write_chunk(struct plait_conn *conn, struct plait_chunk *chunk)
{
	loop_assert_here(conn->loop);
	if (!takes_output(conn))
		return PLAIT_ERROR_CLOSING;
	if (chunk->size == 0)
		return 0;
	int result = check_cap(conn, chunk->size);
	if (result < 0)
		return result;
	if (queue_add(&conn->output, &conn->loop->pool, chunk) < 0) {
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for output");
		return PLAIT_ERROR_OVERFLOW;
	}
	flush_later(conn);
	return 0;
}

size_t plait_conn_queued(const struct plait_conn *conn)
{
	return conn->output.bytes;
}

size_t plait_conn_room(const struct plait_conn *conn)
{
	size_t cap = conn->factory->settings->buffers.cap;
	return cap > conn->output.bytes ? cap - conn->output.bytes : 0;
}

bool plait_conn_blocked(const struct plait_conn *conn)
{
	return conn->over_high;
}
