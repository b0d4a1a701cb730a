/* A connection's deadlines: one timer for all of them. What moves them stores a moment; the timer looks when it fires. The
 * PROXY header's would be that of the state PREAMBLE. */
#include "core/base/container.h"
#include "core/net/conn/conn.h"

/* What a protocol that was told of the end of its connection's lifetime has for that. */
#define GRACE_MS 30000

static uint64_t after(uint64_t from_ms, uint64_t ms)
{
	return ms == 0 || ms > TIMER_NEVER - from_ms ? TIMER_NEVER : from_ms + ms;
}

static const struct timeout_settings *timeouts_of(const struct plait_conn *conn)
{
	return &conn->factory->settings->timeouts;
}

static uint64_t idle_ms(const struct plait_conn *conn)
{
	return conn->extra && conn->extra->has_idle ? conn->extra->idle_ms : timeouts_of(conn)->idle_ms;
}

/* None while it is held back: that silence is not the peer's. */
static uint64_t idle_deadline(const struct plait_conn *conn)
{
	if (conn->paused & (CONN_HELD_IN | CONN_HELD_OUT))
		return TIMER_NEVER;
	return after(conn->active_ms, idle_ms(conn));
}

static uint64_t own_deadline(const struct plait_conn *conn)
{
	const struct conn_extra *extra = conn->extra;
	return extra && extra->timeout_on ? after(extra->timeout_from_ms, extra->timeout_ms) : TIMER_NEVER;
}

/* That of a TLS record is one. */
static bool awaits_first_byte(const struct plait_conn *conn)
{
	return conn->bytes_in == 0 && !transport_partial(&conn->transport);
}

/* Of what the peer is to say now: its first byte, or the rest of a message. None while it is not listened to. */
static uint64_t speech_deadline(struct plait_conn *conn)
{
	uint64_t most_ms = awaits_first_byte(conn) ? timeouts_of(conn)->first_byte_ms
						   : timeouts_of(conn)->message_ms;
	if (most_ms == 0 || conn->paused || conn->peer_ended || !conn_in_message(conn))
		return TIMER_NEVER;
	return after(conn->begun_ms, most_ms);
}

static uint64_t lifetime_deadline(const struct plait_conn *conn)
{
	return conn->extra && conn->extra->ends_ms ? conn->extra->ends_ms : TIMER_NEVER;
}

/* Of the peer's progress with the output; and when to look for it next, so that it is missed by a quarter at most. */
static uint64_t write_deadline(const struct plait_conn *conn)
{
	return after(conn->extra->write_from_ms, timeouts_of(conn)->write_ms);
}

static uint64_t write_look(const struct plait_conn *conn)
{
	const struct conn_extra *extra = conn->extra;
	if (!extra || !extra->write_watch)
		return TIMER_NEVER;
	uint64_t look = after(extra->write_looked_ms, timeouts_of(conn)->write_ms / 4 + 1);
	return look < write_deadline(conn) ? look : write_deadline(conn);
}

/* The next moment at which something of an open connection may have lasted too long. */
static uint64_t open_deadline(struct plait_conn *conn)
{
	const uint64_t moments[] = { idle_deadline(conn), own_deadline(conn), speech_deadline(conn),
				     write_look(conn), lifetime_deadline(conn) };
	uint64_t first = TIMER_NEVER;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		first = moments[i] < first ? moments[i] : first;
	return first;
}

/* When the current state has lasted too long, or TIMER_NEVER. */
static uint64_t deadline(struct plait_conn *conn)
{
	switch ((enum conn_state)conn->state) {
	case CONN_HANDSHAKE: return after(conn->active_ms, timeouts_of(conn)->handshake_ms);
	case CONN_OPEN: return open_deadline(conn);
	case CONN_FLUSHING: /* since output last moved: a slow reader is not cut */
		return conn->active_ms + timeouts_of(conn)->close_ms;
	default: return TIMER_NEVER;
	}
}

void conn_start_timer(struct plait_conn *conn)
{
	uint64_t at = deadline(conn);
	if (at == TIMER_NEVER)
		loop_stop_timer(conn->loop, &conn->timer);
	else
		loop_start_timer(conn->loop, &conn->timer, at);
}

/* For a deadline that was not there before; nothing moves where the timer looks earlier anyway. */
static void look_by(struct plait_conn *conn, uint64_t at_ms)
{
	if (at_ms != TIMER_NEVER && (!timer_active(&conn->timer) || at_ms < conn->timer.deadline_ms))
		loop_start_timer(conn->loop, &conn->timer, at_ms);
}

void conn_begin_timeouts(struct plait_conn *conn)
{
	uint64_t lifetime_ms = timeouts_of(conn)->lifetime_ms;
	if (lifetime_ms > 0) {
		struct conn_extra *extra = conn_extra_or_fail(conn);
		if (!extra)
			return;
		extra->ends_ms = timer_after(loop_now(conn->loop), lifetime_ms);
	}
	conn->begun_ms = loop_now(conn->loop);
	conn_start_timer(conn);
}

void conn_message_began(struct plait_conn *conn)
{
	if (conn->state != CONN_OPEN)
		return;
	conn->begun_ms = loop_now(conn->loop);
	look_by(conn, speech_deadline(conn));
}

void conn_part_came(struct plait_conn *conn)
{
	if (buffer_size(&conn->input) == 0)
		conn_message_began(conn);
}

static void see_progress(struct plait_conn *conn)
{
	conn->extra->write_taken = conn_taken(conn);
	conn->extra->write_from_ms = loop_now(conn->loop);
}

void conn_watch_output(struct plait_conn *conn)
{
	if (conn->state != CONN_OPEN || timeouts_of(conn)->write_ms == 0 ||
	    (conn->extra && conn->extra->write_watch))
		return;
	struct conn_extra *extra = conn_extra_or_fail(conn);
	if (!extra)
		return;
	extra->write_watch = true;
	extra->write_looked_ms = loop_now(conn->loop);
	see_progress(conn);
	look_by(conn, write_look(conn));
}

/* The kernel's taking bytes is progress, and so is the peer's emptying the kernel's buffer. */
static void look_at_output(struct plait_conn *conn)
{
	struct conn_extra *extra = conn->extra;
	extra->write_looked_ms = loop_now(conn->loop);
	extra->write_watch = conn->write_needs != WATCH_NONE; /* else all has left */
	if (conn_taken(conn) != extra->write_taken)
		see_progress(conn);
	else if (extra->write_watch && write_deadline(conn) <= loop_now(conn->loop))
		conn_fail(conn, PLAIT_REASON_TIMEOUT_WRITE, NULL);
}

static void own_passed(struct plait_conn *conn)
{
	conn->extra->timeout_on = false;
	if (!conn_protocol(conn)->timed_out) {
		conn_begin_close(conn, PLAIT_REASON_TIMEOUT_PROTOCOL);
		return;
	}
	conn_enter(conn);
	conn_protocol(conn)->timed_out(conn);
	conn_leave(conn);
	conn_defer(conn);
}

/* A protocol that wants to know is told, and has a while; the second time there is no more to be said. */
static void lifetime_passed(struct plait_conn *conn)
{
	bool again = conn->extra->life_over;
	conn->extra->life_over = true;
	conn->extra->ends_ms = timer_after(loop_now(conn->loop), GRACE_MS);
	if (again)
		conn_begin_close(conn, PLAIT_REASON_LIFETIME);
	else
		conn_end_in_order(conn, PLAIT_REASON_LIFETIME);
}

static void open_too_long(struct plait_conn *conn)
{
	uint64_t now = loop_now(conn->loop);
	if (own_deadline(conn) <= now)
		own_passed(conn);
	if (conn->state == CONN_OPEN && speech_deadline(conn) <= now)
		conn_begin_close(conn, awaits_first_byte(conn) ? PLAIT_REASON_TIMEOUT_FIRST_BYTE
							       : PLAIT_REASON_TIMEOUT_MESSAGE);
	if (conn->state == CONN_OPEN && write_look(conn) <= now)
		look_at_output(conn);
	if (idle_deadline(conn) <= now)
		conn_begin_close(conn, PLAIT_REASON_TIMEOUT_IDLE);
	if (conn->state == CONN_OPEN && lifetime_deadline(conn) <= now)
		lifetime_passed(conn);
	if (conn->state == CONN_OPEN)
		conn_start_timer(conn);
}

void conn_on_timer(struct timer *timer)
{
	struct plait_conn *conn = CONTAINER_OF(timer, struct plait_conn, timer);
	if (loop_now(conn->loop) < deadline(conn)) {
		conn_start_timer(conn);
		return;
	}
	switch ((enum conn_state)conn->state) {
	case CONN_HANDSHAKE: conn_fail(conn, PLAIT_REASON_TIMEOUT_HANDSHAKE, NULL); break;
	case CONN_OPEN: open_too_long(conn); break;
	case CONN_FLUSHING: conn_close_late(conn); break;
	default: break;
	}
}

/* Elsewhere the timer has another task; opening starts it. */
static void restart_if_open(struct plait_conn *conn)
{
	if (conn->state == CONN_OPEN)
		conn_start_timer(conn);
}

uint64_t plait_set_timeout(struct plait_conn *conn, uint64_t timeout_ms)
{
	loop_assert_here(conn->loop);
	uint64_t before = conn->extra ? conn->extra->timeout_ms : 0;
	if (timeout_ms == 0 && before == 0)
		return 0;
	struct conn_extra *extra = conn_extra_or_fail(conn);
	if (!extra)
		return before;
	extra->timeout_ms = timeout_ms;
	extra->timeout_from_ms = loop_now(conn->loop);
	extra->timeout_on = timeout_ms > 0;
	restart_if_open(conn);
	return before;
}

void plait_reset_timeout(struct plait_conn *conn)
{
	loop_assert_here(conn->loop);
	if (conn->extra)
		conn->extra->timeout_from_ms = loop_now(conn->loop);
}

uint64_t plait_set_idle_timeout(struct plait_conn *conn, uint64_t timeout_ms)
{
	loop_assert_here(conn->loop);
	uint64_t before = idle_ms(conn);
	struct conn_extra *extra = conn_extra_or_fail(conn);
	if (!extra)
		return before;
	extra->idle_ms = timeout_ms;
	extra->has_idle = true;
	if (conn->state == CONN_OPEN) {
		conn->active_ms = loop_now(conn->loop);
		conn_start_timer(conn);
	}
	return before;
}
