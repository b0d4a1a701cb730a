/* A connection's deadlines: one timer for all of them. What moves them stores a moment; the timer looks when it fires. */
#include "core/base/container.h"
#include "core/net/conn/conn.h"

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
	if (conn->paused & (CONN_PAUSE_RATE_IN | CONN_PAUSE_RATE_OUT))
		return TIMER_NEVER;
	return after(conn->active_ms, idle_ms(conn));
}

static uint64_t own_deadline(const struct plait_conn *conn)
{
	const struct conn_extra *extra = conn->extra;
	return extra && extra->timeout_on ? after(extra->timeout_from_ms, extra->timeout_ms) : TIMER_NEVER;
}

/* When the current state has lasted too long, or TIMER_NEVER. */
static uint64_t deadline(const struct plait_conn *conn)
{
	uint64_t idle, own;
	switch ((enum conn_state)conn->state) {
	case CONN_HANDSHAKE: return after(conn->active_ms, timeouts_of(conn)->handshake_ms);
	case CONN_OPEN:
		idle = idle_deadline(conn);
		own = own_deadline(conn);
		return idle < own ? idle : own;
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

static void open_too_long(struct plait_conn *conn)
{
	uint64_t now = loop_now(conn->loop);
	if (own_deadline(conn) <= now)
		own_passed(conn);
	if (idle_deadline(conn) <= now)
		conn_begin_close(conn, PLAIT_REASON_TIMEOUT_IDLE);
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
