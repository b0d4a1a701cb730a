/* One connection that a client opens: the name is resolved, addresses race, a connection is made, and in the end lost. */
#ifndef NET_CLIENT_LINK_H
#define NET_CLIENT_LINK_H

#include "core/net/client/client.h"

struct link;

/* Who wants the connection; told on the loop, never from inside link_open. Once made or failed, and once lost after made. */
struct link_user {
	void (*made)(struct link_user *user, struct plait_conn *conn);
	void (*failed)(struct link_user *user, struct plait_failure *failure); /* given */
	void (*lost)(struct link_user *user, enum plait_reason reason);
};

/* Takes a reference of its own. On the client's loop. */
struct link *link_open(struct client *client, struct link_user *user);

/* The user is told nothing any more. What is not made yet is given up; a connection that was made lives on. NULL is
 * allowed; not after failed or lost. On the loop. */
void link_drop(struct link **link);

#endif
