/* The loop's share of the network layer. */
#include "core/net/net.h"

#include <assert.h>
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/net/client/attempt.h"
#include "core/net/conn/conn.h"
#include "core/net/datagram/broadcast.h"
#include "core/net/datagram/port.h"
#include "core/net/group/mail.h"
#include "core/net/socket/resolver.h"
#include "core/net/tls/warm.h"

struct net *net_new(struct plait_loop *loop)
{
	struct net *net = alloc_zeroed(sizeof(*net), "a loop's network part");
	net->loop = loop;
	net->resolver = &resolver_threads;
	net->attempts = &attempt_sockets;
	loop->net = net;
	return net;
}

void net_free(struct plait_loop *loop)
{
	struct net *net = loop->net;
	if (!net)
		return;
	do
		port_close_all(net);
	while (net->ports && loop_settle(loop));
	loop->net = NULL;
	assert(net->conn_count == 0);
	broadcasts_free(&net->broadcasts);
	datagram_batch_free(&net->datagrams);
	group_mail_free(&net->mail);
	tls_warm_free(&net->tls_warm);
	free(net);
}

void net_add(struct net *net, struct plait_conn *conn)
{
	conn->previous = NULL;
	conn->next = net->conns;
	if (conn->next)
		conn->next->previous = conn;
	net->conns = conn;
	net->conn_count++;
	counter_add(&net->counters.opened, 1);
}

void net_tell_empty(struct net *net)
{
	if (!net->draining || net->conn_count > 0)
		return;
	port_close_all(net); /* no connection needs them any more */
	if (!net->ports && net->on_empty) {
		plait_call_fn *on_empty = net->on_empty;
		net->on_empty = NULL;
		on_empty(net->on_empty_arg);
	}
}

void net_remove(struct net *net, struct plait_conn *conn)
{
	if (conn->next)
		conn->next->previous = conn->previous;
	if (conn->previous)
		conn->previous->next = conn->next;
	else
		net->conns = conn->next;
	net->conn_count--;
	net_tell_empty(net);
}

void net_add_pending(struct net *net, struct net_pending *pending)
{
	pending->next = net->pending;
	pending->at = &net->pending;
	if (pending->next)
		pending->next->at = &pending->next;
	net->pending = pending;
}

void net_remove_pending(struct net_pending *pending)
{
	if (!pending->at)
		return;
	*pending->at = pending->next;
	if (pending->next)
		pending->next->at = pending->at;
	pending->at = NULL;
}

static void stop_pending(struct net *net)
{
	net->draining = true;
	while (net->pending) {
		struct net_pending *pending = net->pending;
		net_remove_pending(pending);
		pending->stop(pending);
	}
}

void net_drain(struct net *net, plait_call_fn *on_empty, void *arg)
{
	stop_pending(net);
	net->on_empty = on_empty;
	net->on_empty_arg = arg;
	for (struct plait_conn *conn = net->conns, *next; conn; conn = next) {
		next = conn->next;
		conn_drain(conn);
	}
	net_tell_empty(net);
}

size_t net_abort_all(struct net *net)
{
	size_t owing = 0;
	stop_pending(net);
	if (net->conn_count == 0) /* what connections still hold is closed when they are lost */
		port_close_all(net);
	for (struct plait_conn *conn = net->conns, *next; conn; conn = next) {
		next = conn->next;
		owing += conn_abort_drain(conn);
	}
	return owing;
}
