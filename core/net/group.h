/* Groups from the inside: one array of members a loop, touched by that loop alone. */
#ifndef NET_GROUP_H
#define NET_GROUP_H

#include <plait/group.h>

/* Takes the connection out of all its groups. On its loop. */
void group_remove_all(struct plait_conn *conn);

#endif
