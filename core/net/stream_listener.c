/* Accepting: in batches, and with patience when descriptors run out. */
#include "core/net/stream_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"

/* Accepted in one go before the loop's connections have their turn. */
#define BATCH 64
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 5000

/* One listening socket on one loop. */
struct acceptor {
	struct stream_listener *listener;
	struct reception *reception; /* NULL: it has stopped */
	struct doorstep doorstep;
	struct watch watch;
	struct timer retry; /* after a famine */
	enum stream_door door;
	uint64_t retry_ms; /* 0: all is well */
	int fd;
	struct acceptor *next;
};

struct stream_listener {
	struct stream_listener_options options;
	struct reception *reception; /* the newest; of who starts, changes and stops it */
	struct acceptor *acceptors;
	atomic_bool draining;
};

static void refuse(struct acceptor *acceptor, int fd)
{
	counter_add(&acceptor->doorstep.loop->net->counters.closed[PLAIT_REASON_DRAIN], 1);
	transport_socket_reset(fd);
}

/* The backlog keeps who comes; a busy loop would only burn the processor. */
static void pause_accepting(struct acceptor *acceptor)
{
	if (acceptor->retry_ms == 0)
		reception_say(acceptor->reception, PLAIT_LOG_ERROR, NULL, "accepting pauses",
			      strerror(errno));
	acceptor->retry_ms = acceptor->retry_ms == 0                  ? RETRY_FIRST_MS
			     : acceptor->retry_ms * 2 < RETRY_MOST_MS ? acceptor->retry_ms * 2
								      : RETRY_MOST_MS;
	watch_set(&acceptor->watch, WATCH_NONE);
	loop_start_timer(acceptor->doorstep.loop, &acceptor->retry,
			 loop_now(acceptor->doorstep.loop) + acceptor->retry_ms);
}

static void wait_for_peers(struct acceptor *acceptor)
{
	if (acceptor->door == STREAM_HELD)
		return;
	if (watch_set(&acceptor->watch, WATCH_READ) < 0)
		pause_accepting(acceptor);
}

static void on_retry(struct timer *timer)
{
	wait_for_peers(CONTAINER_OF(timer, struct acceptor, retry));
}

/* Also when nobody was waiting: the kernel looks for a descriptor first. */
static void famine_over(struct acceptor *acceptor)
{
	if (acceptor->retry_ms == 0)
		return;
	acceptor->retry_ms = 0;
	reception_say(acceptor->reception, PLAIT_LOG_INFO, NULL, "accepting goes on",
		      "descriptors are free again");
}

/* Errors of one connection that went before it was taken say nothing about the next. */
static bool passing(int code)
{
	return code == ECONNABORTED || code == EINTR || code == EPROTO || code == EPERM || code == ENETDOWN ||
	       code == ENOPROTOOPT || code == EHOSTDOWN || code == ENONET || code == EHOSTUNREACH ||
	       code == ENETUNREACH;
}

static void on_acceptable(struct watch *watch, unsigned ready)
{
	struct acceptor *acceptor = CONTAINER_OF(watch, struct acceptor, watch);
	(void)ready;
	for (unsigned i = 0; i < BATCH; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd = accept4(watch->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && passing(errno))
			continue;
		if (fd < 0 && errno != EAGAIN) {
			pause_accepting(acceptor);
			return;
		}
		famine_over(acceptor);
		if (fd < 0)
			return;
		if (acceptor->door == STREAM_SHUT)
			refuse(acceptor, fd);
		else
			reception_receive(acceptor->reception, &acceptor->doorstep, fd, &sa, len);
	}
}

struct stream_listener *stream_listener_new(const struct stream_listener_options *options,
					    struct reception *reception)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	listener->options = *options;
	listener->reception = reception;
	reception_init(reception, &listener->options, &listener->draining, listener);
	return listener;
}

int stream_listener_add(struct stream_listener *listener, struct plait_loop *loop, int fd)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
	if (!acceptor) {
		close(fd);
		return -1;
	}
	acceptor->listener = listener;
	acceptor->doorstep.loop = loop;
	acceptor->fd = fd;
	acceptor->reception = listener->reception;
	reception_use(acceptor->reception, 1);
	timer_init(&acceptor->retry, on_retry);
	watch_init(&acceptor->watch, loop, fd, on_acceptable);
	acceptor->next = listener->acceptors;
	listener->acceptors = acceptor;
	return 0;
}

static void start(void *arg)
{
	struct acceptor *acceptor = arg;
	if (acceptor->fd >= 0)
		wait_for_peers(acceptor);
}

static void shut(struct acceptor *acceptor)
{
	loop_stop_timer(acceptor->doorstep.loop, &acceptor->retry);
	watch_set(&acceptor->watch, WATCH_NONE);
	if (acceptor->fd >= 0)
		close(acceptor->fd);
	acceptor->fd = -1;
}

static void stop(void *arg)
{
	struct acceptor *acceptor = arg;
	struct reception *reception = acceptor->reception;
	shut(acceptor);
	acceptor->reception = NULL;
	if (reception)
		reception_leave(reception);
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

static void set_door(struct acceptor *acceptor, enum stream_door door)
{
	acceptor->door = door;
	if (acceptor->fd < 0)
		return;
	if (door == STREAM_HELD) {
		loop_stop_timer(acceptor->doorstep.loop, &acceptor->retry);
		watch_set(&acceptor->watch, WATCH_NONE);
	} else {
		wait_for_peers(acceptor);
	}
}

static void open_door(void *arg)
{
	set_door(arg, STREAM_OPEN);
}

static void hold_door(void *arg)
{
	set_door(arg, STREAM_HELD);
}

static void shut_door(void *arg)
{
	set_door(arg, STREAM_SHUT);
}

void stream_listener_set_door(struct stream_listener *listener, enum stream_door door)
{
	static plait_call_fn *const moves[] = {
		[STREAM_OPEN] = open_door,
		[STREAM_HELD] = hold_door,
		[STREAM_SHUT] = shut_door,
	};
	if (door == STREAM_OPEN)
		atomic_store_explicit(&listener->draining, false, memory_order_relaxed);
	on_all_loops(listener, moves[door]);
}

struct change {
	struct acceptor *acceptor;
	struct reception *reception; /* has the acceptor's reference */
};

static void change(void *arg)
{
	struct change *change = arg;
	struct reception *before = change->acceptor->reception;
	change->acceptor->reception = change->reception;
	block_give(change);
	reception_leave(before);
}

void stream_listener_receive(struct stream_listener *listener, struct reception *reception)
{
	reception_init(reception, &listener->options, &listener->draining, listener);
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
		if (reception_is_of(conn, listener))
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
	atomic_store_explicit(&listener->draining, true, memory_order_relaxed);
	return end_preambles(listener, loop) + each(listener, loop, drain_one);
}

size_t stream_listener_abort(struct stream_listener *listener, struct plait_loop *loop)
{
	end_preambles(listener, loop);
	return each(listener, loop, abort_one);
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
		shut(acceptor);
		free(acceptor);
	}
	free(listener);
}
