/* Output: what a protocol writes, until the transport has taken it. */
#include <string.h>

#include "core/base/compiler.h"
#include "core/net/conn/conn.h"
#include "core/net/group/group.h"
#include "core/net/net.h"

#include <plait/error.h>

#define FLUSH_ROUNDS 8

static ALONG void sent(struct plait_conn *conn, size_t len)
{
	conn->bytes_out += len;
	conn->active_ms = loop_now(conn->loop);
	counter_add(&conn->loop->net->counters.bytes_out, len);
	conn_count(conn, TRAFFIC_OUT, len);
}

static ASIDE void not_taken(struct plait_conn *conn, ssize_t why)
{
	if (why == TRANSPORT_FAILED) {
		conn_fail_transport(conn);
		return;
	}
	conn->write_needs = why == TRANSPORT_WANT_READ ? WATCH_READ : WATCH_WRITE;
	conn_watch_output(conn);
}

/* What the transport answered. Returns how many bytes it took; none means that it is blocked or broken, and the
 * connection knows which. */
static ALONG size_t account(struct plait_conn *conn, ssize_t took)
{
	if (took > 0) {
		sent(conn, (size_t)took);
		return (size_t)took;
	}
	not_taken(conn, took);
	return 0;
}

static size_t send_parts(struct plait_conn *conn, const struct iovec *parts, int count)
{
	return account(conn, conn->transport.ops->writev(&conn->transport, parts, count));
}

/* Reading pauses from here until output has fallen to the low mark, unless who reads on both sides would then wait for
 * the other. */
void conn_block(struct plait_conn *conn)
{
	conn->over_high = true;
	if (!conn->factory->settings->answered)
		conn_pause_for(conn, CONN_PAUSE_WATERMARK);
}

static bool rose_above_high(struct plait_conn *conn)
{
	if (conn->output.bytes <= conn->factory->settings->buffers.high)
		return false;
	conn_block(conn);
	return true;
}

static void fell_to_low(struct plait_conn *conn)
{
	conn->over_high = false;
	conn_resume_from(conn, CONN_PAUSE_WATERMARK);
	if (conn->state == CONN_OPEN && conn_protocol(conn)->drained) {
		conn_enter(conn);
		conn_protocol(conn)->drained(conn);
		conn_leave(conn);
	}
}

static void check_marks(struct plait_conn *conn)
{
	if (!rose_above_high(conn) && conn->over_high && !(conn->paused & CONN_HELD_OUT) &&
	    conn->output.bytes <= conn->factory->settings->buffers.low)
		fell_to_low(conn);
}

static bool can_send(const struct plait_conn *conn)
{
	return conn->output.bytes > 0 && conn->write_needs == WATCH_NONE && conn->state != CONN_CLOSED;
}

static ASIDE void send_many(struct plait_conn *conn)
{
	struct iovec parts[CONN_PARTS_MAX];
	while (can_send(conn)) {
		int count = queue_peek(&conn->output, parts, CONN_PARTS_MAX);
		if (count == 0)
			break; /* a file is next */
		queue_consume(&conn->output, &conn->loop->pool, send_parts(conn, parts, count));
	}
}

void conn_send_queue(struct plait_conn *conn)
{
	send_many(conn);
}

size_t conn_account(struct plait_conn *conn, ssize_t took)
{
	return account(conn, took);
}

/* Most queues are one block long, which leaves whole. */
static ALONG void send_queue(struct plait_conn *conn)
{
	const struct queue_node *node = conn->output.head;
	if (!can_send(conn))
		return;
	if (!node->next) {
		ssize_t took = conn->transport.ops->write(&conn->transport, node->begin,
							  (size_t)(node->end - node->begin));
		queue_consume(&conn->output, &conn->loop->pool, account(conn, took));
	}
	if (conn->output.bytes > 0)
		send_many(conn);
}

/* Where most flushes end. */
static bool nothing_owed(const struct plait_conn *conn)
{
	return !conn->unsettled && conn->output.bytes == 0 && conn->state == CONN_OPEN;
}

/* What follows from how much is left. */
static ASIDE void after_sending(struct plait_conn *conn)
{
	/* drained may write, and what it writes leaves now too; but not for ever, for others wait for their turn. */
	for (unsigned round = 0; round < FLUSH_ROUNDS; round++) {
		if (conn->state == CONN_CLOSED)
			return;
		check_marks(conn);
		if (conn->fed && round == 0)
			conn_feed(conn);
		if (conn->output.bytes == 0 || conn->write_needs != WATCH_NONE || conn->state == CONN_CLOSED)
			break;
		send_queue(conn);
	}
	if (conn->fed && conn_feed_due(conn))
		conn_defer(conn);
	if (conn->output.bytes > 0) {
		if (conn->write_needs == WATCH_NONE && !conn_file_is_held(conn))
			conn_defer(conn);
	} else if (conn->fed) {
		return;
	} else if (conn->state == CONN_FLUSHING || (conn->write_ending && conn->state != CONN_CLOSED)) {
		conn_close_flushed(conn);
	}
}

static unsigned wanted(const struct plait_conn *conn)
{
	unsigned interest = conn->write_needs;
	bool reading = conn->state == CONN_FLUSHING || (conn->state == CONN_OPEN && !conn->paused);
	if (reading && !conn->peer_ended && !conn->read_due)
		interest |= conn->read_needs;
	return interest;
}

void conn_settle(struct plait_conn *conn)
{
	if (conn->state != CONN_OPEN && conn->state != CONN_FLUSHING)
		return;
	send_queue(conn);
	if (!nothing_owed(conn))
		after_sending(conn);
	if (conn->state != CONN_CLOSED)
		conn_want(conn, wanted(conn));
}

static ASIDE bool takes_output_not_shared(struct plait_conn *conn)
{
	if (conn->sharing)
		group_go_alone(conn);
	if (conn_awaits_producer(conn))
		return !conn->write_ended && (conn_is_live(conn) || conn->state == CONN_FLUSHING);
	return conn_is_live(conn) && !conn->write_ending;
}

/* From here on, what is written comes behind what the connection is owed. */
static ALONG bool takes_output(struct plait_conn *conn)
{
	if (conn->state == CONN_OPEN && !conn->write_ending && !conn->sharing)
		return true;
	return takes_output_not_shared(conn);
}

bool conn_takes_output(struct plait_conn *conn)
{
	return takes_output(conn);
}

static int no_memory(struct plait_conn *conn)
{
	conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for output");
	return PLAIT_ERROR_OVERFLOW;
}

/* Queues all but the first skip bytes of parts. */
static int enqueue(struct plait_conn *conn, const struct iovec *parts, int count, size_t skip)
{
	for (int i = 0; i < count; i++) {
		size_t len = parts[i].iov_len;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		if (queue_copy(&conn->output, &conn->loop->pool, (const char *)parts[i].iov_base + skip,
			       len - skip) < 0)
			return no_memory(conn);
		skip = 0;
	}
	return 0;
}

/* What is written inside a callback leaves when it returns; else at the end of the turn, which also sees to it that a
 * blocked transport is waited for. */
static inline void flush_in_turn(struct plait_conn *conn)
{
	if (!conn_in_callback(conn))
		conn_defer(conn);
}

/* But a burst does not wait for that: above the high mark the transport takes what it can now, so that being above it
 * means that the peer is slow. */
static void flush_later(struct plait_conn *conn)
{
	if (conn->output.bytes > conn->factory->settings->buffers.high) {
		send_queue(conn);
		if (conn->state != CONN_CLOSED)
			rose_above_high(conn);
	}
	flush_in_turn(conn);
}

/* The cap is for what the transport does not take. */
static bool has_room(struct plait_conn *conn, size_t len)
{
	if (len > plait_conn_room(conn))
		send_queue(conn);
	return len <= plait_conn_room(conn);
}

static int check_cap(struct plait_conn *conn, size_t more)
{
	if (has_room(conn, more))
		return 0;
	conn_fail(conn, PLAIT_REASON_OVERFLOW, NULL);
	return PLAIT_ERROR_OVERFLOW;
}

/* Drops the first len bytes of what is queued and of the parts behind it; *first moves over parts that are done. */
static void advance(struct plait_conn *conn, struct iovec *parts, int count, int *first, size_t len)
{
	size_t queued = len < conn->output.bytes ? len : conn->output.bytes;
	queue_consume(&conn->output, &conn->loop->pool, queued);
	len -= queued;
	while (*first < count && len >= parts[*first].iov_len)
		len -= parts[(*first)++].iov_len;
	if (len > 0) {
		parts[*first].iov_base = (char *)parts[*first].iov_base + len;
		parts[*first].iov_len -= len;
	}
}

/* A large block goes out from where it is, with what was written before it in the same call. Returns how much of it
 * the transport took. */
static size_t send_directly(struct plait_conn *conn, const struct iovec *parts, int count, size_t total)
{
	if (total <= QUEUE_COPY_LIMIT || count > CONN_PARTS_MAX / 2 || conn->write_needs != WATCH_NONE ||
	    conn->fed)
		return 0;
	struct iovec rest[CONN_PARTS_MAX / 2], now[CONN_PARTS_MAX];
	uint64_t before = conn->bytes_out + conn->output.bytes;
	int first = 0;
	memcpy(rest, parts, (size_t)count * sizeof(*parts));
	while (conn->write_needs == WATCH_NONE && conn->state != CONN_CLOSED && first < count) {
		int queued = queue_peek(&conn->output, now, CONN_PARTS_MAX / 2);
		if (queued == CONN_PARTS_MAX / 2) { /* there may be more behind them */
			send_queue(conn);
			continue;
		}
		memcpy(now + queued, rest + first, (size_t)(count - first) * sizeof(*rest));
		advance(conn, rest, count, &first, send_parts(conn, now, queued + count - first));
	}
	return conn->bytes_out > before ? (size_t)(conn->bytes_out - before) : 0;
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

/* A small write that keeps output below the high mark, the common one: it only has to be copied. */
static bool is_small(const struct plait_conn *conn, size_t len)
{
	return len <= QUEUE_COPY_LIMIT && conn->output.bytes + len <= conn->factory->settings->buffers.high;
}

static ALONG int write_small(struct plait_conn *conn, const void *data, size_t len)
{
	if (queue_copy(&conn->output, &conn->loop->pool, data, len) < 0)
		return no_memory(conn);
	flush_in_turn(conn);
	return 0;
}

/* What is blocked, large or not quite small. */
static ASIDE int write_any(struct plait_conn *conn, const struct iovec *parts, int count, size_t total)
{
	size_t done = send_directly(conn, parts, count, total);
	if (conn->state == CONN_CLOSED)
		return PLAIT_ERROR_CLOSING;
	int result = check_cap(conn, total - done);
	if (conn->state == CONN_CLOSED)
		return result < 0 ? result : PLAIT_ERROR_CLOSING;
	if (result == 0)
		result = enqueue(conn, parts, count, done);
	if (result == 0)
		flush_later(conn);
	return result;
}

int plait_writev(struct plait_conn *conn, const struct iovec *parts, int count)
{
	loop_assert_here(conn->loop);
	if (!takes_output(conn))
		return PLAIT_ERROR_CLOSING;
	size_t total = total_of(parts, count);
	if (total == 0)
		return 0;
	uint8_t *room = is_small(conn, total) ? queue_room(&conn->output, &conn->loop->pool, total) : NULL;
	if (!room)
		return write_any(conn, parts, count, total);
	for (int i = 0; i < count; i++) {
		if (parts[i].iov_len > 0)
			room = mempcpy(room, parts[i].iov_base, parts[i].iov_len);
	}
	queue_commit(&conn->output, total);
	flush_in_turn(conn);
	return 0;
}

static ASIDE int write_part(struct plait_conn *conn, const void *data, size_t len)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = len };
	return plait_writev(conn, &part, 1);
}

int plait_write(struct plait_conn *conn, const void *data, size_t len)
{
	loop_assert_here(conn->loop);
	if (takes_output(conn) && is_small(conn, len))
		return len > 0 ? write_small(conn, data, len) : 0;
	return write_part(conn, data, len);
}

int plait_write_chunk(struct plait_conn *conn, struct plait_chunk *chunk)
{
	loop_assert_here(conn->loop);
	if (!takes_output(conn))
		return PLAIT_ERROR_CLOSING;
	if (chunk->size == 0)
		return 0;
	if (is_small(conn, chunk->size))
		return write_small(conn, chunk->bytes, chunk->size);
	int result = check_cap(conn, chunk->size);
	if (result < 0)
		return result;
	if (conn->state == CONN_CLOSED)
		return PLAIT_ERROR_CLOSING;
	if (queue_add(&conn->output, &conn->loop->pool, chunk) < 0)
		return no_memory(conn);
	flush_later(conn);
	return 0;
}

static ASIDE size_t send_more(struct plait_conn *conn, const struct queue *shared, size_t done)
{
	struct iovec parts[CONN_PARTS_MAX];
	while (done < shared->bytes && conn->write_needs == WATCH_NONE && conn->sharing)
		done += send_parts(conn, parts, queue_peek_behind(shared, done, parts, CONN_PARTS_MAX));
	return done;
}

size_t conn_send_shared(struct plait_conn *conn, const struct queue *shared, const struct iovec *parts,
			int count)
{
	struct transport *transport = &conn->transport;
	size_t done = count > 1 ? send_parts(conn, parts, count)
				: account(conn,
					  transport->ops->write(transport, parts->iov_base, parts->iov_len));
	return done == shared->bytes ? done : send_more(conn, shared, done);
}

void conn_queue_shared(struct plait_conn *conn, const struct queue *shared, size_t skip)
{
	if (conn->state == CONN_CLOSED || skip == shared->bytes)
		return;
	if (queue_append(&conn->output, &conn->loop->pool, shared, skip) < 0)
		no_memory(conn);
	else
		conn_defer(conn);
}

bool conn_offer(struct plait_conn *conn, struct plait_chunk *chunk)
{
	if (!takes_output(conn))
		return true;
	if (conn->over_high)
		return false;
	if (is_small(conn, chunk->size)) {
		write_small(conn, chunk->bytes, chunk->size);
		return true;
	}
	if (!has_room(conn, chunk->size))
		return false;
	plait_write_chunk(conn, chunk);
	return true;
}

size_t plait_conn_queued(const struct plait_conn *conn)
{
	return conn->output.bytes + (conn->sharing ? group_owed(conn) : 0) +
	       (conn_is_upgrading(conn) ? conn_upgrade_owed(conn) : 0);
}

size_t plait_conn_room(const struct plait_conn *conn)
{
	size_t cap = conn->factory->settings->buffers.cap;
	size_t queued = plait_conn_queued(conn);
	return cap > queued ? cap - queued : 0;
}

bool plait_conn_blocked(const struct plait_conn *conn)
{
	return conn->over_high;
}
