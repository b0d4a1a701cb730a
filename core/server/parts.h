/* What a server is made of; for the files of this folder. */
#ifndef SERVER_PARTS_H
#define SERVER_PARTS_H

#include "core/config/config.h"
#include "core/net/tls/tls.h"
#include "core/plugin/registry.h"
#include "core/server/listener.h"
#include "core/server/named_tls.h"
#include "core/server/server.h"

struct server {
	struct config *config;
	struct registry *registry;
	struct plait_reactor *reactor;
	struct tls_context **tls; /* one for each of config->tls, in its order */
	struct named_tls *named;  /* these, by their names */
	struct plait_listener *
		*listeners; /* likewise of config->listeners; NULL: none was made, or the reactor has it */
	size_t listener_count;
};

/* The context a listener's tls name stands for; NULL: none. */
struct tls_context *server_tls(const struct server *server, const struct tls_config *config);

#endif
