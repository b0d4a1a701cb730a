/* A connection's life: made, its states, and the answers to who and where it is. */
#include "core/net/conn/conn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/compiler.h"
#include "core/base/container.h"
#include "core/net/net.h"

/* Bit N of row M: the move from state M to state N is allowed. */
#define TO(state) (1u << (state))
static const unsigned moves[] = {
	[CONN_CONNECTING] = TO(CONN_HANDSHAKE) | TO(CONN_OPEN) | TO(CONN_CLOSED),
	[CONN_HANDSHAKE] = TO(CONN_OPEN) | TO(CONN_CLOSED),
	[CONN_OPEN] = TO(CONN_HANDSHAKE) | TO(CONN_FLUSHING) | TO(CONN_CLOSED),
	[CONN_FLUSHING] = TO(CONN_CLOSED),
	[CONN_CLOSED] = 0,
};

void conn_move(struct plait_conn *conn, enum conn_state next)
{
	assert(moves[conn->state] & TO(next));
	conn->state = (uint8_t)next;
}

static void handshake(struct plait_conn *conn);

static void on_ready(struct watch *watch, unsigned ready)
{
	struct plait_conn *conn = CONTAINER_OF(watch, struct plait_conn, transport.watch);
	if (conn->state == CONN_HANDSHAKE) {
		handshake(conn);
	} else {
		if (ready & conn->write_needs)
			conn->write_needs =
				WATCH_NONE; /* conn_settle sends, with what is written until then */
		if (ready & conn->read_needs)
			conn_read(conn);
	}
	/* What others wrote to it leaves at the end of the turn, and its own with that: one send. */
	if (!task_queued(&conn->task))
		conn_settle(conn);
}

/* All that a turn may leave to its end but output. */
static ASIDE void end_turn(struct plait_conn *conn)
{
	if (conn->state == CONN_CLOSED) {
		conn_finish(conn);
		return;
	}
	if (conn->state == CONN_FLUSHING)
		conn_drop_input(conn);
	conn_catch_up(conn);
	if (conn_upgrade_due(conn))
		handshake(conn);
	conn_settle(conn);
	if (conn->state == CONN_FLUSHING) /* most are closed in the turn in which that began */
		conn_start_timer(conn);
}

static void on_task(struct task *task)
{
	struct plait_conn *conn = CONTAINER_OF(task, struct plait_conn, task);
	if (conn->state != CONN_OPEN || conn->deliver_due || conn->read_due)
		end_turn(conn);
	else
		conn_settle(conn);
}

/* Each loop has its own numbers, so that none waits for another's: of three loops the first has 1, 4, 7. */
static uint64_t next_id(const struct plait_loop *loop)
{
	return loop->net->made++ * loop->count + loop->index + 1;
}

static size_t framing_offset(const struct plait_protocol *protocol)
{
	size_t align = _Alignof(struct conn_framing);
	return sizeof(struct plait_conn) + (protocol->conn_size + align - 1) / align * align;
}

static size_t size_for_protocol(const struct plait_protocol *protocol)
{
	return protocol->message ? framing_offset(protocol) + sizeof(struct conn_framing)
				 : sizeof(struct plait_conn) + protocol->conn_size;
}

/* Whichever protocol it will be. */
static size_t size_for(const struct plait_factory *factory)
{
	const struct factory_choices *choices = factory->choices;
	size_t most = size_for_protocol(factory->protocol);
	for (size_t i = 0; choices && i < choices->count; i++) {
		size_t size = size_for_protocol(choices->items[i]->protocol);
		most = size > most ? size : most;
	}
	return most;
}

struct conn_framing *conn_framing(struct plait_conn *conn)
{
	return (struct conn_framing *)(void *)((char *)conn + framing_offset(conn_protocol(conn)));
}

struct conn_extra *conn_extra(struct plait_conn *conn)
{
	if (!conn->extra)
		conn->extra = alloc_zeroed(sizeof(*conn->extra), "what is asked of a connection");
	return conn->extra;
}

struct conn_extra *conn_extra_or_fail(struct plait_conn *conn)
{
	if (!conn->extra)
		conn->extra = calloc(1, sizeof(*conn->extra));
	if (!conn->extra)
		conn_fail(conn, PLAIT_REASON_INTERNAL, "no memory for what is asked of it");
	return conn->extra;
}

struct plait_conn *conn_new(struct plait_loop *loop, struct plait_factory *factory,
			    const struct transport_ops *ops, int fd, void *context,
			    const struct plait_addr *peer, struct conn_owner *owner)
{
	size_t size = size_for(factory);
	struct plait_conn *conn = malloc(size); /* calloc would pass by the allocator's cache */
	if (!conn) {
		transport_socket_reset(fd);
		return NULL;
	}
	*conn = (struct plait_conn){
		.loop = loop,
		.factory = factory,
		.state = CONN_CONNECTING,
		.read_needs = WATCH_READ,
		.id = next_id(loop),
		.peer = *peer,
		.owner = owner,
		.active_ms = loop_now(loop),
	};
	memset(conn->protocol_state, 0, size - sizeof(*conn));
	transport_init(&conn->transport, ops, loop, on_ready);
	if (ops->open(&conn->transport, fd, context) < 0) {
		free(conn);
		return NULL;
	}
	conn->transport.watch.note = (uint32_t)(loop_now(loop) / 1000);
	task_init(&conn->task, on_task);
	timer_init(&conn->timer, conn_on_timer);
	net_add(loop->net, conn);
	if (factory->traffic)
		factory->traffic->enter(factory->traffic, conn);
	return conn;
}

uint64_t conn_age_s(const struct plait_conn *conn)
{
	return (uint32_t)(loop_now(conn->loop) / 1000) - conn->transport.watch.note;
}

/* Its protocol is known. False: that does not take it. */
static bool admit(struct plait_conn *conn)
{
	const struct plait_protocol *protocol = conn_protocol(conn);
	if (protocol->accept && protocol->accept(conn->factory, &conn->peer) != 0) {
		conn_fail(conn, PLAIT_REASON_REFUSED, NULL);
		return false;
	}
	if (protocol->framing)
		plait_set_framing(conn, protocol->framing, NULL);
	return true;
}

/* By what the handshake agreed on. */
static bool choose(struct plait_conn *conn)
{
	const struct transport_ops *ops = conn->transport.ops;
	const struct factory_choices *choices = conn->factory->choices;
	int number = ops->agreed ? ops->agreed(&conn->transport) : -1;
	assert(number < (int)choices->count);
	if (number >= 0)
		conn->factory = choices->items[number];
	return admit(conn);
}

void conn_log_opening(struct plait_conn *conn, const char *what)
{
	struct plait_tls tls = { 0 };
	if (!log_enabled(PLAIT_LOG_DEBUG))
		return;
	if (conn->transport.ops->describe)
		conn->transport.ops->describe(&conn->transport, &tls);
	plait_log_conn(conn, PLAIT_LOG_DEBUG, "%s%s%s%s%s%s", what, tls.version ? ", " : "",
		       tls.version ? tls.version : "", tls.cipher ? " " : "", tls.cipher ? tls.cipher : "",
		       tls.ktls ? ", by the kernel" : "");
}

static void open_now(struct plait_conn *conn)
{
	if (conn->factory->choices && !choose(conn))
		return;
	conn_move(conn, CONN_OPEN);
	conn->active_ms = loop_now(conn->loop);
	conn_begin_timeouts(conn);
	if (conn->state == CONN_CLOSED)
		return;
	conn_log_opening(conn, "opened");
	conn->made = true;
	if (conn_protocol(conn)->made) {
		conn_enter(conn);
		conn_protocol(conn)->made(conn);
		conn_leave(conn);
	}
	if (conn->owner && conn->owner->made)
		conn->owner->made(conn->owner, conn);
	if (conn->loop->net->draining)
		conn_drain(conn);
}

static void handshake(struct plait_conn *conn)
{
	bool upgrading = conn_is_upgrading(conn); /* and has its protocol */
	if (upgrading && !conn_prepare_upgrade(conn))
		return;
	ssize_t result = conn->transport.ops->handshake(&conn->transport);
	switch (result) {
	case TRANSPORT_END:
		if (upgrading)
			conn_upgraded(conn);
		else
			open_now(conn);
		/* The last flight of the handshake may have brought data along. */
		if (conn->state != CONN_CLOSED && transport_pending(&conn->transport)) {
			conn->read_due = true;
			conn_defer(conn);
		}
		break;
	case TRANSPORT_WANT_READ: conn_want(conn, WATCH_READ); break;
	case TRANSPORT_WANT_WRITE: conn_want(conn, WATCH_WRITE); break;
	default: conn_fail_transport(conn);
	}
}

void conn_start(struct plait_conn *conn)
{
	if (conn->state == CONN_CLOSED) /* there was no memory for what counts its bytes */
		return;
	if (!conn->factory->choices && !admit(conn))
		return;
	if (conn->transport.ops->handshake) {
		conn_move(conn, CONN_HANDSHAKE);
		conn_start_timer(conn);
		handshake(conn);
	} else {
		open_now(conn);
	}
	conn_settle(conn);
}

static struct log_subject subject_of(const struct plait_conn *conn)
{
	return (struct log_subject){ .listener = conn->factory->name,
				     .conn_id = conn->id,
				     .peer = &conn->peer };
}

void plait_log_conn(const struct plait_conn *conn, enum plait_log_level level, const char *format, ...)
{
	struct log_subject subject = subject_of(conn);
	va_list args;
	if (!log_enabled(level))
		return;
	va_start(args, format);
	log_writev(level, &subject, format, args);
	va_end(args);
}

void *plait_conn_state(struct plait_conn *conn)
{
	return conn_protocol(conn)->conn_size > 0 ? conn->protocol_state : NULL;
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
	/* Only fills in what was always true. */
	struct plait_addr *local = &conn_extra((struct plait_conn *)conn)->local;
	int fd = transport_fd(&conn->transport);
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (local->family == PLAIT_FAMILY_NONE && fd >= 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&sa, len, local);
	return local;
}

uint64_t plait_conn_id(const struct plait_conn *conn)
{
	return conn->id;
}
