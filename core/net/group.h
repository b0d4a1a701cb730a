/* Groups from the inside: one array of members a loop, touched by that loop alone. */
#ifndef NET_GROUP_H
#define NET_GROUP_H

#include <stdbool.h>

#include <plait/group.h>

struct group_part;

/* Takes the connection out of all its groups. On its loop. */
void group_remove_all(struct plait_conn *conn);

/* Any thread; unref allows NULL. */
struct plait_group *group_ref(struct plait_group *group);
void group_unref(struct plait_group *group);

/* The members of a group on one loop; it lives as long as the group. Any thread. */
struct plait_group *group_of_part(const struct group_part *part);
struct plait_loop *group_loop_of_part(const struct group_part *part);

/* What a member gets: the message itself, and only if it is slow a call; or a call in any case. */
struct group_delivery {
	plait_group_deliver_fn *fn;
	bool offered;
};

/* Delivers to each member of the part but except (NULL: to every one). On the part's loop. */
void group_walk(struct group_part *part, struct plait_chunk *chunk, const struct plait_conn *except,
		struct group_delivery delivery);

#endif
