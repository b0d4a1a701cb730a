/* The plugins that the commands plugins, schema and reference speak of. */
#ifndef CLI_CATALOGUE_H
#define CLI_CATALOGUE_H

#include "core/plugin/registry.h"

struct catalogue {
	struct registry *registry;
	bool complete; /* no plugin failed to load; those that did were reported to standard error */
	bool quiet;    /* or they were not, where it only searches */
};

/* The plugins that the configuration names, or with a NULL config all that are found in the default
 * folders. Returns 0, or -1 when the configuration itself is wrong, which was reported to standard error. */
int catalogue_load(struct catalogue *catalogue, const char *config);

/* The one plugin of that name, or path, or else in the default folders with a protocol of that name. The same returns. */
int catalogue_load_one(struct catalogue *catalogue, const char *name);

void catalogue_fini(struct catalogue *catalogue);

#endif
