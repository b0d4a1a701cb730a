/* The stages of a connection that we open, and its one deadline. */
#include "core/net/client/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/text.h"
#include "core/base/units.h"
#include "core/net/conn/conn.h"
#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/socket/resolver.h"

struct link {
	struct client *client;
	struct link_user *user; /* NULL: nobody listens */
	struct net_pending pending;
	struct task task;   /* begins */
	struct timer timer; /* the deadline, until it is made */
	struct resolve resolve;
	bool resolving, told;
	struct race *race;
	struct plait_conn *conn;
	struct conn_owner owner;
	char *trouble; /* why a handshake failed */
	int trouble_code;
};

/* What a program is told when a connection ends before it was made. */
static const int codes[PLAIT_REASON_COUNT_] = {
	[PLAIT_REASON_REFUSED] = PLAIT_ERROR_REFUSED,
	[PLAIT_REASON_TIMEOUT_HANDSHAKE] = PLAIT_ERROR_TIMEOUT,
	[PLAIT_REASON_TLS_CERTIFICATE] = PLAIT_ERROR_REFUSED,
	[PLAIT_REASON_DRAIN] = PLAIT_ERROR_CLOSING,
};

/* Ends what is under way, but not the connection. */
static void halt(struct link *link)
{
	net_remove_pending(&link->pending);
	loop_stop_timer(link->client->loop, &link->timer);
	if (link->resolving)
		resolve_cancel(&link->resolve);
	link->resolving = false;
	race_free(&link->race);
}

static void on_end(struct task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, task);
	client_unref(&link->client);
	free(link->trouble);
	free(link);
}

/* The task may be queued to begin: then it ends instead. */
static void end(struct link *link)
{
	halt(link);
	link->task.fn = on_end;
	loop_defer(link->client->loop, &link->task);
}

static void fail(struct link *link, struct plait_failure *failure)
{
	struct link_user *user = link->user;
	end(link);
	user->failed(user, failure);
}

static struct plait_failure *failure_of(const struct link *link, int code, const char *what)
{
	return plait_failure(code, "cannot connect to %s: %s", link->client->text, what);
}

/* ---- the connection ---- */

static void on_made(struct conn_owner *owner, struct plait_conn *conn)
{
	(void)conn;
	struct link *link = CONTAINER_OF(owner, struct link, owner);
	halt(link);
	link->told = true;
	if (link->user)
		link->user->made(link->user, link->conn);
}

static void on_failed(struct conn_owner *owner, enum plait_reason reason, const char *text)
{
	struct link *link = CONTAINER_OF(owner, struct link, owner);
	halt(link); /* it is gone only at the end of the turn */
	const char *why = plait_reason_text(reason);
	size_t size = strlen(why) + (text ? strlen(text) : 0) + sizeof(" ()");
	link->trouble = alloc_larger(link->trouble, size, "why a connection failed");
	snprintf(link->trouble, size, "%s%s%s%s", why, text ? " (" : "", text ? text : "", text ? ")" : "");
	link->trouble_code = codes[reason] ? codes[reason] : PLAIT_ERROR_SYSTEM;
}

static void on_gone(struct conn_owner *owner, const struct plait_addr *peer)
{
	struct link *link = CONTAINER_OF(owner, struct link, owner);
	struct link_user *user = link->user;
	char text[PLAIT_ADDR_TEXT], what[600];
	atomic_fetch_sub_explicit(&link->client->loop->load, 1, memory_order_relaxed);
	if (user && !link->told) {
		snprintf(what, sizeof(what), "%s: %s", plait_addr_format(peer, text, sizeof(text)),
			 link->trouble);
		fail(link, failure_of(link, link->trouble_code, what));
		return;
	}
	enum plait_reason reason = link->conn->reason;
	end(link);
	if (user)
		user->lost(user, reason);
}

/* The kernel takes it whole: the socket is empty, and has more room than the longest. */
static bool send_preamble(const struct client *client, int fd)
{
	ssize_t sent;
	do
		sent = send(fd, client->preamble, client->preamble_len, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0 && (size_t)sent < client->preamble_len)
		errno = ENOBUFS;
	return sent == (ssize_t)client->preamble_len;
}

static void make_conn(struct link *link, int fd, const struct sockaddr *to, socklen_t len)
{
	struct client *client = link->client;
	if (client->preamble && !send_preamble(client, fd)) {
		char what[200];
		snprintf(what, sizeof(what), "sending the PROXY header: %s", strerror(errno));
		famine_close(fd);
		fail(link, failure_of(link, PLAIT_ERROR_SYSTEM, what));
		return;
	}
	struct plait_addr peer;
	addr_from_sockaddr(to, len, &peer);
	if (peer.family == PLAIT_FAMILY_UNIX)
		socket_peer_process(fd, &peer);
	link->owner = (struct conn_owner){ .gone = on_gone, .made = on_made, .failed = on_failed };
	link->conn = conn_new(client->loop, client->factory, client->transport, fd, client->transport_context,
			      &peer, &link->owner);
	if (!link->conn) {
		fail(link, failure_of(link, PLAIT_ERROR_MEMORY, "no memory for a connection"));
		return;
	}
	atomic_fetch_add_explicit(&client->loop->load, 1, memory_order_relaxed);
	conn_start(link->conn);
}

/* ---- before it ---- */

static void on_race(void *arg, int fd, const struct sockaddr *to, socklen_t len)
{
	struct link *link = arg;
	char what[600];
	if (fd < 0) {
		fail(link,
		     failure_of(link, PLAIT_ERROR_SYSTEM, race_describe(link->race, what, sizeof(what))));
		return;
	}
	struct sockaddr_storage winner;
	memcpy(&winner, to, len);
	race_free(&link->race);
	make_conn(link, fd, (struct sockaddr *)&winner, len);
}

static void run_race(struct link *link, const struct socket_addresses *addresses)
{
	const struct client *client = link->client;
	link->race = race_start(client->loop, addresses, &client->race, on_race, link);
	if (!link->race)
		fail(link, failure_of(link, PLAIT_ERROR_MEMORY, "no memory for its addresses"));
}

static void on_resolved(struct resolve *resolve, const struct socket_addresses *found,
			struct plait_failure *failure)
{
	struct link *link = CONTAINER_OF(resolve, struct link, resolve);
	link->resolving = false;
	if (!failure) {
		run_race(link, found);
		return;
	}
	fail(link, failure_of(link, failure->code, failure->text));
	plait_failure_unref(&failure);
}

static void begin(struct link *link)
{
	struct client *client = link->client;
	const struct endpoint *to = &client->endpoint;
	struct socket_addresses found;
	if (to->scheme == ENDPOINT_UNIX) {
		socket_resolve(to, &found, NULL);
		run_race(link, &found);
	} else if (resolver_literal(to->host, to->port, &found)) {
		run_race(link, &found);
	} else {
		link->resolving = true;
		resolve_start(&link->resolve, client->loop, to->host, to->port, on_resolved);
	}
}

static void on_begin(struct task *task)
{
	struct link *link = CONTAINER_OF(task, struct link, task);
	if (link->client->loop->net && !link->client->loop->net->draining)
		begin(link);
	else
		fail(link, failure_of(link, PLAIT_ERROR_CLOSING, "the loop is stopping"));
}

/* What it has come to, for the end of a sentence. */
static struct plait_failure *unfinished(const struct link *link, int code, const char *why)
{
	char what[600] = "", addresses[500], peer[PLAIT_ADDR_TEXT];
	text_append(what, sizeof(what), "%s", why);
	if (link->conn)
		text_append(what, sizeof(what), "; %s: in its TLS handshake",
			    plait_addr_format(&link->conn->peer, peer, sizeof(peer)));
	else if (link->race)
		text_append(what, sizeof(what), "; %s",
			    race_describe(link->race, addresses, sizeof(addresses)));
	else
		text_append(what, sizeof(what), "; its addresses are not known yet");
	return failure_of(link, code, what);
}

/* A connection in its handshake goes with it. */
static void give_up(struct link *link, struct plait_failure *failure, enum plait_reason reason)
{
	struct link_user *user = link->user;
	if (!link->conn) {
		fail(link, failure);
		return;
	}
	link->user = NULL;
	conn_fail(link->conn, reason, failure->text);
	user->failed(user, failure);
}

static void on_deadline(struct timer *timer)
{
	struct link *link = CONTAINER_OF(timer, struct link, timer);
	char why[64], limit[32];
	snprintf(why, sizeof(why), "it took longer than %s",
		 units_format_duration(limit, sizeof(limit), link->client->options.timeout_ms));
	give_up(link, unfinished(link, PLAIT_ERROR_TIMEOUT, why), PLAIT_REASON_TIMEOUT_HANDSHAKE);
}

static void on_stop(struct net_pending *pending)
{
	struct link *link = CONTAINER_OF(pending, struct link, pending);
	give_up(link, unfinished(link, PLAIT_ERROR_CLOSING, "the loop is stopping"), PLAIT_REASON_DRAIN);
}

struct link *link_open(struct client *client, struct link_user *user)
{
	struct plait_loop *loop = client->loop;
	struct link *link = alloc_zeroed(sizeof(*link), "a connection that is to be opened");
	link->client = client_ref(client);
	link->user = user;
	link->pending.stop = on_stop;
	task_init(&link->task, on_begin);
	timer_init(&link->timer, on_deadline);
	if (loop->net && !loop->net->draining) {
		net_add_pending(loop->net, &link->pending);
		loop_start_timer(loop, &link->timer, loop_now(loop) + client->options.timeout_ms);
	}
	loop_defer(loop, &link->task);
	return link;
}

void link_drop(struct link **link_at)
{
	struct link *link = *link_at;
	*link_at = NULL;
	if (!link)
		return;
	link->user = NULL;
	if (!link->conn)
		end(link);
	else if (!link->told)
		conn_fail(link->conn, PLAIT_REASON_ABORTED, NULL);
}
