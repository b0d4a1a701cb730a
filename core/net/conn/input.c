/* Input: from the transport to the protocol, through its framing, as far as it is not paused. */
#include <assert.h>
#include <plait/error.h>
#include <string.h>

#include "core/base/compiler.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"

/* What one event may read before the loop's other connections have their turn. */
#define READ_BUDGET ((size_t)LOOP_INPUT_SIZE)

/* Room made for one read behind input that waits. */
#define WAITING_ROOM ((size_t)16384)

static bool deliverable(const struct plait_conn *conn)
{
	return conn->state == CONN_OPEN && !(conn->paused & ~(unsigned)CONN_HELD_IN);
}

static ASIDE size_t claims_too_much(struct plait_conn *conn, size_t taken, size_t len)
{
	plait_log_conn(conn, PLAIT_LOG_ERROR, "protocol \"%s\" says it consumed %zu of %zu bytes",
		       conn_protocol(conn)->head.name, taken, len);
	conn_fail(conn, PLAIT_REASON_INTERNAL, NULL);
	return len;
}

/* Bounds what a callback says it took: a plugin's mistake must not become a read beyond the buffer. */
static ALONG size_t bounded(struct plait_conn *conn, size_t taken, size_t len)
{
	return taken <= len ? taken : claims_too_much(conn, taken, len);
}

/* Makes data..len the input behind the one being delivered, for plait_input and its discard. */
static void set_arriving(struct plait_conn *conn, const uint8_t *data, size_t len)
{
	struct net *net = conn->loop->net;
	net->arriving = data;
	net->arriving_len = len;
}

static ALONG size_t deliver_raw(struct plait_conn *conn, const uint8_t *data, size_t len)
{
	const struct plait_protocol *protocol = conn_protocol(conn);
	if (!protocol->data)
		return len;
	set_arriving(conn, data + len, 0);
	return bounded(conn, protocol->data(conn, data, len), len);
}

/* A protocol that neither drops bytes, nor skips, nor sets a framing has no remedy. */
static size_t deliver_too_long(struct plait_conn *conn, const uint8_t *data, size_t len)
{
	struct conn_framing *at_work = conn_framing(conn);
	const struct plait_protocol *protocol = conn_protocol(conn);
	size_t dropped = 0;
	at_work->frame.scanned = 0;
	at_work->frame.consumed = SIZE_MAX; /* setting a framing, be it the same, zeroes it */
	if (protocol->message_too_long) {
		set_arriving(conn, data + len, 0);
		dropped = bounded(conn, protocol->message_too_long(conn, data, len), len);
	}
	if (at_work->frame.skipping)
		return 0;
	if (dropped == 0 && at_work->frame.consumed == SIZE_MAX)
		conn_begin_close(conn, PLAIT_REASON_MESSAGE_TOO_LONG);
	return dropped;
}

/* One step at the head of data. Returns how many bytes are done with; *more is false when nothing can be done until
 * more arrives. */
static ALONG size_t deliver_framed(struct plait_conn *conn, struct conn_framing *at_work, const uint8_t *data,
				   size_t len, bool *more)
{
	struct plait_frame *frame = &at_work->frame;
	if (len < frame->need) {
		*more = false;
		return 0;
	}
	frame->need = 0;
	switch (at_work->framing->next(at_work->settings, data, len, frame)) {
	case PLAIT_FRAME_MORE: *more = false; return 0;
	case PLAIT_FRAME_MESSAGE: {
		size_t offset = frame->offset, length = frame->length, consumed = frame->consumed;
		assert(consumed > 0 && consumed <= len && offset <= consumed && length <= consumed - offset);
		frame->scanned = 0;
		set_arriving(conn, data + consumed, len - consumed);
		conn_protocol(conn)->message(conn, data + offset, length);
		/* What the protocol dropped of the rest is done with, too. */
		return len - conn->loop->net->arriving_len;
	}
	case PLAIT_FRAME_SKIP:
		assert(frame->consumed <= len);
		*more = frame->consumed > 0;
		frame->scanned = 0;
		return frame->consumed;
	case PLAIT_FRAME_TOO_LONG: return deliver_too_long(conn, data, len);
	case PLAIT_FRAME_INVALID:
	default: conn_begin_close(conn, PLAIT_REASON_PROTOCOL_ERROR); return len;
	}
}

/* The rest of data after done, message by message. What a raw protocol leaves comes again with more bytes, or at once to
 * a framing just set. */
static ASIDE size_t deliver_messages(struct plait_conn *conn, const uint8_t *data, size_t len, size_t done)
{
	struct conn_framing *at_work = conn_framing(conn);
	bool more = true;
	while (more && done < len && deliverable(conn)) {
		if (conn->framed) {
			done += deliver_framed(conn, at_work, data + done, len - done, &more);
		} else {
			done += deliver_raw(conn, data + done, len - done);
			more = conn->framed;
		}
	}
	return done;
}

/* Delivers data, len > 0, as far as the protocol takes it; returns how much that was. */
static ALONG size_t deliver(struct plait_conn *conn, const uint8_t *data, size_t len)
{
	struct net *net = conn->loop->net;
	size_t done = 0;
	net->current = net->delivering = conn;
	if (!conn->framed)
		done = deliver_raw(conn, data, len);
	if (done < len && conn->framed)
		done = deliver_messages(conn, data, len, done);
	net->current = net->delivering = NULL;
	return done;
}

/* A framing bounds its messages itself. Raw, a full buffer is one the protocol saw whole and took nothing of; paused, it
 * only waits. */
static void check_input_bound(struct plait_conn *conn)
{
	if (deliverable(conn) && !conn->framed &&
	    buffer_size(&conn->input) >= conn->factory->settings->buffers.input)
		conn_fail(conn, PLAIT_REASON_LIMIT_INPUT, NULL);
}

/* Its input held so much before. */
static ASIDE void count_held(struct plait_conn *conn, size_t before)
{
	queue_pool_hold(&conn->loop->pool, (long long)buffer_memory(&conn->input) - (long long)before);
}

void conn_drop_input(struct plait_conn *conn)
{
	size_t before = buffer_memory(&conn->input);
	buffer_fini(&conn->input);
	if (before > 0)
		count_held(conn, before);
}

static void consume(struct plait_conn *conn, size_t len)
{
	size_t before = buffer_memory(&conn->input);
	buffer_consume(&conn->input, len);
	if (buffer_memory(&conn->input) != before)
		count_held(conn, before);
}

/* What the protocol did not take stays with the connection, within the bound. */
static ASIDE void keep(struct plait_conn *conn, const uint8_t *data, size_t len)
{
	if (conn_is_upgrading(conn))
		conn_came_early(conn);
	if (conn->state != CONN_OPEN)
		return;
	size_t before = buffer_memory(&conn->input);
	if (buffer_append(&conn->input, data, len) < 0)
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for input");
	count_held(conn, before);
	if (!conn_is_skipping(conn))
		conn_message_began(conn);
	check_input_bound(conn);
}

static void deliver_eof(struct plait_conn *conn)
{
	if (!conn->eof_due || !deliverable(conn))
		return;
	conn->eof_due = false;
	if (!conn_protocol(conn)->eof || conn->write_ended) {
		conn_begin_close(conn, PLAIT_REASON_PEER_CLOSED);
		return;
	}
	conn_enter(conn);
	conn_protocol(conn)->eof(conn);
	conn_leave(conn);
}

static void deliver_waiting(struct plait_conn *conn)
{
	conn->deliver_due = false;
	if (deliverable(conn) && buffer_size(&conn->input) > 0) {
		size_t done = deliver(conn, buffer_data(&conn->input), buffer_size(&conn->input));
		if (conn_is_upgrading(conn) && done < buffer_size(&conn->input))
			conn_came_early(conn);
		if (conn->state == CONN_OPEN)
			consume(conn, done);
		else
			conn_drop_input(conn); /* nothing more will be delivered */
		if (done > 0 && buffer_size(&conn->input) > 0 && !conn_is_skipping(conn))
			conn_message_began(conn);
		check_input_bound(conn);
	}
	deliver_eof(conn);
}

static ALONG void received(struct plait_conn *conn, size_t len)
{
	conn->bytes_in += len;
	conn->active_ms = loop_now(conn->loop);
	counter_add(&conn->loop->net->counters.bytes_in, len);
	conn_count(conn, TRAFFIC_IN, len);
}

/* Into the buffer itself where that is large; a peer that dribbles is not to hold room for much. */
static ssize_t read_to_input(struct plait_conn *conn)
{
	bool large = buffer_size(&conn->input) >= WAITING_ROOM;
	uint8_t *at = large ? buffer_reserve(&conn->input, WAITING_ROOM) : conn->loop->input;
	ssize_t got = at ? conn->transport.ops->read(&conn->transport, at, WAITING_ROOM) : 0;
	if (!at || (got > 0 && !large && buffer_append(&conn->input, at, (size_t)got) < 0)) {
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for input");
		return TRANSPORT_FAILED;
	}
	if (got > 0 && large)
		buffer_commit(&conn->input, (size_t)got);
	return got;
}

/* Behind what waits. */
static ASIDE ssize_t read_behind(struct plait_conn *conn)
{
	size_t before = buffer_memory(&conn->input);
	ssize_t got = read_to_input(conn);
	if (buffer_memory(&conn->input) != before)
		count_held(conn, before);
	if (got > 0) {
		received(conn, (size_t)got);
		deliver_waiting(conn);
	}
	return got;
}

/* Straight from the loop's buffer to the protocol when nothing waits. */
static ALONG ssize_t read_once(struct plait_conn *conn)
{
	if (buffer_size(&conn->input) > 0)
		return read_behind(conn);
	uint8_t *at = conn->loop->input;
	ssize_t got = conn->transport.ops->read(&conn->transport, at, LOOP_INPUT_SIZE);
	if (got > 0) {
		received(conn, (size_t)got);
		size_t done = deliver(conn, at, (size_t)got);
		if (done < (size_t)got)
			keep(conn, at + done, (size_t)got - done);
	}
	return got;
}

/* Closing: what still comes is read, so that the peer's sending does not turn our end into a reset, and dropped. */
static ssize_t read_and_drop(struct plait_conn *conn)
{
	return conn->transport.ops->read(&conn->transport, conn->loop->input, LOOP_INPUT_SIZE);
}

static void on_end(struct plait_conn *conn)
{
	conn->peer_ended = true;
	if (conn->state == CONN_FLUSHING) {
		conn_peer_end_while_closing(conn);
		return;
	}
	conn->eof_due = true;
	deliver_eof(conn);
}

/* A read that brought no bytes. */
static ASIDE void on_nothing(struct plait_conn *conn, ssize_t why)
{
	switch (why) {
	case TRANSPORT_WANT_READ: break;
	case TRANSPORT_PART: conn_part_came(conn); break;
	case TRANSPORT_WANT_WRITE: conn->read_needs = WATCH_WRITE; break;
	case TRANSPORT_END: on_end(conn); break;
	default:
		if (conn->state != CONN_CLOSED)
			conn_fail_transport(conn);
	}
}

/* Reads on as long as the transport may have more without an event; but not past what one event may read. */
static ALONG void read_with(struct plait_conn *conn, enum conn_state state,
			    ssize_t (*once)(struct plait_conn *conn))
{
	for (size_t total = 0; conn->state == state && !conn->paused && !conn->peer_ended;) {
		ssize_t got = once(conn);
		if (got <= 0) {
			on_nothing(conn, got);
			return;
		}
		if (!transport_pending(&conn->transport))
			return;
		total += (size_t)got;
		if (total >= READ_BUDGET) {
			conn->read_due = true;
			conn_defer(conn);
			return;
		}
	}
}

static ASIDE void drop_input(struct plait_conn *conn)
{
	conn->paused = 0; /* nobody is left to ask for it */
	read_with(conn, CONN_FLUSHING, read_and_drop);
}

void conn_read(struct plait_conn *conn)
{
	conn->read_due = false;
	conn->read_needs = WATCH_READ;
	if (conn->deliver_due)
		deliver_waiting(conn);
	if (conn->state == CONN_FLUSHING)
		drop_input(conn);
	else
		read_with(conn, CONN_OPEN, read_once);
}

void conn_catch_up(struct plait_conn *conn)
{
	if (conn->deliver_due)
		deliver_waiting(conn);
	if (conn->read_due && conn->state != CONN_CLOSED)
		conn_read(conn);
}

void conn_pause_for(struct plait_conn *conn, enum conn_pause why)
{
	conn->paused |= (uint8_t)why;
}

void conn_resume_from(struct plait_conn *conn, enum conn_pause why)
{
	if (!(conn->paused & why))
		return;
	conn->paused &= (uint8_t)~why;
	if (!deliverable(conn))
		return;
	if (!(why & (CONN_HELD_IN | CONN_HELD_OUT)) &&
	    conn_in_message(conn)) /* the pause was not the peer's */
		conn_message_began(conn);
	conn->deliver_due = true;
	if (transport_pending(&conn->transport))
		conn->read_due = true;
	conn_defer(conn);
}

void plait_pause(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (conn_is_live(conn)) {
		conn_pause_for(conn, CONN_PAUSE_PROTOCOL);
		conn_defer(conn);
	}
}

void plait_resume(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	conn_resume_from(conn, CONN_PAUSE_PROTOCOL);
}

const void *plait_input(struct plait_conn *conn, size_t *len)
{
	loop_assert_here(conn->loop);
	if (conn_delivering(conn)) {
		*len = conn->loop->net->arriving_len;
		return conn->loop->net->arriving;
	}
	*len = buffer_size(&conn->input);
	return *len > 0 ? buffer_data(&conn->input) : NULL;
}

void plait_input_drop(struct plait_conn *conn, size_t len)
{
	size_t there;
	plait_input(conn, &there);
	if (len > there)
		len = there;
	if (conn_delivering(conn)) {
		conn->loop->net->arriving += len;
		conn->loop->net->arriving_len -= len;
		return;
	}
	consume(conn, len);
	if (conn->framed)
		conn_framing(conn)->frame.scanned = conn_framing(conn)->frame.need = 0;
}

void plait_input_discard(struct plait_conn *conn)
{
	plait_input_drop(conn, SIZE_MAX);
}

/* In place, at the end of what is there: so nothing has to be moved or kept. */
int plait_input_replace(struct plait_conn *conn, const void *data, size_t len)
{
	size_t there;
	uint8_t *at = (uint8_t *)plait_input(conn, &there); /* it is ours */
	if (len > there)
		return PLAIT_ERROR_OVERFLOW;
	if (len > 0)
		memmove(at + there - len, data, len);
	plait_input_drop(conn, there - len);
	if (!conn_delivering(conn) && conn->state == CONN_OPEN) {
		conn->deliver_due = true;
		conn_defer(conn);
	}
	return 0;
}
