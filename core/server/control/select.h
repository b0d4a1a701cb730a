/* Choosing among a loop's connections: by listener, peer, state and number; and the most of something. */
#ifndef SERVER_CONTROL_SELECT_H
#define SERVER_CONTROL_SELECT_H

#include "core/base/network.h"
#include "core/net/conn/conn.h"

/* An answer lists no more connections. */
#define SELECT_MOST 1000

#define SELECT_ANY_STATE (-1)

struct select {
	int64_t id;                  /* 0: any */
	const char *listener, *peer; /* NULL: any */
	int state;                   /* enum conn_state, or any */
};

enum select_order { SELECT_BY_AGE, SELECT_BY_IDLE, SELECT_BY_BYTES, SELECT_BY_QUEUED, SELECT_ORDERS };

/* What loops are asked; it points to nothing. */
struct selector {
	uint64_t id;
	char listener[65]; /* empty: any */
	bool any_peer;     /* else who is in this: */
	struct network network;
	int state;
	enum select_order order;
	size_t limit;
};

/* False: the peer is no address and no network. */
bool selector_init(struct selector *selector, const struct select *select);

/* Whether it is meant: connections that came by a listener are, if they are not gone already. On its loop. */
bool selector_takes(const struct selector *selector, const struct plait_conn *conn);

/* Of what it is sorted by. */
uint64_t selector_key(const struct selector *selector, struct plait_conn *conn);

/* The connections of a loop with the largest keys, at most limit of them, in no order. found has room for limit. Returns how
 * many; *matched is how many there are in all. */
size_t selector_find(const struct selector *selector, struct plait_loop *loop, struct plait_conn **found,
		     uint64_t *matched);

#endif
