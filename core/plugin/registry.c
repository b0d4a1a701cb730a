/* The protocols of a configuration, by name, in the order their plugins were loaded. */
#include "core/plugin/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/plugin/loader.h"

struct registry {
	size_t count;
	struct plugin **plugins;
};

struct registry *registry_new(void)
{
	return alloc_zeroed(sizeof(struct registry), "the protocols");
}

void registry_free(struct registry **registry)
{
	struct registry *gone = *registry;

	*registry = NULL;
	if (!gone)
		return;
	/* Backwards: a plugin may have built on one loaded before it. */
	while (gone->count)
		plugin_unref(&gone->plugins[--gone->count]);
	free(gone->plugins);
	free(gone);
}

static int check_duplicate(const struct registry *registry, const struct plugin *plugin,
			   struct plait_error *error)
{
	const char *name = plugin->protocol.head.name;
	const struct plugin *first = registry_find(registry, name);

	if (!first)
		return 0;
	if (!strcmp(first->file, plugin->file))
		return plait_error_set(error, PLAIT_ERROR_REFUSED, plugin->file,
				       "is named twice; take one of the two out of plugins");
	return plait_error_set(
		error, PLAIT_ERROR_REFUSED, plugin->file,
		"is a second plugin with the protocol name \"%s\", after %s; take one of the two out of "
		"plugins",
		name, first->file);
}

/* The one that is served, when it is the same; else the copy becomes a plugin, whose init is not yet called. NULL with error:
 * it is none. */
static struct plugin *share_or_open(struct plugin *copy, const struct registry *served,
				    struct plait_error *error)
{
	struct plugin *same = NULL;

	for (size_t i = 0; served && i < served->count && !same; i++)
		if (plugin_same(served->plugins[i], copy))
			same = plugin_ref(served->plugins[i]);
	if (!same && plugin_open(copy, error) == 0)
		return copy;
	plugin_unref(&copy);
	return same;
}

int registry_load(struct registry *registry, const char *name, const char *const *search,
		  const struct registry *served, struct plait_error *error)
{
	struct plait_error why;
	struct plugin *plugin = plugin_copy(name, search, &why);

	if (plugin)
		plugin = share_or_open(plugin, served, &why);

	/* A namesake's init is not even called. */
	if (!plugin || check_duplicate(registry, plugin, &why) ||
	    (!plugin->initialised && plugin_init(plugin, &why))) {
		plugin_unref(&plugin);
		if (error)
			*error = why;
		return why.code;
	}
	registry->plugins = alloc_larger(registry->plugins,
					 (registry->count + 1) * sizeof(*registry->plugins), "the protocols");
	registry->plugins[registry->count++] = plugin;
	return 0;
}

struct plugin *registry_find(const struct registry *registry, const char *protocol)
{
	for (size_t i = 0; i < registry->count; i++)
		if (!strcmp(registry->plugins[i]->protocol.head.name, protocol))
			return registry->plugins[i];
	return NULL;
}

size_t registry_count(const struct registry *registry)
{
	return registry->count;
}

struct plugin *registry_at(const struct registry *registry, size_t index)
{
	assert(index < registry->count);
	return registry->plugins[index];
}
