/* What a server is made of; for the files of this folder. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include "core/config/config.h"
#include "core/loop/workers.h"
#include "core/net/tls.h"
#include "core/plugin/registry.h"
#include "core/server/listener.h"
#include "core/server/server.h"

struct drain;
struct signals;

struct server {
	struct config *config;
	struct registry *registry;
	struct tls_context **tls;   /* one for each of config->tls, in its order */
	struct listener *listeners; /* one for each of config->listeners, in its order */
	size_t listener_count;      /* as far as they are made */
	struct workers *reactor;    /* NULL until bound */
	struct plait_loop *boss;    /* the main thread's: signals and what coordinates the others */
	struct signals *signals;    /* the boss's */
	struct drain *drain;        /* NULL while serving */
};

/* The context a listener's tls name stands for; NULL: none. */
struct tls_context *server_tls(const struct server *server, const struct tls_config *config);

#endif
