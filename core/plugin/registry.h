/* The registry: every protocol a configuration can name. */
#ifndef PLUGIN_REGISTRY_H
#define PLUGIN_REGISTRY_H

#include "core/plugin/plugin.h"

struct registry;

struct registry *registry_new(void);
void registry_free(struct registry **registry); /* gives its references back */

/* Loads and adds; a second protocol of one name is an error that names both files. A plugin that served has, from the same
 * file with the same bytes, is shared (served: NULL: none is). 0 or a negative code. */
int registry_load(struct registry *registry, const char *name, const char *const *search,
		  const struct registry *served, struct plait_error *error);

/* NULL when there is none of that name. Borrowed. */
struct plugin *registry_find(const struct registry *registry, const char *protocol);

size_t registry_count(const struct registry *registry);
struct plugin *registry_at(const struct registry *registry, size_t index); /* in the order they were loaded */

#endif
