/* A group: a set of connections across all loops and listeners that can be spoken to at once. */
#ifndef PLAIT_GROUP_H
#define PLAIT_GROUP_H

#include <stddef.h>

#include <plait/chunk.h>
#include <plait/conn.h>

struct plait_group;

/* The group of that name, made if there is none; one reference is the caller's. Use "protocol/name" to keep
 * clear of other plugins. NULL when there is no memory. Any thread. */
PLAIT_EXPORT struct plait_group *plait_group_open(const char *name);

/* Gives the reference back and leaves *group NULL. A group goes with its last reference and member. Any thread. */
PLAIT_EXPORT void plait_group_close(struct plait_group **group);

/* A connection leaves its groups by itself when it ends or closes. It is in a group once at most: adding again
 * changes nothing. add returns 0, PLAIT_ERROR_CLOSING when the connection has ended or is closing, or
 * PLAIT_ERROR_MEMORY. On the connection's loop. */
PLAIT_EXPORT int plait_group_add(struct plait_group *group, struct plait_conn *conn);
PLAIT_EXPORT void plait_group_remove(struct plait_group *group, struct plait_conn *conn);

/* Members now. Any thread; a snapshot. */
PLAIT_EXPORT size_t plait_group_count(const struct plait_group *group);

/* Writes chunk to every member but `except`, a connection of this loop that is not lost yet (NULL: to every one);
 * messages of one sender arrive in the order they were sent. Members on this loop are written to before it returns,
 * others soon after. When other loops fall behind, the connection in whose callback this is called is paused until
 * they have caught up. On a loop's thread. */
PLAIT_EXPORT void plait_group_send(struct plait_group *group, struct plait_chunk *chunk,
				   const struct plait_conn *except);

/* The same walk, but calls deliver(member, chunk) on each member's loop instead of writing to it. */
typedef void plait_group_deliver_fn(struct plait_conn *member, struct plait_chunk *chunk);
PLAIT_EXPORT void plait_group_each(struct plait_group *group, struct plait_chunk *chunk,
				   const struct plait_conn *except, plait_group_deliver_fn *deliver);

/* Writes to those members that keep up; one that is blocked (plait_conn_blocked), or would end by the write because it
 * has no room for it, gets slow(member, chunk) on its loop instead, to keep the message for later or to drop it. */
PLAIT_EXPORT void plait_group_offer(struct plait_group *group, struct plait_chunk *chunk,
				    const struct plait_conn *except, plait_group_deliver_fn *slow);

#endif
