/* A connection's life: made, its states, and the answers to who and where it is. */
#include "core/net/conn.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/net/net.h"

/* Bit N of row M: the move from state M to state N is allowed. */
#define TO(state) (1u << (state))
static const unsigned moves[] = {
	[CONN_CONNECTING] = TO(CONN_PREAMBLE) | TO(CONN_HANDSHAKE) | TO(CONN_OPEN) | TO(CONN_CLOSED),
	[CONN_PREAMBLE] = TO(CONN_HANDSHAKE) | TO(CONN_OPEN) | TO(CONN_CLOSED),
	[CONN_HANDSHAKE] = TO(CONN_OPEN) | TO(CONN_CLOSED),
	[CONN_OPEN] = TO(CONN_FLUSHING) | TO(CONN_CLOSED),
	[CONN_FLUSHING] = TO(CONN_CLOSED),
	[CONN_CLOSED] = 0,
};

void conn_move(struct plait_conn *conn, enum conn_state next)
{
	assert(moves[conn->state] & TO(next));
	conn->state = (uint8_t)next;
}

static void handshake(struct plait_conn *conn);

static void on_ready(void *arg, unsigned ready)
{
	struct plait_conn *conn = arg;
	if (conn->state == CONN_HANDSHAKE) {
		handshake(conn);
	} else {
		if (ready & conn->write_needs) {
			conn->write_needs = WATCH_NONE;
			conn_flush(conn);
		}
		if (ready & conn->read_needs)
			conn_read(conn);
	}
	conn_settle(conn);
}

static void on_task(struct task *task)
{
	struct plait_conn *conn = (struct plait_conn *)(void *)((char *)task -
								offsetof(struct plait_conn, task));
	if (conn->state == CONN_CLOSED) {
		conn_finish(conn);
		return;
	}
	if (conn->deliver_due)
		conn_deliver_waiting(conn);
	if (conn->read_due && conn->state != CONN_CLOSED)
		conn_read(conn);
	conn_settle(conn);
}

static uint64_t next_id(void)
{
	static atomic_ullong last;
	return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

struct plait_conn *conn_new(struct plait_loop *loop, struct plait_factory *factory,
			    const struct transport_ops *ops, int fd, void *context,
			    const struct plait_addr *peer, struct conn_owner *owner)
{
	struct plait_conn *conn = calloc(1, sizeof(*conn) + factory->protocol->conn_size);
	if (!conn) {
		transport_socket_reset(fd);
		return NULL;
	}
	transport_init(&conn->transport, ops, loop, on_ready, conn);
	if (ops->open(&conn->transport, fd, context) < 0) {
		free(conn);
		return NULL;
	}
	conn->loop = loop;
	conn->factory = factory;
	conn->protocol = factory->protocol;
	conn->framing = factory->protocol->framing;
	conn->framing_settings = conn->framing ? conn->framing->defaults : NULL;
	conn->state = CONN_CONNECTING;
	conn->read_needs = WATCH_READ;
	conn->id = next_id();
	conn->peer = *peer;
	conn->owner = owner;
	conn->since_ms = conn->active_ms = loop_now(loop);
	task_init(&conn->task, on_task);
	timer_init(&conn->timer, conn_on_timer);
	net_add(loop->net, conn);
	return conn;
}

static void open_now(struct plait_conn *conn)
{
	struct plait_tls tls = { 0 };
	conn_move(conn, CONN_OPEN);
	conn->active_ms = loop_now(conn->loop);
	conn_start_timer(conn);
	if (log_enabled(PLAIT_LOG_DEBUG)) {
		if (conn->transport.ops->describe)
			conn->transport.ops->describe(&conn->transport, &tls);
		plait_log_conn(conn, PLAIT_LOG_DEBUG, "opened%s%s%s%s", tls.version ? ", " : "",
			       tls.version ? tls.version : "", tls.cipher ? " " : "",
			       tls.cipher ? tls.cipher : "");
	}
	conn->made = true;
	if (conn->protocol->made) {
		conn_enter(conn);
		conn->protocol->made(conn);
		conn_leave(conn);
	}
	if (conn->loop->net->draining)
		conn_drain(conn);
}

static void handshake(struct plait_conn *conn)
{
	ssize_t result = conn->transport.ops->handshake(&conn->transport);
	switch (result) {
	case TRANSPORT_END:
		open_now(conn);
		/* The last flight of the handshake may have brought data along. */
		if (conn->state != CONN_CLOSED && conn->transport.ops->pending(&conn->transport)) {
			conn->read_due = true;
			conn_defer(conn);
		}
		break;
	case TRANSPORT_WANT_READ: conn->transport.ops->want(&conn->transport, WATCH_READ); break;
	case TRANSPORT_WANT_WRITE: conn->transport.ops->want(&conn->transport, WATCH_WRITE); break;
	default: conn_fail_transport(conn);
	}
}

void conn_start(struct plait_conn *conn)
{
	if (conn->protocol->accept && conn->protocol->accept(conn->factory, &conn->peer) != 0) {
		conn_fail(conn, PLAIT_REASON_REFUSED, NULL);
		return;
	}
	if (conn->transport.ops->handshake) {
		conn_move(conn, CONN_HANDSHAKE);
		conn_start_timer(conn);
		handshake(conn);
	} else {
		open_now(conn);
	}
	conn_settle(conn);
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
	if (conn->state == CONN_OPEN || conn->state == CONN_FLUSHING)
		conn_flush(conn);
	if (conn->state == CONN_OPEN || conn->state == CONN_FLUSHING)
		conn->transport.ops->want(&conn->transport, wanted(conn));
}

struct log_subject conn_subject(const struct plait_conn *conn)
{
	return (struct log_subject){ .listener = conn->factory->name,
				     .conn_id = conn->id,
				     .peer = &conn->peer };
}

void plait_log_conn(const struct plait_conn *conn, enum plait_log_level level, const char *format, ...)
{
	struct log_subject subject = conn_subject(conn);
	va_list args;
	if (!log_enabled(level))
		return;
	va_start(args, format);
	log_writev(level, &subject, format, args);
	va_end(args);
}

void *plait_conn_state(struct plait_conn *conn)
{
	return conn->protocol->conn_size > 0 ? conn->protocol_state : NULL;
}

struct plait_factory *plait_conn_factory(const struct plait_conn *conn)
{
	return conn->factory;
}

const void *plait_conn_options(const struct plait_conn *conn)
{
	return conn->factory->options;
}

struct plait_loop *plait_conn_loop(const struct plait_conn *conn)
{
	return conn->loop;
}

const struct plait_addr *plait_conn_peer(const struct plait_conn *conn)
{
	return &conn->peer;
}

const struct plait_addr *plait_conn_local(const struct plait_conn *conn)
{
	struct plait_conn *own = (struct plait_conn *)conn; /* only fills in what was always true */
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (own->local.family == PLAIT_FAMILY_NONE && own->transport.fd >= 0 &&
	    getsockname(own->transport.fd, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&sa, len, &own->local);
	return &own->local;
}

uint64_t plait_conn_id(const struct plait_conn *conn)
{
	return conn->id;
}

const struct plait_tls *plait_conn_tls(struct plait_conn *conn)
{
	if (!conn->tls && conn->transport.ops->describe) {
		conn->tls = calloc(1, sizeof(*conn->tls));
		if (conn->tls)
			conn->transport.ops->describe(&conn->transport, conn->tls);
	}
	return conn->tls;
}
