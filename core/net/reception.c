/* From an accepted socket to a connection, or to its refusal. */
#include "core/net/reception.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/proxy/preamble.h"
#include "core/net/reason.h"
#include "core/net/socket/socket.h"

/* For a handshake's place, whose end wakes who waits. */
#define ASK_AGAIN_MS 1000

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

/* Somebody has left, or ended a handshake. */
static void wake_who_waits(struct reception *reception)
{
	struct reception_host *host = reception->host;
	if (atomic_load(&host->waiting) > 0)
		host->room(host, reception);
}

static void on_gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct reception *reception = reception_of(owner);
	struct admission *admission = reception->admission;
	atomic_fetch_sub_explicit(&plait_loop_current()->load, 1, memory_order_relaxed);
	if (admission)
		admission->release(admission, peer);
	wake_who_waits(reception);
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
	struct reception *reception = reception_of(owner);
	reception->admission->end_handshake(reception->admission);
	wake_who_waits(reception);
}

static void on_made(struct conn_owner *owner, struct plait_conn *conn)
{
	struct reception *reception = reception_of(owner);
	if (reception->counts_from_accept)
		on_end_handshake(owner);
	if (atomic_load_explicit(&reception->host->draining, memory_order_relaxed))
		conn_drain(conn);
}

static void on_failed(struct conn_owner *owner, enum plait_reason reason, const char *text)
{
	(void)reason;
	(void)text;
	if (reception_of(owner)->counts_from_accept)
		on_end_handshake(owner);
}

static void on_handshake_failed(struct conn_owner *owner, const struct plait_conn *conn,
				enum handshake_failure failure, const char *text)
{
	(void)owner;
	handshake_failed(conn->loop->net, conn->factory->name, &conn->peer, failure, text);
}

/* A socket that was accepted. */
struct guest {
	int fd;
	bool seated; /* it has a place among the handshakes */
	struct plait_addr peer;
	struct reception *reception;
	struct plait_factory *factory;
	struct proxy_told *told; /* by a PROXY header; NULL: none. The connection's, once there is one */
};

static void make_conn(struct plait_loop *loop, const struct guest *guest)
{
	struct reception *reception = guest->reception;
	struct plait_conn *conn = conn_new(loop, guest->factory, reception->host->options.transport,
					   guest->fd, reception->transport_context, &guest->peer,
					   &reception->owner);
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
	const struct stream_listener_options *options = &guest->reception->host->options;
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

/* ---- places ---- */

static bool reserves(const struct reception *reception)
{
	return reception->admission && reception->admission->reserve;
}

uint64_t reception_reserve(struct reception *reception)
{
	struct admission *admission = reception->admission;
	if (!reserves(reception))
		return 0;
	uint64_t wait_ms = admission->reserve(admission);
	if (wait_ms > 0 || !reception->seats_from_accept || admission->begin_handshake(admission))
		return wait_ms;
	admission->cancel(admission);
	return ASK_AGAIN_MS;
}

void reception_cancel(struct reception *reception)
{
	struct admission *admission = reception->admission;
	int code = errno;
	if (!reserves(reception))
		return;
	if (reception->seats_from_accept)
		admission->end_handshake(admission);
	admission->cancel(admission);
	wake_who_waits(reception);
	errno = code;
}

static void leave_seat(struct guest *guest)
{
	if (guest->seated)
		on_end_handshake(&guest->reception->owner);
	guest->seated = false;
}

static bool take_seat(struct guest *guest)
{
	if (!guest->seated && guest->reception->admission)
		guest->seated = on_begin_handshake(&guest->reception->owner);
	return guest->seated || !guest->reception->admission;
}

/* What is theirs before they are admitted. */
static void give_back(struct guest *guest)
{
	leave_seat(guest);
	if (!reserves(guest->reception))
		return;
	guest->reception->admission->cancel(guest->reception->admission);
	wake_who_waits(guest->reception);
}

/* PLAIT_REASON_NONE: the peer is let in; else nothing is theirs any more. */
static enum plait_reason ask(struct guest *guest, bool *overflow)
{
	struct reception *reception = guest->reception;
	struct admission *admission = reception->admission;
	if (!admission)
		return PLAIT_REASON_NONE;
	enum plait_reason refused = admission->admit(admission, &guest->peer, overflow);
	if (refused != PLAIT_REASON_NONE || !reception->counts_from_accept)
		leave_seat(guest);
	if (refused != PLAIT_REASON_NONE)
		wake_who_waits(reception);
	if (refused != PLAIT_REASON_NONE || !reception->counts_from_accept)
		return refused;
	if (take_seat(guest))
		return PLAIT_REASON_NONE;
	admission->release(admission, &guest->peer);
	return PLAIT_REASON_LIMIT_HANDSHAKES;
}

/* ---- refusals ---- */

/* What the peer has sent by now is read: closing with it unread would destroy what it is sent. */
static void say_farewell(int fd, const char *text)
{
	char unread[4096];
	(void)!send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < 16 && recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0; i++)
		;
	famine_close(fd);
}

static void refuse(const struct doorstep *doorstep, const struct guest *guest, enum plait_reason reason,
		   const char *why)
{
	const struct admission *admission = guest->reception->admission;
	counter_add(&doorstep->loop->net->counters.closed[reason], 1);
	if (reason == PLAIT_REASON_LIMIT_HANDSHAKES)
		counter_add(&doorstep->loop->net->counters.handshakes_failed[HANDSHAKE_TOO_MANY], 1);
	reception_say(guest->reception, PLAIT_LOG_WARNING, &guest->peer, plait_reason_name(reason), why);
	free(guest->told);
	if (admission && admission->farewell && reason_is_limit(reason))
		say_farewell(guest->fd, admission->farewell);
	else
		transport_socket_reset(guest->fd);
}

/* ---- the way in ---- */

/* The guest's peer is who is to be judged. */
static void admit(struct doorstep *doorstep, struct guest *guest)
{
	struct reception *reception = guest->reception;
	bool overflow = false;
	enum plait_reason refused = ask(guest, &overflow);
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
	guest.seated = reception->admission;
	guest.peer = told && told->shown.addressed ? told->source : preamble->options.peer;
	if (fd >= 0)
		admit(preamble->options.arg, &guest);
	else
		give_back(&guest);
	reception_leave(reception);
}

/* Before its header has come nobody knows whom a connection is for, so only how many wait for theirs is bounded. */
static void await_header(struct doorstep *doorstep, struct guest *guest, bool required)
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
		give_back(guest);
		refuse(doorstep, guest, PLAIT_REASON_DRAIN, plait_reason_text(PLAIT_REASON_DRAIN));
		return;
	}
	if (!take_seat(guest)) {
		give_back(guest);
		refuse(doorstep, guest, PLAIT_REASON_LIMIT_HANDSHAKES,
		       "as many PROXY headers and handshakes are awaited as allowed");
		return;
	}
	reception_use(reception, 1);
	if (preamble_start(&options, guest->fd))
		return;
	reception_say(reception, PLAIT_LOG_ERROR, &guest->peer, "connection refused", "no memory");
	give_back(guest);
	reception_leave(reception);
}

void reception_receive(struct reception *reception, struct doorstep *doorstep, int fd,
		       const struct sockaddr_storage *sa, socklen_t len)
{
	struct guest guest = { .fd = fd, .reception = reception };
	guest.seated = reserves(reception) && reception->seats_from_accept;
	addr_from_sockaddr((const struct sockaddr *)sa, len, &guest.peer);
	if (guest.peer.family == PLAIT_FAMILY_UNIX)
		socket_peer_process(fd, &guest.peer);
	switch (proxy_rule(guest.reception->proxy, &guest.peer)) {
	case PROXY_MAY_BEGIN: await_header(doorstep, &guest, false); break;
	case PROXY_MUST_BEGIN: await_header(doorstep, &guest, true); break;
	case PROXY_REFUSE:
		give_back(&guest);
		refuse(doorstep, &guest, PLAIT_REASON_PROXY_HEADER,
		       "its address is not among proxy_protocol.trusted");
		break;
	case PROXY_SERVE:
	default: admit(doorstep, &guest);
	}
}

void reception_init(struct reception *reception, struct reception_host *host)
{
	reception->host = host;
	reception->counts_from_accept = reception->admission && host->options.transport->handshake;
	reception->seats_from_accept = reception->counts_from_accept ||
				       (reception->admission && reception->proxy);
	reception->owner = (struct conn_owner){
		.gone = on_gone,
		.made = on_made,
		.failed = on_failed,
		.handshake_failed = on_handshake_failed,
	};
	if (reception->admission && !reception->counts_from_accept) {
		reception->owner.begin_handshake = on_begin_handshake;
		reception->owner.end_handshake = on_end_handshake;
	}
	atomic_init(&reception->references, 0);
}

bool reception_has(const struct plait_conn *conn)
{
	return conn->owner && conn->owner->gone == on_gone;
}

bool reception_is_of(const struct plait_conn *conn, const struct reception_host *host)
{
	return reception_has(conn) && reception_of(conn->owner)->host == host;
}
