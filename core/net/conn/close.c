/* The ways a connection ends, and its last callback. */
#include <stdlib.h>
#include <string.h>

#include "core/net/conn/conn.h"
#include "core/net/group/group.h"
#include "core/net/net.h"
#include "core/net/reason.h"

/* The first reason stays; what comes after it is a consequence. */
static void set_reason(struct plait_conn *conn, enum plait_reason reason)
{
	if (conn->reason == PLAIT_REASON_NONE)
		conn->reason = (unsigned)reason & 0x7f;
}

/* One line for the end of a connection; detail may be NULL. */
static void log_end_at(const struct plait_conn *conn, enum plait_log_level level, const char *detail)
{
	enum plait_reason reason = conn->reason;
	if (!log_enabled(level))
		return;
	plait_log_conn(conn, level, "ended: %s (%s), %llu bytes in, %llu out", plait_reason_name(reason),
		       detail ? detail : plait_reason_text(reason), (unsigned long long)conn->bytes_in,
		       (unsigned long long)conn->bytes_out);
}

static void log_end(const struct plait_conn *conn, const char *detail)
{
	log_end_at(conn, plait_reason_is_error(conn->reason) ? PLAIT_LOG_INFO : PLAIT_LOG_DEBUG, detail);
}

/* Of what somebody else tells, too, the log says only in detail how it ended. */
static void tell_failure(const struct plait_conn *conn, enum handshake_failure failure, const char *text,
			 bool first)
{
	const char *detail = first ? text : NULL;
	bool failed = conn->state == CONN_HANDSHAKE && failure != HANDSHAKE_NO_FAILURE;
	if (failed && conn->owner && conn->owner->handshake_failed) {
		log_end_at(conn, PLAIT_LOG_DEBUG, detail);
		conn->owner->handshake_failed(conn->owner, conn, failure, text);
	} else {
		log_end(conn, detail);
	}
}

/* Bytes it took are not sent, or may still be written before it closes. */
static bool owes(const struct plait_conn *conn)
{
	return conn->output.bytes > 0 || conn->fed;
}

void conn_begin_close(struct plait_conn *conn, enum plait_reason reason)
{
	if (conn->state == CONN_FLUSHING || conn->state == CONN_CLOSED)
		return;
	if (conn->state != CONN_OPEN && !conn_is_upgrading(conn)) {
		conn_fail(conn, reason, NULL);
		return;
	}
	if (conn->sharing)
		group_stop_sharing(conn);
	if (conn->state == CONN_CLOSED) /* there was no memory for what it is owed */
		return;
	set_reason(conn, reason);
	if (conn->state == CONN_HANDSHAKE) { /* it closes when TLS has begun */
		group_remove_all(conn);
		return;
	}
	conn_move(conn, CONN_FLUSHING);
	conn->paused &= (uint8_t) ~(CONN_HELD_IN | CONN_HELD_OUT); /* its end is not held back */
	group_remove_all(conn);
	if (!conn_in_callback(conn)) /* which may still look at it */
		conn_drop_input(conn);
	conn->active_ms = loop_now(conn->loop);
	/* Where nothing is to be waited for, nobody asks. */
	bool waits = !conn->peer_ended || owes(conn) || !conn->transport.ops->close_ends;
	conn->taken = waits ? conn_taken(conn) : 0;
	if (reason != PLAIT_REASON_CLOSED)
		conn_dismiss_producer(conn);
	/* The peer's end may have been read ahead already, and no event will tell. */
	if (transport_pending(&conn->transport))
		conn->read_due = true;
	conn_defer(conn);
}

static void fail(struct plait_conn *conn, enum plait_reason reason, enum handshake_failure failure,
		 const char *text)
{
	if (conn->state == CONN_CLOSED)
		return;
	/* While closing in order, only a loss of bytes changes what it was closed for. */
	if ((conn->state == CONN_FLUSHING && owes(conn)) || conn_is_upgrading(conn))
		conn->reason = PLAIT_REASON_NONE;
	set_reason(conn, reason);
	tell_failure(conn, failure, text, conn->reason == reason);
	if (!conn->made && conn->owner && conn->owner->failed)
		conn->owner->failed(conn->owner, reason, text);
	conn->reset_on_close = reason_resets(reason) && (conn->state != CONN_FLUSHING || owes(conn));
	conn_move(conn, CONN_CLOSED);
	group_remove_all(conn);
	loop_stop_timer(conn->loop, &conn->timer);
	conn_defer(conn);
}

void conn_fail(struct plait_conn *conn, enum plait_reason reason, const char *text)
{
	fail(conn, reason, handshake_failure_of(reason), text);
}

void conn_fail_transport(struct plait_conn *conn)
{
	const char *text;
	enum plait_reason reason = transport_failure(&text);
	/* What was received before the cut may have been answered: the answers still go out. */
	if (reason == PLAIT_REASON_TLS_TRUNCATED && conn->state == CONN_OPEN) {
		conn->peer_ended = true;
		conn_begin_close(conn, reason);
		return;
	}
	if (conn->state == CONN_FLUSHING && reason == PLAIT_REASON_TLS_TRUNCATED) {
		conn->peer_ended = true;
		conn_peer_end_while_closing(conn);
		return;
	}
	fail(conn, reason, transport_handshake_failure(), text);
}

/* Both sides have ended in order. */
static void close_now(struct plait_conn *conn)
{
	log_end(conn, NULL);
	conn_move(conn, CONN_CLOSED);
	loop_stop_timer(conn->loop, &conn->timer);
	conn_defer(conn);
}

void conn_close_flushed(struct plait_conn *conn)
{
	bool last = conn->peer_ended && conn->state == CONN_FLUSHING;
	if (!conn->write_ended && !(last && conn->transport.ops->close_ends)) {
		ssize_t result = conn->transport.ops->shutdown(&conn->transport);
		if (result == TRANSPORT_FAILED) {
			conn_fail_transport(conn);
			return;
		}
		if (result == TRANSPORT_WANT_WRITE) {
			conn->write_needs = WATCH_WRITE;
			return;
		}
		conn->write_ended = true;
		conn->active_ms = loop_now(conn->loop);
	}
	if (last)
		close_now(conn);
	else if (conn->peer_ended && !conn->eof_due)
		conn_begin_close(conn, PLAIT_REASON_PEER_CLOSED);
}

void conn_peer_end_while_closing(struct plait_conn *conn)
{
	if (conn->write_ended)
		close_now(conn);
}

void conn_finish(struct plait_conn *conn)
{
	enum plait_reason reason = conn->reason;
	if (conn->fed)
		conn_feed_end(conn);
	if (conn->made && conn_protocol(conn)->lost) {
		conn_enter(conn);
		conn_protocol(conn)->lost(conn, reason);
		conn_leave(conn);
	}
	conn->transport.ops->close(&conn->transport, conn->reset_on_close);
	group_remove_all(conn);
	conn_ref_gone(conn);
	loop_stop_timer(conn->loop, &conn->timer);
	conn_end_upgrade(conn);
	queue_clear(&conn->output, &conn->loop->pool);
	conn_drop_input(conn);
	counter_add(&conn->loop->net->counters.closed[reason], 1);
	if (conn->factory->traffic)
		conn->factory->traffic->leave(conn->factory->traffic, conn);
	if (conn->owner)
		conn->owner->gone(conn->owner, &conn->peer);
	net_remove(conn->loop->net, conn);
	if (conn->extra) {
		free(conn->extra->feed);
		free(conn->extra->certificate);
		free(conn->extra->told);
	}
	free(conn->extra);
	free(conn);
}

/* A slow peer empties the kernel's buffer long before there is room for more in it: that is progress too. */
static bool peer_takes(struct plait_conn *conn)
{
	uint64_t before = conn->taken;
	conn->taken = conn_taken(conn);
	if (conn->taken == before)
		return false;
	conn->active_ms = loop_now(conn->loop);
	conn_start_timer(conn);
	return true;
}

void conn_close_late(struct plait_conn *conn)
{
	if (peer_takes(conn))
		return;
	/* all is sent, and only the peer's end has not come: that is no error */
	if (conn->write_ended)
		close_now(conn);
	else
		conn_fail(conn, PLAIT_REASON_TIMEOUT_CLOSE,
			  conn->fed && conn->write_needs == WATCH_NONE ? "its producer did not finish"
								       : NULL);
}

void conn_end_in_order(struct plait_conn *conn, enum plait_reason reason)
{
	if (conn_is_upgrading(conn)) /* it is drained when TLS has begun */
		return;
	if (conn->state == CONN_OPEN && conn_protocol(conn)->draining) {
		if (conn->drain_told)
			return;
		conn->drain_told = true;
		conn_enter(conn);
		conn_protocol(conn)->draining(conn);
		conn_leave(conn);
		conn_defer(conn);
		return;
	}
	conn_begin_close(conn, reason);
}

void conn_drain(struct plait_conn *conn)
{
	conn_end_in_order(conn, PLAIT_REASON_DRAIN);
}

bool conn_abort_drain(struct plait_conn *conn)
{
	bool owed = conn->state == CONN_OPEN || conn_is_upgrading(conn) ||
		    (conn->state == CONN_FLUSHING && owes(conn));
	conn_fail(conn, PLAIT_REASON_DRAIN, NULL);
	return owed;
}

void plait_close(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	conn_begin_close(conn, PLAIT_REASON_CLOSED);
}

void plait_close_error(struct plait_conn *conn, const char *what)
{
	loop_assert_here(conn->loop);
	if (!conn_is_live(conn))
		return;
	plait_log_conn(conn, PLAIT_LOG_INFO, "%s: %s", plait_reason_name(PLAIT_REASON_PROTOCOL_ERROR), what);
	conn_begin_close(conn, PLAIT_REASON_PROTOCOL_ERROR);
}

void plait_abort(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (conn->state != CONN_CLOSED)
		conn_fail(conn, PLAIT_REASON_ABORTED, NULL);
}

void plait_shutdown_write(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (!conn_is_live(conn) || conn->write_ending)
		return;
	if (conn->sharing)
		group_stop_sharing(conn);
	conn->write_ending = true;
	conn_defer(conn);
}
