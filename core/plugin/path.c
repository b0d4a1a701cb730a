/* Where plugins are looked up by name when the configuration does not say. */
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin/plugin.h"

#ifndef PLAIT_PLUGINDIR
#define PLAIT_PLUGINDIR "/usr/local/lib/plait/plugins-1"
#endif

#define FOLDERS_MOST 64

/* Never freed: it is as good as constant. NULL-terminated. */
static const char *folders[FOLDERS_MOST + 1];
static size_t folder_count;

static void add_folder(const char *folder)
{
	for (size_t i = 0; i < folder_count; i++)
		if (!strcmp(folders[i], folder))
			return;
	if (folder_count < FOLDERS_MOST)
		folders[folder_count] = strdup(folder);
	folder_count += folder_count < FOLDERS_MOST && folders[folder_count];
}

static void add_environment(void)
{
	/* Not that of a user who runs a plait with more rights than his own. */
	const char *list = secure_getenv("PLAIT_PLUGIN_PATH");
	char *copy = list ? strdup(list) : NULL, *rest = copy;

	for (char *folder; rest && (folder = strsep(&rest, ":"));)
		if (*folder)
			add_folder(folder);
	free(copy);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* libtool keeps the program of a build tree in TREE/.libs, and plugins in TREE/plugins/NAME/.libs/NAME.so. */
static void add_build_tree(void)
{
	char tree[PATH_MAX], file[PATH_MAX];
	struct dirent **names = NULL;
	ssize_t length = readlink("/proc/self/exe", tree, sizeof(tree) - 1);

	if (length < 0)
		return;
	tree[length] = 0;
	char *slash = strrchr(tree, '/');

	if (!slash || slash - tree < 6 || strncmp(slash - 6, "/.libs", 6))
		return;
	snprintf(slash - 6, sizeof(tree) - (size_t)(slash - 6 - tree), "/plugins");
	int count = scandir(tree, &names, is_visible, alphasort);

	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;

		if (snprintf(file, sizeof(file), "%s/%s/.libs/%s.so", tree, name, name) < (int)sizeof(file) &&
		    !access(file, F_OK)) {
			*strrchr(file, '/') = 0;
			add_folder(file);
		}
		free(names[i]);
	}
	free(names);
}

const char *const *plugin_default_path(void)
{
	if (!folder_count) {
		add_environment();
		add_build_tree();
		add_folder(PLAIT_PLUGINDIR);
	}
	return folders;
}
