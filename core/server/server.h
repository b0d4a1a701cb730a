/* A server: what a configuration becomes. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <plait/loop.h>

#include "core/base/problem.h"

struct broker;
struct server;

struct server_source {
	const char *file; /* outlives the server; relative paths start at its folder */
	const char *text; /* in its place; NULL: it is read */
	size_t len;       /* of text */
	struct broker
		*broker; /* of the sockets and of what is read, outlives the server; NULL: this process */
	plait_call_fn *on_serving; /* on the boss loop, when it serves; NULL: none */
	void *arg;
};

/* Everything that can be known to be right before anything is bound: the file is read, the log set up as it says, plugins
 * loaded, certificates read, names resolved. NULL when there was an error; problems has every one. Main thread. */
struct server *server_load(const struct server_source *source, struct problems *problems);

/* Binds all listeners; 0, or -1 with every problem added and nothing bound. */
int server_bind(struct server *server, struct problems *problems);

/* Serves until a signal or a failure ends it, drains, and returns the exit status: 0 after a clean drain. */
int server_run(struct server *server);

size_t server_listener_count(const struct server *server);
size_t server_plugin_count(const struct server *server);

void server_free(struct server **server);

#endif
