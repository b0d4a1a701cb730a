/* A configuration: the JSON file as structs, every value checked, with a place for every error. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <jansson.h>

#include <plait/reactor.h>

#include "core/base/endpoint.h"
#include "core/base/log.h"
#include "core/base/option.h"
#include "core/base/problem.h"
#include "core/net/proxy/settings.h"
#include "core/net/settings.h"
#include "core/net/tls/settings.h"
#include "core/plugin/registry.h"
#include "core/policy/access.h"

/* What the server keeps out of when it can. */
enum config_sandbox { CONFIG_SANDBOX_OFF, CONFIG_SANDBOX_ON, CONFIG_SANDBOX_REQUIRED };

struct sandbox_config {
	int landlock, seccomp;         /* enum config_sandbox */
	struct plait_strings read;     /* absolute paths that may be read, and run */
	struct plait_strings write;    /* absolute paths below which everything may be done */
	struct plait_strings syscalls; /* names, numbers and "@spawn" */
};

enum config_accept { CONFIG_ACCEPT_LEAST_LOADED, CONFIG_ACCEPT_REUSEPORT };

struct tls_config {
	struct tls_settings settings;
};

/* What serves the connections above limits.connections. */
struct overflow_config {
	const char *protocol; /* NULL: they are refused */
	int64_t connections;

	/* Filled by config_bind_protocols. */
	const struct plait_protocol *speaks;
	void *options;
};

/* What serves the connections that agreed on a name by ALPN. */
struct alpn_config {
	const char *protocol;

	/* Filled by config_bind_protocols. */
	const struct plait_protocol *speaks;
	void *options;
};

struct listener_config {
	const char *name;
	const char *bind; /* as written */
	const char *protocol;
	const char *tls;                  /* the name of a context; NULL: none */
	struct plait_texts server_names;  /* contexts for clients who ask for these names */
	bool strict_sni;                  /* others are refused */
	struct plait_list alpn;           /* MAP of struct alpn_config, the most wanted first */
	struct plait_strings allow, deny; /* as written */
	struct net_settings net;
	struct proxy_settings proxy;
	struct overflow_config overflow;

	struct endpoint endpoint; /* from bind, when endpoint_known */
	bool endpoint_known;
	struct access *access;                   /* from allow and deny; NULL: everybody */
	const struct tls_config *tls_context;    /* NULL: it has none, or should not */
	const struct tls_config **name_contexts; /* for each of server_names, when those are good */

	/* Filled by config_bind_protocols. */
	const struct plait_protocol *speaks; /* the plugin's */
	void *options;                       /* in the arena; NULL when the protocol has none */
};

struct config {
	const char *file;   /* as given */
	const char *folder; /* absolute; relative paths start here */
	int64_t threads;    /* 0: one a processor */
	int accept;         /* enum config_accept */
	uint64_t drain_timeout_ms;
	struct {
		int64_t connections; /* of all listeners; 0: any number */
		uint64_t buffered;   /* for all peers; 0: any number; UINT64_MAX: "auto" */
	} limits;
	struct plait_strings plugins;
	struct plait_strings plugin_path; /* absolute folders, before the default ones */
	struct {
		int level;  /* enum plait_log_level */
		int format; /* enum log_format */
	} log;
	bool supervise;
	uint64_t watchdog_ms;     /* 0: off */
	const char *user, *group; /* names or numbers; NULL: none */
	const char *umask;        /* octal; NULL: none */
	bool core_dumps;
	struct sandbox_config sandbox;
	const char *control;         /* the path of a socket; NULL: none */
	struct plait_list tls;       /* MAP of struct tls_config */
	struct plait_list listeners; /* LIST of struct listener_config */

	json_t *root;
	struct option_arena *arena;
	struct positions *positions;
};

/* Reads file and does all that needs no plugin, what lies between listeners (two of one name, two on one address)
 * included. problems has every error, and may have warnings. NULL when the file is no JSON object; with other errors there
 * is a config, good to look for more: what is wrong or missing is zero. problems' file and locate are set; file must
 * outlive problems, and locate is good as long as the config. */
struct config *config_load(const char *file, struct problems *problems);

/* The same from memory; file is what messages name, and where relative paths start. */
struct config *config_load_text(const char *file, const char *text, size_t len, struct problems *problems);

/* The same from JSON, of which it takes the reference; positions may be NULL. */
struct config *config_from_json(const char *file, json_t *root, struct problems *problems);

/* The protocols that a program brings, good (descriptor_read) and borrowed. */
struct config_protocols {
	const struct plait_protocol *main;
	const void *options;                   /* of that one; NULL: defaults */
	const struct plait_protocol *overflow; /* NULL: none */
	const struct plait_listen_alpn *alpn;  /* NULL: none; their protocols are these: */
	struct plait_protocol *const *alpn_protocols;
};

/* Of a program's one listener: checks that they fit, and has options that the program does not bring from their
 * defaults. */
void config_bind_program(struct config *config, const struct config_protocols *protocols,
			 struct problems *problems);

/* With the plugins loaded: finds each listener's protocol and parses its options. all: every plugin was loaded, so a
 * protocol that is missing is an error of its own. 0, or -1 with every problem added. */
int config_bind_protocols(struct config *config, const struct registry *registry, bool all,
			  struct problems *problems);

void config_free(struct config **config);

/* Whether two configurations say the same of their contexts number i and j. */
bool config_same_tls(const struct config *a, size_t i, const struct config *b, size_t j);

/* What is says otherwise of privileges is warned of, and is as it was from here on: so it is told again by the next one. */
void config_keep_privileges(const struct config *was, struct config *is, struct problems *problems);

/* How many keys of a listener have changed, and which: "limits, options". What they mean is not looked at: a TLS context, or a
 * plugin, may have changed behind its name. */
size_t config_listener_changes(const struct config *was, const struct listener_config *old,
			       const struct config *is, const struct listener_config *new, char *text,
			       size_t size);

/* The configuration of a program's one listener, from what it says itself and the same tables and rules. Those of the
 * options that are protocols count only as protocols has them. NULL with error filled. */
struct config *config_for_program(const char *endpoint, const struct config_protocols *protocols,
				  const struct plait_listen_options *options, struct plait_error *error);

uint64_t config_default_drain_timeout_ms(void);

/* The table of the whole file; listeners[].options is PLAIT_OPTION_TYPE_ANY in it. */
extern const struct plait_option config_table[];

/* A JSON Schema of the whole configuration, with the options of the registry's protocols. The caller owns it. */
json_t *config_schema(const struct registry *registry);

/* docs/configuration.md, in Markdown, from the same tables. */
void config_reference(const struct registry *registry, FILE *out);

#endif
