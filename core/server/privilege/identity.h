/* Who the server is once it has bound its sockets and read its keys: user, group and supplementary groups. */
#ifndef SERVER_PRIVILEGE_IDENTITY_H
#define SERVER_PRIVILEGE_IDENTITY_H

#include <sys/types.h>

#include "core/base/problem.h"

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary ones, owned */
	int group_count;
};

/* Finds what the names or numbers mean; group may be NULL: it is the user's own. 0, or -1 with problems added at "user" or
 * "group". Main thread. */
int identity_find(const char *user, const char *group, struct identity *out, struct problems *problems);
void identity_fini(struct identity *identity);

/* Whether this process may become it: it is root, or it is that already. 0, or a negative code with error filled. */
int identity_check(const struct identity *identity, struct plait_error *error);

/* All threads become it for good, and that it cannot be undone is tried. 0, or a negative code with error filled, and the
 * process is in no state to go on. */
int identity_take(const struct identity *identity, struct plait_error *error);

#endif
