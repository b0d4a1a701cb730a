/* Groups from the inside: one part a loop. */
#ifndef NET_GROUP_H
#define NET_GROUP_H

#include <plait/group.h>

#include "core/net/group/part.h"

/* Takes the connection out of all its groups. On its loop. */
void group_remove_all(struct plait_conn *conn);

/* Any thread; unref allows NULL. */
struct plait_group *group_ref(struct plait_group *group);
void group_unref(struct plait_group *group);
void group_unref_many(struct plait_group *group, unsigned count);

/* For a connection that shares what its group is sent: what it is owed becomes output of its own, and it shares no
 * longer. It fails when there is no memory. */
void group_stop_sharing(struct plait_conn *conn);

/* The same for one that writes something of its own: it does not share for a while. */
void group_go_alone(struct plait_conn *conn);

/* What a connection that shares is owed, in bytes. */
size_t group_owed(const struct plait_conn *conn);

#endif
