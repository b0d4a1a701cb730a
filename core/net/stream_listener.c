/* Stream listeners: their acceptors, asked on their loops, and the connections that came by them. */
#include "core/net/stream_listener.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"

struct stream_listener {
	struct reception_host host;
	struct reception *reception; /* the newest; of who starts, changes and stops it */
	struct acceptor *acceptors;
};

static void on_room(struct reception_host *host, struct reception *reception)
{
	struct stream_listener *listener = CONTAINER_OF(host, struct stream_listener, host);
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		acceptor_wake(acceptor, reception);
}

struct stream_listener *stream_listener_new(const struct stream_listener_options *options,
					    struct reception *reception)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	listener->host.options = *options;
	listener->host.room = on_room;
	listener->reception = reception;
	reception_init(reception, &listener->host);
	return listener;
}

int stream_listener_add(struct stream_listener *listener, struct plait_loop *loop, int fd)
{
	struct acceptor *acceptor = acceptor_new(&listener->host, listener->reception, loop, fd);
	if (!acceptor)
		return -1;
	acceptor->next = listener->acceptors;
	listener->acceptors = acceptor;
	return 0;
}

static void start(void *arg)
{
	acceptor_start(arg);
}

static void stop(void *arg)
{
	acceptor_stop(arg);
}

static void on_all_loops(struct stream_listener *listener, plait_call_fn *fn)
{
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		plait_post(acceptor->doorstep.loop, fn, acceptor);
}

void stream_listener_start(struct stream_listener *listener)
{
	on_all_loops(listener, start);
}

void stream_listener_stop(struct stream_listener *listener)
{
	on_all_loops(listener, stop);
}

static void open_door(void *arg)
{
	acceptor_set_door(arg, STREAM_OPEN);
}

static void hold_door(void *arg)
{
	acceptor_set_door(arg, STREAM_HELD);
}

static void shut_door(void *arg)
{
	acceptor_set_door(arg, STREAM_SHUT);
}

void stream_listener_set_door(struct stream_listener *listener, enum stream_door door)
{
	static plait_call_fn *const moves[] = {
		[STREAM_OPEN] = open_door,
		[STREAM_HELD] = hold_door,
		[STREAM_SHUT] = shut_door,
	};
	if (door == STREAM_OPEN)
		atomic_store_explicit(&listener->host.draining, false, memory_order_relaxed);
	on_all_loops(listener, moves[door]);
}

struct change {
	struct acceptor *acceptor;
	struct reception *reception; /* has the acceptor's reference */
};

static void change(void *arg)
{
	struct change change = *(struct change *)arg;
	block_give(arg);
	acceptor_change(change.acceptor, change.reception);
}

void stream_listener_receive(struct stream_listener *listener, struct reception *reception)
{
	reception_init(reception, &listener->host);
	listener->reception = reception;
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		reception_use(reception, 1);
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		struct change *one = alloc_block(sizeof(*one), "a change of a listener");
		*one = (struct change){ .acceptor = acceptor, .reception = reception };
		plait_post(acceptor->doorstep.loop, change, one);
	}
}

/* So many that came by it; fn says how many of them count. */
static size_t each(struct stream_listener *listener, struct plait_loop *loop,
		   size_t (*fn)(struct plait_conn *conn))
{
	size_t count = 0;
	for (struct plait_conn *conn = loop->net->conns, *next; conn; conn = next) {
		next = conn->next;
		if (reception_is_of(conn, &listener->host))
			count += fn(conn);
	}
	return count;
}

static size_t drain_one(struct plait_conn *conn)
{
	conn_drain(conn);
	return 1;
}

static size_t abort_one(struct plait_conn *conn)
{
	return conn_abort_drain(conn);
}

static size_t end_preambles(struct stream_listener *listener, const struct plait_loop *loop)
{
	size_t count = 0;
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		if (acceptor->doorstep.loop == loop)
			count += preamble_end_all(&acceptor->doorstep.preambles);
	}
	return count;
}

size_t stream_listener_drain(struct stream_listener *listener, struct plait_loop *loop)
{
	atomic_store_explicit(&listener->host.draining, true, memory_order_relaxed);
	return end_preambles(listener, loop) + each(listener, loop, drain_one);
}

size_t stream_listener_abort(struct stream_listener *listener, struct plait_loop *loop)
{
	end_preambles(listener, loop);
	return each(listener, loop, abort_one);
}

void stream_listener_quiet(struct stream_listener *listener)
{
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		acceptor_leave_line(acceptor);
}

void stream_listener_free(struct stream_listener **listener_at)
{
	struct stream_listener *listener = *listener_at;
	*listener_at = NULL;
	if (!listener)
		return;
	while (listener->acceptors) {
		struct acceptor *acceptor = listener->acceptors;
		listener->acceptors = acceptor->next;
		acceptor_free(&acceptor);
	}
	free(listener);
}
