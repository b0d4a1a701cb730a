/* What the network layer keeps for each loop: its connections, its counters, and whether it is draining. */
#ifndef NET_NET_H
#define NET_NET_H

#include <plait/reason.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/loop/loop.h"
#include "core/net/handshake.h"

struct attempt_ops;
struct plait_conn;
struct plait_port;
struct datagram_batch;
struct broadcasts;
struct group_mail;
struct resolver_ops;
struct tls_warm;

/* Written by the loop, read by anyone. */
struct net_counters {
	atomic_ullong opened;
	atomic_ullong closed[PLAIT_REASON_COUNT_];
	atomic_ullong handshakes_failed[HANDSHAKE_FAILURE_COUNT]; /* of listeners' peers */
	atomic_ullong bytes_in, bytes_out;
	atomic_ullong datagrams_in, datagrams_out, datagrams_dropped, datagrams_refused;
};

static inline void counter_add(atomic_ullong *counter, unsigned long long amount)
{
	/* One writer: a plain add, published without a locked instruction. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + amount,
			      memory_order_relaxed);
}

/* What is under way on a loop, and neither a connection nor a listener: it is told to stop, once, when the loop drains
 * or has ended. */
struct net_pending {
	void (*stop)(struct net_pending *pending);
	struct net_pending *next, **at; /* at NULL: not in the list */
};

struct net {
	struct plait_loop *loop;
	struct plait_conn *conns; /* doubly linked */
	size_t conn_count;
	uint64_t made;              /* connections, ever */
	struct plait_conn *current; /* whose callback runs */
	const uint8_t *arriving;    /* what lies behind the bytes that are being delivered */
	size_t arriving_len;
	struct plait_conn *delivering; /* to whom; apart from current, or both are stored as a vector */
	bool draining;
	plait_call_fn *on_empty; /* called once, draining, when the last connection has gone, and the ports */
	void *on_empty_arg;
	struct net_pending *pending;
	const struct resolver_ops *resolver; /* how names become addresses */
	const struct attempt_ops *attempts;  /* and how these are connected to */
	struct datagram_batch *datagrams;    /* made by the first datagram port */
	struct plait_port *ports;            /* of plait_port_open; doubly linked */
	struct broadcasts *broadcasts;       /* made by the first datagram that may be one */
	struct group_mail *mail;             /* made by the first message to another loop */
	struct tls_warm *tls_warm;           /* made by the first TLS connection */
	struct net_counters counters;
};

/* Gives the loop its network part; net_free takes it away (there must be no connection left). Before the loop's
 * thread starts, and after it was joined. Aborts when there is no memory. */
struct net *net_new(struct plait_loop *loop);
void net_free(struct plait_loop *loop);

/* On the loop: stops what is pending, then closes every connection in order, now or when it is made; then its own
 * ports. on_empty is called when none is left. */
void net_drain(struct net *net, plait_call_fn *on_empty, void *arg);

/* On the loop: stops and aborts what is left; reason drain. Returns how many still owed their peer bytes or an answer. */
size_t net_abort_all(struct net *net);

/* Of one that is told to stop, or removed, only remove is allowed. */
void net_add_pending(struct net *net, struct net_pending *pending);
void net_remove_pending(struct net_pending *pending); /* also when it is not there */

/* For port_open.c: a port has gone. */
void net_tell_empty(struct net *net);

/* For conn.c. */
void net_add(struct net *net, struct plait_conn *conn);
void net_remove(struct net *net, struct plait_conn *conn);

#endif
