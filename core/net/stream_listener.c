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
#include "core/net/proxy/preamble.h"
#include "core/net/socket/socket.h"

/* Accepted in one go before the loop's connections have their turn. */
#define BATCH 64
#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 5000

/* One listening socket on one loop. */
struct acceptor {
	struct stream_listener *listener;
	struct reception *reception; /* NULL: it has stopped */
	struct plait_loop *loop;
	struct watch watch;
	struct timer retry; /* after a famine */
	uint64_t retry_ms;  /* 0: all is well */
	int fd;
	struct preamble *preambles; /* of those whose PROXY header is awaited */
	struct acceptor *next;
};

struct stream_listener {
	struct stream_listener_options options;
	struct reception *reception; /* the newest; of who starts, changes and stops it */
	struct acceptor *acceptors;
	atomic_bool draining;
};

static void say(const struct reception *reception, enum plait_log_level level, const struct plait_addr *peer,
		const char *what, const char *why)
{
	struct log_subject subject = { .listener = reception->factory->name, .peer = peer };
	log_write(level, &subject, "%s: %s", what, why);
}

static void use(struct reception *reception, size_t times)
{
	atomic_fetch_add_explicit(&reception->references, times, memory_order_relaxed);
}

static void leave(struct reception *reception)
{
	if (atomic_fetch_sub_explicit(&reception->references, 1, memory_order_acq_rel) == 1 &&
	    reception->unused)
		reception->unused(reception);
}

static struct reception *reception_of(struct conn_owner *owner)
{
	return CONTAINER_OF(owner, struct reception, owner);
}

static void on_gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct reception *reception = reception_of(owner);
	struct admission *admission = reception->admission;
	atomic_fetch_sub_explicit(&plait_loop_current()->load, 1, memory_order_relaxed);
	if (admission)
		admission->release(admission, peer);
	leave(reception);
}

/* How many handshakes are under way is bounded: from accept on, or from when TLS begins. */
static bool on_begin_handshake(struct conn_owner *owner)
{
	struct admission *admission = reception_of(owner)->admission;
	return admission->begin_handshake(admission);
}

static void on_end_handshake(struct conn_owner *owner)
{
	struct admission *admission = reception_of(owner)->admission;
	admission->end_handshake(admission);
}

static bool counts_from_accept(const struct reception *reception)
{
	return reception->admission && reception->listener->options.transport->handshake;
}

static void on_made(struct conn_owner *owner, struct plait_conn *conn)
{
	struct reception *reception = reception_of(owner);
	if (counts_from_accept(reception))
		on_end_handshake(owner);
	if (atomic_load_explicit(&reception->listener->draining, memory_order_relaxed))
		conn_drain(conn);
}

static void on_failed(struct conn_owner *owner, enum plait_reason reason, const char *text)
{
	(void)reason;
	(void)text;
	if (counts_from_accept(reception_of(owner)))
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
	struct reception *reception;
	struct plait_factory *factory;
	struct proxy_told
		*told; /* by a PROXY header; NULL: there was none. The connection's, once there is one */
};

static void make_conn(struct plait_loop *loop, const struct guest *guest)
{
	struct reception *reception = guest->reception;
	struct plait_conn *conn = conn_new(loop, guest->factory, reception->listener->options.transport,
					   guest->fd, reception->transport_context, &guest->peer,
					   &reception->owner);
	if (conn) {
		if (conn_set_told(conn, guest->told))
			conn_start(conn);
		return;
	}
	free(guest->told);
	say(reception, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
	on_failed(&reception->owner, PLAIT_REASON_INTERNAL, NULL);
	on_gone(&reception->owner, &guest->peer);
}

/* A guest on its way to another loop. */
struct hand_over {
	struct post post;
	struct plait_loop *loop;
	struct guest guest;
};

static void take_over(struct post *post)
{
	struct hand_over *hand_over = CONTAINER_OF(post, struct hand_over, post);
	make_conn(hand_over->loop, &hand_over->guest);
	block_give(hand_over);
}

static void place(struct acceptor *acceptor, const struct guest *guest)
{
	const struct stream_listener_options *options = &acceptor->listener->options;
	struct plait_loop *loop = acceptor->loop;
	if (!options->keep_on_loop)
		loop = workers_least_loaded(options->workers, loop);
	atomic_fetch_add_explicit(&loop->load, 1, memory_order_relaxed);
	use(guest->reception, 1);
	if (loop == acceptor->loop) {
		make_conn(loop, guest);
		return;
	}
	struct hand_over *hand_over = alloc_block(sizeof(*hand_over), "a connection's way to another loop");
	*hand_over = (struct hand_over){ .loop = loop, .guest = *guest };
	post_send(&loop->posts, &hand_over->post, take_over);
}

/* PLAIT_REASON_NONE: the peer is let in. */
static enum plait_reason ask(struct reception *reception, const struct plait_addr *peer, bool *overflow)
{
	struct admission *admission = reception->admission;
	if (!admission)
		return PLAIT_REASON_NONE;
	enum plait_reason refused = admission->admit(admission, peer, overflow);
	if (refused != PLAIT_REASON_NONE || !counts_from_accept(reception) ||
	    on_begin_handshake(&reception->owner))
		return refused;
	admission->release(admission, peer);
	return PLAIT_REASON_LIMIT_HANDSHAKES;
}

static void refuse(const struct acceptor *acceptor, const struct guest *guest, enum plait_reason reason,
		   const char *why)
{
	counter_add(&acceptor->loop->net->counters.closed[reason], 1);
	if (reason == PLAIT_REASON_LIMIT_HANDSHAKES)
		counter_add(&acceptor->loop->net->counters.handshakes_failed[HANDSHAKE_TOO_MANY], 1);
	say(guest->reception, PLAIT_LOG_WARNING, &guest->peer, plait_reason_name(reason), why);
	transport_socket_reset(guest->fd);
	free(guest->told);
}

/* The guest's peer is who is to be judged. */
static void admit(struct acceptor *acceptor, struct guest *guest)
{
	struct reception *reception = guest->reception;
	bool overflow = false;
	enum plait_reason refused = ask(reception, &guest->peer, &overflow);
	guest->factory = overflow ? reception->overflow : reception->factory;
	if (refused == PLAIT_REASON_NONE)
		place(acceptor, guest);
	else
		refuse(acceptor, guest, refused, plait_reason_text(refused));
}

static void on_preamble(struct preamble *preamble, int fd, struct proxy_told *told)
{
	struct reception *reception = preamble->options.reception;
	struct guest guest = { .fd = fd, .reception = reception, .told = told };
	guest.peer = told && told->shown.addressed ? told->source : preamble->options.peer;
	if (reception->admission)
		on_end_handshake(&reception->owner);
	if (fd >= 0)
		admit(preamble->options.arg, &guest);
	leave(reception);
}

/* Before its header has come nobody knows whom a connection is for, so only how many wait for theirs is bounded. */
static void await_header(struct acceptor *acceptor, const struct guest *guest, bool required)
{
	struct reception *reception = guest->reception;
	struct preamble_options options = {
		.loop = acceptor->loop,
		.peer = guest->peer,
		.factory = reception->factory,
		.required = required,
		.fn = on_preamble,
		.arg = acceptor,
		.reception = reception,
		.list = &acceptor->preambles,
	};
	if (acceptor->loop->net->draining) {
		refuse(acceptor, guest, PLAIT_REASON_DRAIN, plait_reason_text(PLAIT_REASON_DRAIN));
		return;
	}
	if (reception->admission && !on_begin_handshake(&reception->owner)) {
		refuse(acceptor, guest, PLAIT_REASON_LIMIT_HANDSHAKES,
		       "as many PROXY headers and handshakes are awaited as allowed");
		return;
	}
	use(reception, 1);
	if (preamble_start(&options, guest->fd))
		return;
	say(reception, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
	if (reception->admission)
		on_end_handshake(&reception->owner);
	leave(reception);
}

static void receive(struct acceptor *acceptor, int fd, const struct sockaddr_storage *sa, socklen_t len)
{
	struct guest guest = { .fd = fd, .reception = acceptor->reception };
	addr_from_sockaddr((const struct sockaddr *)sa, len, &guest.peer);
	if (guest.peer.family == PLAIT_FAMILY_UNIX)
		socket_peer_process(fd, &guest.peer);
	switch (proxy_rule(guest.reception->proxy, &guest.peer)) {
	case PROXY_MAY_BEGIN: await_header(acceptor, &guest, false); break;
	case PROXY_MUST_BEGIN: await_header(acceptor, &guest, true); break;
	case PROXY_REFUSE:
		refuse(acceptor, &guest, PLAIT_REASON_PROXY_HEADER,
		       "its address is not among proxy_protocol.trusted");
		break;
	case PROXY_SERVE:
	default: admit(acceptor, &guest);
	}
}

/* The backlog keeps who comes; a busy loop would only burn the processor. */
static void pause_accepting(struct acceptor *acceptor)
{
	if (acceptor->retry_ms == 0)
		say(acceptor->reception, PLAIT_LOG_ERROR, NULL, "accepting pauses", strerror(errno));
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
	say(acceptor->reception, PLAIT_LOG_INFO, NULL, "accepting goes on", "descriptors are free again");
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
		receive(acceptor, fd, &sa, len);
	}
}

static void prepare(struct reception *reception, struct stream_listener *listener)
{
	reception->listener = listener;
	reception->owner = (struct conn_owner){
		.gone = on_gone,
		.made = on_made,
		.failed = on_failed,
		.handshake_failed = on_handshake_failed,
	};
	if (reception->admission && !counts_from_accept(reception)) {
		reception->owner.begin_handshake = on_begin_handshake;
		reception->owner.end_handshake = on_end_handshake;
	}
	atomic_init(&reception->references, 0);
}

struct stream_listener *stream_listener_new(const struct stream_listener_options *options,
					    struct reception *reception)
{
	struct stream_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	listener->options = *options;
	listener->reception = reception;
	prepare(reception, listener);
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
	acceptor->reception = listener->reception;
	use(acceptor->reception, 1);
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
	loop_stop_timer(acceptor->loop, &acceptor->retry);
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
		leave(reception);
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
	leave(before);
}

void stream_listener_receive(struct stream_listener *listener, struct reception *reception)
{
	prepare(reception, listener);
	listener->reception = reception;
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next)
		use(reception, 1);
	for (struct acceptor *acceptor = listener->acceptors; acceptor; acceptor = acceptor->next) {
		struct change *one = alloc_block(sizeof(*one), "a change of a listener");
		*one = (struct change){ .acceptor = acceptor, .reception = reception };
		plait_post(acceptor->loop, change, one);
	}
}

static bool came_by(const struct plait_conn *conn, const struct stream_listener *listener)
{
	return conn->owner && conn->owner->gone == on_gone && reception_of(conn->owner)->listener == listener;
}

/* So many that came by it; fn says how many of them count. */
static size_t each(struct stream_listener *listener, struct plait_loop *loop,
		   size_t (*fn)(struct plait_conn *conn))
{
	size_t count = 0;
	for (struct plait_conn *conn = loop->net->conns, *next; conn; conn = next) {
		next = conn->next;
		if (came_by(conn, listener))
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
		if (acceptor->loop == loop)
			count += preamble_end_all(&acceptor->preambles);
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
