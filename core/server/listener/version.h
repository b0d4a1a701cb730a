/* A version of a listener: what it serves newcomers with. It never changes; reading the configuration anew makes another one,
 * and connections keep the one that they were born with until they end. */
#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

#include "core/config/config.h"
#include "core/net/stream_listener.h"
#include "core/net/tls/tls.h"
#include "core/policy/limits.h"
#include "core/policy/pace.h"

struct plait_listener;
struct plait_reactor;
struct snapshot;

/* What a version is made of. All is borrowed, as long as the version lasts; but for the snapshot, of which it holds a
 * reference, and what belongs to that. */
struct version_parts {
	const struct listener_config *config;
	struct snapshot *snapshot;                /* NULL: a program's own listener */
	struct tls_context *context;              /* NULL: no TLS */
	struct tls_context *const *name_contexts; /* one for each of the config's server_names */
	struct tls_directory *directory;          /* NULL: no context has a name */
};

struct listener_version {
	struct reception reception;
	struct limits_gate gate;
	struct pace pace;        /* of each connection, where that is limited */
	struct traffic *traffic; /* of the factories; NULL: no rate is limited */
	struct plait_listener *listener;
	const struct listener_config *config;
	struct snapshot *snapshot;
	struct tls_server *tls; /* NULL: no TLS */
	struct plait_factory *factory;
	struct plait_factory *overflow; /* NULL: none */
	struct plait_factory **alpn;    /* one for each of the configuration's */
	struct factory_choices choices; /* these, for the factory */
	struct listener_version *next;  /* of the listener's, the older one */
	bool retired;                   /* goes when nobody uses it any more */
};

/* Starts the factories, which know the reactor. On the reactor's thread; nobody uses it yet. NULL with error filled. */
struct listener_version *version_new(struct plait_listener *listener, const struct version_parts *parts,
				     struct plait_reactor *reactor, struct plait_error *error);

/* Stops the factories. Nobody may use it; on the reactor's thread. */
void version_free(struct listener_version **version);

/* Whether one of its factories has asked for a TLS context by its name. */
bool version_names_tls(const struct listener_version *version);

#endif
