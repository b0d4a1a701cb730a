/* Finds the file a plugin's name means, and helps who misspelt it. */
#include "core/plugin/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/open_file.h"
#include "core/base/suggest.h"
#include "core/base/system_text.h"
#include "core/base/text.h"

#define SUFFIX ".so"

/* The nearest word among the .so files of folders. */
struct nearest {
	struct suggest best;
	char word[NAME_MAX + 1];
};

static void offer_folder(struct nearest *nearest, const char *folder, const char *wanted, bool keep_suffix)
{
	DIR *stream = opendir(folder);

	if (!stream)
		return;
	for (struct dirent *entry; (entry = readdir(stream));) {
		char name[NAME_MAX + 1];
		size_t length = strlen(entry->d_name);

		if (length <= strlen(SUFFIX) || strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX))
			continue;
		snprintf(name, sizeof(name), "%s", entry->d_name);
		if (!keep_suffix)
			name[length - strlen(SUFFIX)] = 0;
		struct suggest best = nearest->best;

		suggest_offer(&best, wanted, name);
		if (best.word == name) {
			memcpy(nearest->word, name, sizeof(name));
			nearest->best = (struct suggest){ nearest->word, best.distance };
		}
	}
	closedir(stream);
}

static char *missing_path(const char *path, struct plait_error *error)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX], hint[NAME_MAX + 32] = "";
	struct nearest nearest = { 0 };

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
	offer_folder(&nearest, folder, slash + 1, true);
	if (nearest.best.word)
		snprintf(hint, sizeof(hint), "Did you mean \"%s\"? ", nearest.word);
	plait_error_set(error, PLAIT_ERROR_MISSING, path,
			"no such file. %sBuild the plugin, or correct the path", hint);
	return NULL;
}

static char *missing_name(const char *name, const char *const *search, struct plait_error *error)
{
	char text[sizeof(error->text)] = "";
	struct nearest nearest = { 0 };

	for (size_t i = 0; search[i]; i++)
		offer_folder(&nearest, search[i], name, false);
	text_append(text, sizeof(text), "no plugin of that name. ");
	if (nearest.best.word)
		text_append(text, sizeof(text), "Did you mean \"%s\"? ", nearest.word);
	text_append(text, sizeof(text), "Add its folder to plugin_path, or give the path of its file. ");
	text_append(text, sizeof(text), search[0] ? "Looked for " : "There is no folder to look in.");
	for (size_t i = 0; search[i]; i++)
		text_append(text, sizeof(text), "%s%s/%s" SUFFIX, i ? ", " : "", search[i], name);
	plait_error_set(error, PLAIT_ERROR_MISSING, name, "%s", text);
	return NULL;
}

/* realpath(3), which a helper may find for us. */
static char *real_path(const char *path)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)], real[PATH_MAX];
	char *found = realpath(path, NULL);
	if (found || errno != EACCES)
		return found;
	int fd = open_file(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, real, sizeof(real) - 1);
	close(fd);
	if (len <= 0 || real[0] != '/') {
		errno = EACCES;
		return NULL;
	}
	real[len] = '\0';
	return strdup(real);
}

static bool is_there(const char *path)
{
	struct stat found;
	if (lstat(path, &found) == 0)
		return true;
	/* What may not be looked at may be looked at by a helper. */
	if (errno == EACCES && open_file_stat(path, &found) == 0)
		return true;
	return errno != ENOENT && errno != ENOTDIR;
}

static char *resolve(const char *path, struct plait_error *error)
{
	struct stat link;
	char *real = real_path(path);

	/* Who can replace a link chooses the file, whoever owns what it points to now. */
	if (real && lstat(path, &link) == 0 && S_ISLNK(link.st_mode) && file_check_folder(path, error)) {
		free(real);
		return NULL;
	}
	if (real)
		return real;
	if (errno == ENOENT || errno == ENOTDIR)
		return missing_path(path, error);
	plait_error_set(error, PLAIT_ERROR_SYSTEM, path, "cannot be opened: %s", system_text(errno));
	return NULL;
}

static char *find_name(const char *name, const char *const *search, struct plait_error *error)
{
	size_t length = strlen(name), suffix = strlen(SUFFIX);

	if (length > suffix && !strcmp(name + length - suffix, SUFFIX)) {
		plait_error_set(
			error, PLAIT_ERROR_INVALID, name,
			"is a file's name; write \"%.*s\" to have it looked up, or a path with a slash, \"./%s\"",
			(int)(length - suffix), name, name);
		return NULL;
	}
	for (size_t i = 0; search[i]; i++) {
		char path[PATH_MAX];
		int wanted = snprintf(path, sizeof(path), "%s/%s" SUFFIX, search[i], name);

		if (wanted >= (int)sizeof(path))
			continue;
		/* What is there but cannot be used is an error to tell, not a reason to take another file. */
		if (is_there(path))
			return resolve(path, error);
	}
	return missing_name(name, search, error);
}

char *file_find(const char *name, const char *const *search, struct plait_error *error)
{
	static const char *const nowhere[] = { NULL };

	if (!*name) {
		plait_error_set(error, PLAIT_ERROR_INVALID, name,
				"a plugin's name is empty; write \"echo\", or a path");
		return NULL;
	}
	if (strchr(name, '/'))
		return resolve(name, error);
	return find_name(name, search ? search : nowhere, error);
}
