/* A loaded plugin: a private copy of a shared object, and the protocol in it. */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/protocol.h>

#include "core/base/code_range.h"
#include "core/base/container.h"

struct plugin;

/* Who looks after plugins that nobody refers to any more. */
struct plugin_keeper {
	/* Followed by plugin_free, when the rest of the process has nothing of it any more. Main thread. */
	void (*unused)(struct plugin_keeper *keeper, struct plugin *plugin);
};

struct plugin {
	struct plait_protocol protocol; /* the plugin's, widened with zeros to this host's size */
	char *file;                     /* the file it was copied from, absolute */
	void *handle;                   /* dlopen's */
	size_t size;                    /* of the file */
	int fd; /* of the private copy; open as long as the plugin, so that its name stays its own */
	bool initialised;             /* init was called and succeeded */
	unsigned references;          /* main thread only; see plugin_ref */
	struct plugin_keeper *keeper; /* NULL: it goes with the last reference */
};

/* Loads what name says: a name without a slash is looked up as NAME.so in the folders of search
 * (NULL-terminated); else it is a path. Checks everything the ABI demands, then calls init. NULL, with
 * error's path naming the file and its text what is wrong and the remedy. Main thread. */
struct plugin *plugin_load(const char *name, const char *const *search, struct plait_error *error);

/* Main thread. The last unref calls fini and unloads, or leaves that to the keeper. */
struct plugin *plugin_ref(struct plugin *plugin);
void plugin_unref(struct plugin **plugin);

/* For the keeper: calls fini, and unloads. */
void plugin_free(struct plugin **plugin);

/* Where it lies in memory. */
struct code_range plugin_code(const struct plugin *plugin);

/* The one that a protocol is of; only of plugins' protocols. */
static inline struct plugin *plugin_of(const struct plait_protocol *protocol)
{
	return CONTAINER_OF((struct plait_protocol *)protocol, struct plugin, protocol);
}

/* The folders names are looked up in when the configuration does not say: the environment's
 * PLAIT_PLUGIN_PATH (colon-separated), the build tree's when run from there, the installed one.
 * NULL-terminated; static storage. */
const char *const *plugin_default_path(void);

#endif
