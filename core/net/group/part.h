/* The members of a group on one loop; nobody but that loop touches them. */
#ifndef NET_GROUP_PART_H
#define NET_GROUP_PART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <plait/group.h>

#include "core/base/compiler.h"
#include "core/base/queue.h"
#include "core/loop/loop.h"

/* A member's place: what a walk needs, in one row. */
struct slot {
	struct plait_conn *conn; /* NULL: it left during a walk */
	struct membership *membership;
};

struct membership {
	struct group_part *part; /* with one reference to the group */
	struct plait_conn *conn;
	struct membership *next; /* of the connection */
	size_t index;            /* in the part */
};

/* Who writes something of its own between messages likely does so again: sharing would only be a copy more. */
#define GROUP_ALONE 8

/* Members who have nothing else to send, most of a room, share: what is said to all of them in a turn is kept once, and
 * sent to each from there at the turn's end. Whoever writes something of its own, is left out of a message, closes or
 * leaves gets a copy of what it is owed, and stops sharing. */
struct group_part {
	struct plait_group *group;
	struct plait_loop *loop;
	struct slot *slots; /* first those who share */
	size_t count, capacity;
	size_t sharing;
	struct queue shared; /* what they are owed */
	size_t shared_most;  /* the lowest high mark among them: nobody is blocked by less */
	struct task task;    /* sends it; queued, it has a reference to the group */
	unsigned walks;      /* on the stack now: no slot moves but from sharing to not */
	bool holes;          /* behind those who share: closed up after the walk */
	unsigned leavers;    /* references to the group that are given back after the walk */
	/* Members. Read by all loops for every message. */
	_Alignas(CACHE_LINE) atomic_size_t alive;
};

/* What a member gets: the message itself, and only if it is slow a call; or a call in any case. */
struct group_delivery {
	plait_group_deliver_fn *fn;
	bool offered;
};

/* All on the part's loop. NULL when there is no memory. */
struct group_part *part_new(struct plait_group *group, struct plait_loop *loop);
void part_free(struct group_part *part); /* NULL is allowed */

/* 0, or -1 when there is no memory. The reference to the group is the caller's to take. */
int part_add(struct group_part *part, struct plait_conn *conn);

/* The membership is the caller's to free, who gives up its reference to the group. */
void part_remove(struct membership *membership);

/* Delivers to each member but except (NULL: to every one). */
void part_walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
	       struct group_delivery delivery);

#endif
