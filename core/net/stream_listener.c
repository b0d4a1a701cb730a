/* Accepting: in batches, to the least loaded loop, and with patience when descriptors run out. */
#include "core/net/stream_listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"
#include "core/net/socket/socket.h"

/* Accepted in one go before the loop's connections have their turn. */
#define BATCH 64
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 5000

/* One listening socket on one loop. */
struct acceptor {
	struct stream_listener *listener;
	struct plait_loop *loop;
	struct watch watch;
	struct timer retry; /* after a famine */
	uint64_t retry_ms;  /* 0: all is well */
	int fd;
	struct acceptor *next;
};

struct stream_listener {
	struct stream_listener_options options;
	struct conn_owner owner; /* of its connections */
	struct acceptor *acceptors;
};

static void say(const struct stream_listener *listener, enum plait_log_level level,
		const struct plait_addr *peer, const char *what, const char *why)
{
	struct log_subject subject = { .listener = listener->options.factory->name, .peer = peer };
	log_write(level, &subject, "%s: %s", what, why);
}

static void on_gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct stream_listener *listener = CONTAINER_OF(owner, struct stream_listener, owner);
	struct admission *admission = listener->options.admission;
	atomic_fetch_sub_explicit(&plait_loop_current()->load, 1, memory_order_relaxed);
	if (admission)
		admission->release(admission, peer);
}

/* How many handshakes are under way, where that is bounded: from accept on, or from when TLS begins. */
static bool on_begin_handshake(struct conn_owner *owner)
{
	struct admission *admission = CONTAINER_OF(owner, struct stream_listener, owner)->options.admission;
	return admission->begin_handshake(admission);
}

static void on_end_handshake(struct conn_owner *owner)
{
	struct admission *admission = CONTAINER_OF(owner, struct stream_listener, owner)->options.admission;
	admission->end_handshake(admission);
}

static void on_failed(struct conn_owner *owner, enum plait_reason reason, const char *text)
{
	(void)reason;
	(void)text;
	on_end_handshake(owner);
}

static void on_handshake_failed(struct conn_owner *owner, const struct plait_conn *conn,
				enum handshake_failure failure, const char *text)
{
	(void)owner;
	handshake_failed(conn->loop->net, conn->factory->name, &conn->peer, failure, text);
}

/* A socket that was let in. */
struct guest {
	int fd;
	struct plait_addr peer;
	struct plait_factory *factory;
};

static void make_conn(struct stream_listener *listener, struct plait_loop *loop, const struct guest *guest)
{
	const struct stream_listener_options *options = &listener->options;
	struct plait_conn *conn = conn_new(loop, guest->factory, options->transport, guest->fd,
					   options->transport_context, &guest->peer, &listener->owner);
	if (conn) {
		conn_start(conn);
		return;
	}
	say(listener, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
	if (listener->owner.made)
		on_end_handshake(&listener->owner);
	on_gone(&listener->owner, &guest->peer);
}

/* A guest on its way to another loop. */
struct hand_over {
	struct post post;
	struct stream_listener *listener;
	struct plait_loop *loop;
	struct guest guest;
};

static void take_over(struct post *post)
{
	struct hand_over *hand_over = CONTAINER_OF(post, struct hand_over, post);
	make_conn(hand_over->listener, hand_over->loop, &hand_over->guest);
	block_give(hand_over);
}

static void place(struct acceptor *acceptor, const struct guest *guest)
{
	struct stream_listener *listener = acceptor->listener;
	struct plait_loop *loop = acceptor->loop;
	if (!listener->options.keep_on_loop)
		loop = workers_least_loaded(listener->options.workers, loop);
	atomic_fetch_add_explicit(&loop->load, 1, memory_order_relaxed);
	if (loop == acceptor->loop) {
		make_conn(listener, loop, guest);
		return;
	}
	struct hand_over *hand_over = alloc_block(sizeof(*hand_over), "a connection's way to another loop");
	*hand_over = (struct hand_over){ .listener = listener, .loop = loop, .guest = *guest };
	post_send(&loop->posts, &hand_over->post, take_over);
}

/* PLAIT_REASON_NONE: the peer is let in. */
static enum plait_reason ask(struct stream_listener *listener, const struct plait_addr *peer, bool *overflow)
{
	struct admission *admission = listener->options.admission;
	if (!admission)
		return PLAIT_REASON_NONE;
	enum plait_reason refused = admission->admit(admission, peer, overflow);
	if (refused != PLAIT_REASON_NONE || !listener->owner.made || on_begin_handshake(&listener->owner))
		return refused;
	admission->release(admission, peer);
	return PLAIT_REASON_LIMIT_HANDSHAKES;
}

static void admit(struct acceptor *acceptor, int fd, const struct sockaddr_storage *sa, socklen_t len)
{
	struct stream_listener *listener = acceptor->listener;
	struct plait_addr peer;
	addr_from_sockaddr((const struct sockaddr *)sa, len, &peer);
	if (peer.family == PLAIT_FAMILY_UNIX)
		socket_peer_process(fd, &peer);
	bool overflow = false;
	enum plait_reason refused = ask(listener, &peer, &overflow);
	if (refused == PLAIT_REASON_NONE) {
		struct plait_factory *factory = overflow ? listener->options.overflow
							 : listener->options.factory;
		place(acceptor, &(struct guest){ .fd = fd, .peer = peer, .factory = factory });
		return;
	}
	counter_add(&acceptor->loop->net->counters.closed[refused], 1);
	if (refused == PLAIT_REASON_LIMIT_HANDSHAKES)
		counter_add(&acceptor->loop->net->counters.handshakes_failed[HANDSHAKE_TOO_MANY], 1);
	say(listener, PLAIT_LOG_WARNING, &peer, plait_reason_name(refused), plait_reason_text(refused));
	transport_socket_reset(fd);
}

/* The backlog keeps who comes; a busy loop would only burn the processor. */
static void pause_accepting(struct acceptor *acceptor)
{
	if (acceptor->retry_ms == 0)
		say(acceptor->listener, PLAIT_LOG_ERROR, NULL, "accepting pauses", strerror(errno));
	acceptor->retry_ms = acceptor->retry_ms == 0                  ? RETRY_FIRST_MS
			     : acceptor->retry_ms * 2 < RETRY_MOST_MS ? acceptor->retry_ms * 2
								      : RETRY_MOST_MS;
	watch_set(&acceptor->watch, WATCH_NONE);
	loop_start_timer(acceptor->loop, &acceptor->retry, loop_now(acceptor->loop) + acceptor->retry_ms);
}

static void wait_for_peers(struct acceptor *acceptor)
{
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
	say(acceptor->listener, PLAIT_LOG_INFO, NULL, "accepting goes on", "descriptors are free again");
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
		admit(acceptor, fd, &sa, len);
	}
}

struct stream_listener *stream_listener_new(const struct stream_listener_options *options)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	listener->options = *options;
	listener->owner.gone = on_gone;
	listener->owner.handshake_failed = on_handshake_failed;
	if (options->admission && options->transport->handshake) {
		listener->owner.made = on_end_handshake;
		listener->owner.failed = on_failed;
	} else if (options->admission) {
		listener->owner.begin_handshake = on_begin_handshake;
		listener->owner.end_handshake = on_end_handshake;
	}
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
	acceptor->loop = loop;
	acceptor->fd = fd;
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

static void stop(void *arg)
{
	struct acceptor *acceptor = arg;
	loop_stop_timer(acceptor->loop, &acceptor->retry);
	watch_set(&acceptor->watch, WATCH_NONE);
	if (acceptor->fd >= 0)
		close(acceptor->fd);
	acceptor->fd = -1;
}

static void on_all_loops(struct stream_listener *listener, plait_call_fn *fn)
{
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		plait_post(acceptor->loop, fn, acceptor);
}

void stream_listener_start(struct stream_listener *listener)
{
	on_all_loops(listener, start);
}

void stream_listener_stop(struct stream_listener *listener)
{
	on_all_loops(listener, stop);
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
		stop(acceptor);
		free(acceptor);
	}
	free(listener);
}
