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

#endif
