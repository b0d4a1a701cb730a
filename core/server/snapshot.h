/* A snapshot: what one reading of the configuration came to, with its plugins and TLS contexts. It never changes; what is the
 * same in the next one is shared. On the reactor's thread. */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include "core/config/config.h"
#include "core/net/tls/tls.h"
#include "core/plugin/registry.h"
#include "core/server/listener/version.h"
#include "core/server/named_tls.h"
#include "core/server/server.h"

/* A context may be an earlier snapshot's, which then lasts as long as this one. */
struct snapshot_tls {
	struct tls_context *context; /* NULL: it has an error */
	struct snapshot *origin;     /* NULL: it is this one's own */
};

struct snapshot {
	unsigned references;
	struct config *config;
	struct registry *registry; /* NULL: it is not served any more */
	struct snapshot_tls *tls;  /* one for each of config->tls, in its order */
	struct named_tls *named;   /* these, by their names */
	size_t tls_shared;         /* so many of them */
};

/* Reads source and all it names, the contexts that it shares not anew. before: the one that is served; NULL: none. keeper looks
 * after the plugins. problems has every error, and may have warnings; with an error the snapshot is good for finding more of
 * them only. NULL: no memory. */
struct snapshot *snapshot_load(const struct server_source *source, struct snapshot *before,
			       struct plugin_keeper *keeper, struct problems *problems);

/* The log follows its configuration from here on; the first one's does from when it is read. */
void snapshot_configure_log(const struct snapshot *snapshot);

/* Another one is served: its plugins go, but for those that versions of listeners still use. */
void snapshot_retire(struct snapshot *snapshot);

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot **snapshot); /* NULL is allowed */

/* Whether it has that context. */
bool snapshot_has_tls(const struct snapshot *snapshot, const struct tls_context *context);

/* What a version of that listener of its configuration is made of. parts->name_contexts is the caller's to free. */
void snapshot_parts(struct snapshot *snapshot, const struct listener_config *config,
		    struct version_parts *parts);

#endif
