/* Gathers plugins: those of a configuration, or all that lie in the default folders. */
#include "core/cli/catalogue.h"

#include <assert.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config.h"
#include "core/plugin/file.h"

#define SUFFIX ".so"

static void init(struct catalogue *catalogue)
{
	*catalogue = (struct catalogue){ .registry = registry_new(), .complete = true };
}

static void add(struct catalogue *catalogue, const char *name, const char *const *search)
{
	struct plait_error error;

	if (!registry_load(catalogue->registry, name, search, NULL, &error))
		return;
	catalogue->complete = false;
	if (catalogue->quiet)
		return;
	struct problems problems;

	problems_init(&problems);
	problems_add(&problems, NULL, "%s: %s", error.path, error.text);
	problems_print(&problems, stderr);
	problems_fini(&problems);
}

static int is_plugin_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);

	return entry->d_name[0] != '.' && length > suffix && !strcmp(entry->d_name + length - suffix, SUFFIX);
}

/* A file of the same name in an earlier folder is the one that a configuration would get. */
static bool is_hidden(const char *const *folders, size_t index, const char *file)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < index; i++) {
		struct dirent **names = NULL;
		bool found = false;
		int count = scandir(folders[i], &names, is_plugin_file, NULL);

		for (int j = 0; j < count; j++) {
			snprintf(path, sizeof(path), "%s", names[j]->d_name);
			found = found || !strcmp(path, file);
			free(names[j]);
		}
		free(names);
		if (found)
			return true;
	}
	return false;
}

static void add_folder(struct catalogue *catalogue, const char *const *folders, size_t index)
{
	struct dirent **names = NULL;
	int count = scandir(folders[index], &names, is_plugin_file, alphasort);

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		if (!is_hidden(folders, index, names[i]->d_name) &&
		    snprintf(path, sizeof(path), "%s/%s", folders[index], names[i]->d_name) <
			    (int)sizeof(path))
			add(catalogue, path, NULL);
		free(names[i]);
	}
	free(names);
}

/* The configuration's folders before the default ones; the caller frees it. */
static const char **search_path(const struct config *config)
{
	const char *const *defaults = plugin_default_path();
	size_t count = 0, known = config->plugin_path.count;

	while (defaults[count])
		count++;
	const char **search = calloc(known + count + 1, sizeof(*search));

	assert(search);
	for (size_t i = 0; i < known; i++)
		search[i] = config->plugin_path.items[i];
	memcpy(search + known, defaults, count * sizeof(*search));
	return search;
}

static int add_configured(struct catalogue *catalogue, const char *file)
{
	struct problems problems;

	problems_init(&problems);
	struct config *config = config_load(file, &problems);

	if (problems.errors > 0) {
		problems_print(&problems, stderr);
		problems_fini(&problems);
		config_free(&config);
		return -1;
	}
	const char **search = search_path(config);

	for (size_t i = 0; i < config->plugins.count; i++)
		add(catalogue, config->plugins.items[i], search);
	free(search);
	problems_fini(&problems);
	config_free(&config);
	return 0;
}

int catalogue_load(struct catalogue *catalogue, const char *config)
{
	const char *const *folders = plugin_default_path();

	init(catalogue);
	if (config)
		return add_configured(catalogue, config);
	for (size_t i = 0; folders[i]; i++)
		add_folder(catalogue, folders, i);
	return 0;
}

/* A file need not be called as its protocol is. Those of others that fail are not spoken of. */
static bool add_protocol(struct catalogue *catalogue, const char *name)
{
	struct catalogue all;
	const char *const *folders = plugin_default_path();

	init(&all);
	all.quiet = true;
	for (size_t i = 0; folders[i]; i++)
		add_folder(&all, folders, i);
	const struct plugin *found = registry_find(all.registry, name);
	if (found)
		add(catalogue, found->file, NULL);
	catalogue_fini(&all);
	return found;
}

int catalogue_load_one(struct catalogue *catalogue, const char *name)
{
	const char *const *folders = plugin_default_path();
	char *file = file_find(name, folders, NULL);

	init(catalogue);
	if (file || strchr(name, '/') || !add_protocol(catalogue, name))
		add(catalogue, name, folders);
	free(file);
	return 0;
}

void catalogue_fini(struct catalogue *catalogue)
{
	registry_free(&catalogue->registry);
}
