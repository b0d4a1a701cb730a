/* What a server is made of; for the files of this folder. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include <time.h>

#include "core/server/farewell.h"
#include "core/server/listener/listener.h"
#include "core/server/privilege/privilege.h"
#include "core/server/server.h"
#include "core/server/snapshot.h"

struct control;
struct reload_order;
struct request;
struct page_news;

struct server {
	const char *file;
	struct broker *broker;
	struct farewell *farewell; /* of its plugins */
	struct snapshot *snapshot; /* that is served; NULL: none could be */
	struct plait_reactor *reactor;
	struct plait_listener **listeners; /* likewise of its config->listeners; NULL: none was made */
	size_t listener_count;
	struct privilege privilege;
	struct control *control;      /* NULL: none */
	struct reload_order *orders;  /* the first is on its way through the loops, the others wait for it */
	plait_call_fn *on_serving;    /* NULL: none */
	plait_call_fn *on_upgrade;    /* asks for one; NULL: there can be none */
	void *on_serving_arg;         /* of both */
	struct request *upgrade;      /* that waits for it; NULL: none */
	const struct page_news *news; /* of the supervisor; NULL: there is none */
	bool retired;                 /* another process serves its sockets */
	uint64_t retire_ms;           /* then its connections are told to end; of the boss's clock */
	time_t since;                 /* when it began to serve; 0: it does not yet */
};

/* Why nothing of what it serves can change any more; NULL: it can. On the boss loop. */
const char *server_ends(const struct server *server);

/* A listener as its configuration says, its addresses found; but for a bind that is none: NULL. Errors are added to problems,
 * under "listeners[INDEX]". */
struct plait_listener *server_make_listener(const struct listener_config *config, size_t index,
					    struct problems *problems);

/* Where more connections are allowed than there are descriptors. */
void server_warn_of_descriptors(const struct config *config);

/* Makes a version of that listener, ready to be served. 0, or -1 with an error added. */
int server_prepare_listener(struct server *server, struct snapshot *snapshot,
			    const struct listener_config *config, struct plait_listener *listener,
			    struct problems *problems);

/* Binds it; leaving as in struct listener_binding. 0, or -1 with an error added. */
int server_bind_listener(struct server *server, struct snapshot *snapshot, struct plait_listener *listener,
			 struct plait_listener *const *leaving, struct problems *problems);

/* Tells the broker what is served: after the first time it was bound, and after each reload. */
void server_tell_broker(struct server *server, bool as_read);

#endif
