/* TLS on an open connection: what was written before leaves in plain, the transport changes, its handshake begins.
 *
 * What comes before the peer can have learnt that TLS begins is not what it says under TLS, and somebody else may have
 * said it: such bytes are not delivered, and not handed to TLS. */
#include <plait/error.h>
#include <plait/start_tls.h>
#include <stdlib.h>

#include "core/net/conn/conn.h"
#include "core/net/group/group.h"

struct conn_upgrade {
	struct queue plain; /* what was written before */
	void *context;      /* for the transport to come */
	bool counted;       /* the owner knows of the handshake */
	bool begun;         /* that is the transport */
};

static int check(const struct plait_conn *conn, const struct plait_tls_context *context)
{
	if (conn->state == CONN_HANDSHAKE)
		return PLAIT_ERROR_REFUSED;
	if (conn->state != CONN_OPEN || conn->peer_ended || conn->write_ending)
		return PLAIT_ERROR_CLOSING;
	if (!conn->transport.ops->secure || conn->fed)
		return PLAIT_ERROR_REFUSED;
	return context->role ? 0 : PLAIT_ERROR_MISSING;
}

static struct conn_upgrade *make(struct plait_conn *conn)
{
	struct conn_extra *extra = conn_extra_or_fail(conn);
	if (!extra)
		return NULL;
	extra->upgrade = calloc(1, sizeof(*extra->upgrade));
	if (!extra->upgrade)
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for TLS");
	return extra->upgrade;
}

/* Its queue is for what leaves under TLS. Until then that counts as blocked. */
static void set_output_apart(struct plait_conn *conn, struct conn_upgrade *upgrade)
{
	upgrade->plain = conn->output;
	conn->output = (struct queue){ 0 };
	conn->write_needs = WATCH_WRITE;
}

int plait_start_tls(struct plait_conn *conn, struct plait_tls_context *context)
{
	loop_assert_here(conn->loop);
	if (!context)
		context = &conn->factory->tls;
	int result = check(conn, context);
	if (result < 0)
		return result;
	if (conn->sharing)
		group_stop_sharing(conn);
	struct conn_upgrade *upgrade = conn->state == CONN_OPEN ? make(conn) : NULL;
	if (!upgrade)
		return PLAIT_ERROR_MEMORY;
	upgrade->context = context->role;
	set_output_apart(conn, upgrade);
	conn_move(conn, CONN_HANDSHAKE);
	conn->active_ms = loop_now(conn->loop);
	conn_start_timer(conn);
	if (conn_protocol(conn)->message)
		conn_framing(conn)->frame =
			(struct plait_frame){ 0 }; /* half a message in plain is none under TLS */
	/* What is being delivered is looked at when the callback has said how much it consumed. */
	if (!conn_delivering(conn) && buffer_size(&conn->input) > 0) {
		conn_came_early(conn);
		return PLAIT_ERROR_CLOSING;
	}
	conn_defer(conn);
	return 0;
}

void conn_came_early(struct plait_conn *conn)
{
	conn_fail(conn, PLAIT_REASON_TLS_EARLY, NULL);
}

static void send_plain(struct plait_conn *conn, struct conn_upgrade *upgrade)
{
	struct iovec parts[CONN_PARTS_MAX];
	size_t took = 1;
	while (upgrade->plain.bytes > 0 && took > 0) {
		int count = queue_peek(&upgrade->plain, parts, CONN_PARTS_MAX);
		took = conn_account(conn, conn->transport.ops->writev(&conn->transport, parts, count));
		queue_consume(&upgrade->plain, &conn->loop->pool, took);
	}
}

static bool count_handshake(struct plait_conn *conn, struct conn_upgrade *upgrade)
{
	struct conn_owner *owner = conn->owner;
	if (!owner || !owner->begin_handshake)
		return true;
	upgrade->counted = owner->begin_handshake(owner);
	return upgrade->counted;
}

static bool change_transport(struct plait_conn *conn, struct conn_upgrade *upgrade)
{
	const struct transport_ops *secure = conn->transport.ops->secure;
	if (!count_handshake(conn, upgrade)) {
		conn_fail(conn, PLAIT_REASON_LIMIT_HANDSHAKES, NULL);
		return false;
	}
	if (secure->take_over(&conn->transport, upgrade->context) < 0) {
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for TLS");
		return false;
	}
	conn->transport.ops = secure;
	conn->active_ms = loop_now(conn->loop);
	upgrade->begun = true;
	return true;
}

bool conn_prepare_upgrade(struct plait_conn *conn)
{
	struct conn_upgrade *upgrade = conn->extra->upgrade;
	if (upgrade->begun)
		return true;
	/* Whoever speaks while it is still to be told that TLS begins speaks too early. */
	if (upgrade->plain.bytes > 0 && conn->transport.ops->arrived(&conn->transport)) {
		conn_came_early(conn);
		return false;
	}
	send_plain(conn, upgrade);
	if (conn->state == CONN_CLOSED)
		return false;
	if (upgrade->plain.bytes == 0)
		return change_transport(conn, upgrade);
	conn_want(conn, WATCH_WRITE);
	return false;
}

bool conn_upgrade_due(const struct plait_conn *conn)
{
	return conn->state == CONN_HANDSHAKE && conn_is_upgrading(conn) && !conn->extra->upgrade->begun;
}

size_t conn_upgrade_owed(const struct plait_conn *conn)
{
	return conn->extra->upgrade->plain.bytes;
}

void conn_end_upgrade(struct plait_conn *conn)
{
	if (!conn_is_upgrading(conn))
		return;
	if (conn->extra->upgrade->counted)
		conn->owner->end_handshake(conn->owner);
	queue_clear(&conn->extra->upgrade->plain, &conn->loop->pool);
	free(conn->extra->upgrade);
	conn->extra->upgrade = NULL;
}

static void tell(struct plait_conn *conn)
{
	if (!conn_protocol(conn)->tls_started)
		return;
	conn_enter(conn);
	conn_protocol(conn)->tls_started(conn);
	conn_leave(conn);
}

void conn_upgraded(struct plait_conn *conn)
{
	conn_end_upgrade(conn);
	conn_move(conn, CONN_OPEN);
	conn->write_needs = WATCH_NONE;
	conn->read_needs = WATCH_READ;
	conn->active_ms = conn->begun_ms = loop_now(conn->loop);
	conn_start_timer(conn);
	conn_log_opening(conn, "TLS begun");
	if (conn->reason == PLAIT_REASON_NONE)
		tell(conn);
	else
		conn_begin_close(conn, conn->reason);
	if (conn->loop->net->draining)
		conn_drain(conn);
}
