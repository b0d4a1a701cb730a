/* From an accepted socket to a connection, or to its refusal. */
#include "core/net/reception.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"
#include "core/net/socket/socket.h"

void reception_say(const struct reception *reception, enum plait_log_level level,
		   const struct plait_addr *peer, const char *what, const char *why)
{
	struct log_subject subject = { .listener = reception->factory->name, .peer = peer };
	log_write(level, &subject, "%s: %s", what, why);
}

void reception_use(struct reception *reception, size_t times)
{
	atomic_fetch_add_explicit(&reception->references, times, memory_order_relaxed);
}

void reception_leave(struct reception *reception)
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
	reception_leave(reception);
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
	return reception->admission && reception->options->transport->handshake;
}

static void on_made(struct conn_owner *owner, struct plait_conn *conn)
{
	struct reception *reception = reception_of(owner);
	if (counts_from_accept(reception))
		on_end_handshake(owner);
	if (atomic_load_explicit(reception->draining, memory_order_relaxed))
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
	struct plait_conn *conn = conn_new(loop, guest->factory, reception->options->transport, guest->fd,
					   reception->transport_context, &guest->peer, &reception->owner);
	if (conn) {
		if (conn_set_told(conn, guest->told))
			conn_start(conn);
		return;
	}
	free(guest->told);
	reception_say(reception, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
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

static void place(struct doorstep *doorstep, const struct guest *guest)
{
	const struct stream_listener_options *options = guest->reception->options;
	struct plait_loop *loop = doorstep->loop;
	if (!options->keep_on_loop)
		loop = workers_least_loaded(options->workers, loop);
	atomic_fetch_add_explicit(&loop->load, 1, memory_order_relaxed);
	reception_use(guest->reception, 1);
	if (loop == doorstep->loop) {
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

static void refuse(const struct doorstep *doorstep, const struct guest *guest, enum plait_reason reason,
		   const char *why)
{
	counter_add(&doorstep->loop->net->counters.closed[reason], 1);
	if (reason == PLAIT_REASON_LIMIT_HANDSHAKES)
		counter_add(&doorstep->loop->net->counters.handshakes_failed[HANDSHAKE_TOO_MANY], 1);
	reception_say(guest->reception, PLAIT_LOG_WARNING, &guest->peer, plait_reason_name(reason), why);
	transport_socket_reset(guest->fd);
	free(guest->told);
}

/* The guest's peer is who is to be judged. */
static void admit(struct doorstep *doorstep, struct guest *guest)
{
	struct reception *reception = guest->reception;
	bool overflow = false;
	enum plait_reason refused = ask(reception, &guest->peer, &overflow);
	guest->factory = overflow ? reception->overflow : reception->factory;
	if (refused == PLAIT_REASON_NONE)
		place(doorstep, guest);
	else
		refuse(doorstep, guest, refused, plait_reason_text(refused));
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
	reception_leave(reception);
}

/* Before its header has come nobody knows whom a connection is for, so only how many wait for theirs is bounded. */
static void await_header(struct doorstep *doorstep, const struct guest *guest, bool required)
{
	struct reception *reception = guest->reception;
	struct preamble_options options = {
		.loop = doorstep->loop,
		.peer = guest->peer,
		.factory = reception->factory,
		.required = required,
		.fn = on_preamble,
		.arg = doorstep,
		.reception = reception,
		.list = &doorstep->preambles,
	};
	if (doorstep->loop->net->draining) {
		refuse(doorstep, guest, PLAIT_REASON_DRAIN, plait_reason_text(PLAIT_REASON_DRAIN));
		return;
	}
	if (reception->admission && !on_begin_handshake(&reception->owner)) {
		refuse(doorstep, guest, PLAIT_REASON_LIMIT_HANDSHAKES,
		       "as many PROXY headers and handshakes are awaited as allowed");
		return;
	}
	reception_use(reception, 1);
	if (preamble_start(&options, guest->fd))
		return;
	reception_say(reception, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
	if (reception->admission)
		on_end_handshake(&reception->owner);
	reception_leave(reception);
}

void reception_receive(struct reception *reception, struct doorstep *doorstep, int fd,
		       const struct sockaddr_storage *sa, socklen_t len)
{
	struct guest guest = { .fd = fd, .reception = reception };
	addr_from_sockaddr((const struct sockaddr *)sa, len, &guest.peer);
	if (guest.peer.family == PLAIT_FAMILY_UNIX)
		socket_peer_process(fd, &guest.peer);
	switch (proxy_rule(guest.reception->proxy, &guest.peer)) {
	case PROXY_MAY_BEGIN: await_header(doorstep, &guest, false); break;
	case PROXY_MUST_BEGIN: await_header(doorstep, &guest, true); break;
	case PROXY_REFUSE:
		refuse(doorstep, &guest, PLAIT_REASON_PROXY_HEADER,
		       "its address is not among proxy_protocol.trusted");
		break;
	case PROXY_SERVE:
	default: admit(doorstep, &guest);
	}
}

void reception_init(struct reception *reception, const struct stream_listener_options *options,
		    const atomic_bool *draining, const void *listener)
{
	reception->options = options;
	reception->draining = draining;
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

bool reception_has(const struct plait_conn *conn)
{
	return conn->owner && conn->owner->gone == on_gone;
}

bool reception_is_of(const struct plait_conn *conn, const void *listener)
{
	return reception_has(conn) && reception_of(conn->owner)->listener == listener;
}
