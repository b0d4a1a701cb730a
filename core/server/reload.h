/* Reading the configuration anew while it is served: all of it is taken into use, or nothing. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "core/base/problem.h"
#include "core/server/changes.h"

struct server;

/* Reads the server's file and everything it names. 0, and what changed was added to changes: newcomers are served by it, soon,
 * and who is there keeps what it was born with. Or -1 with every reason added to problems, and all is as it was. On the boss
 * loop. */
int server_reload(struct server *server, struct problems *problems, struct changes *changes);

/* The same, and the log says what came of it. */
int server_reload_logged(struct server *server, struct problems *problems, struct changes *changes);

struct reload_outcome {
	int result; /* and the rest as of server_reload */
	struct problems problems;
	struct changes changes;
	unsigned loops_missing; /* that do not yet serve what has changed */
};

typedef void reload_done_fn(const struct reload_outcome *outcome, void *arg);

/* The same, when all loops have done what the reload before asked of them, or have had a second for that: the addresses that it
 * left are free, and so are its names in the file system. done: likewise, or when it was refused; NULL: nobody waits, and
 * of several such that would begin later one is enough. On the boss loop; done may be called before it returns. */
void server_order_reload(struct server *server, reload_done_fn *done, void *arg);

#endif
