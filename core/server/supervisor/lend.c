/* Opening with care, folder by folder. */
#include "core/server/supervisor/lend.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/config/paths.h"
#include "core/plugin/plugin.h"

/* The kernel's bound, too. */
#define LINKS_MOST 40

/* A bound for what editing a configuration again and again could bring. */
#define PATHS_MOST 100000

/* ---- which ---- */

bool lender_knows(const struct lender *lender, const char *path)
{
	for (size_t i = 0; i < lender->count; i++)
		if (strcmp(lender->paths[i], path) == 0)
			return true;
	return false;
}

static void learn(const char *path, void *arg)
{
	struct lender *lender = arg;
	if (path[0] != '/' || lender->count == PATHS_MOST || lender_knows(lender, path))
		return;
	if (lender->count == lender->capacity) {
		lender->capacity = lender->capacity ? lender->capacity * 2 : 32;
		lender->paths = realloc(lender->paths, lender->capacity * sizeof(*lender->paths));
		if (!lender->paths)
			alloc_fail("the paths of a configuration");
	}
	char *copy = strdup(path);
	if (!copy)
		alloc_fail("the paths of a configuration");
	lender->paths[lender->count++] = copy;
}

static void learn_with_folder(struct lender *lender, const char *path)
{
	char folder[PATH_MAX];
	learn(path, lender);
	snprintf(folder, sizeof(folder), "%s", path);
	learn(dirname(folder), lender);
}

/* The loader judges the file, the folder, and what a link points to. */
static void learn_plugin(struct lender *lender, const char *path)
{
	char real[PATH_MAX];
	learn_with_folder(lender, path);
	if (realpath(path, real))
		learn_with_folder(lender, real);
}

static void learn_named_plugin(struct lender *lender, const char *folder, const char *name)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s.so", folder, name) < (int)sizeof(path))
		learn_plugin(lender, path);
}

static void learn_plugins(struct lender *lender, const struct config *config)
{
	const char *const *folders = plugin_default_path();
	for (size_t i = 0; i < config->plugins.count; i++) {
		const char *name = config->plugins.items[i];
		if (strchr(name, '/')) {
			learn_plugin(lender, name);
			continue;
		}
		for (size_t k = 0; k < config->plugin_path.count; k++)
			learn_named_plugin(lender, config->plugin_path.items[k], name);
		for (size_t k = 0; folders[k]; k++)
			learn_named_plugin(lender, folders[k], name);
	}
}

void lender_learn(struct lender *lender, const struct config *config)
{
	config_each_path(config, learn, lender);
	learn_plugins(lender, config);
}

void lender_fini(struct lender *lender)
{
	for (size_t i = 0; i < lender->count; i++)
		free(lender->paths[i]);
	free(lender->paths);
	*lender = (struct lender){ 0 };
}

/* ---- how ---- */

struct walk {
	int at;      /* the folder that it has come to */
	bool shared; /* others make files there, and may not take away those of others (/tmp) */
	char rest[PATH_MAX];
	unsigned links;
	const char *why;
};

static int refuse(struct walk *walk, int error, const char *why)
{
	walk->why = why;
	errno = error;
	return -1;
}

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* The folder is the one to go on from; fd is taken over. */
static int enter(struct walk *walk, int fd, const struct stat *found)
{
	if (walk->at >= 0)
		close(walk->at);
	walk->at = fd;
	walk->shared = found->st_mode & (S_IWGRP | S_IWOTH);
	if (!is_trusted(found->st_uid) || (walk->shared && !(found->st_mode & S_ISVTX)))
		return refuse(walk, EACCES,
			      "a folder on its path belongs to others, or can be written by them");
	return 0;
}

static int enter_root(struct walk *walk)
{
	struct stat found;
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	return fstat(fd, &found) < 0 ? -1 : enter(walk, fd, &found);
}

/* Takes the next name off the rest, into name. false: there is none. */
static bool next_name(struct walk *walk, char *name, size_t size)
{
	char *begin = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(begin, "/");
	if (len == 0 || len >= size)
		return false;
	memcpy(name, begin, len);
	name[len] = '\0';
	memmove(walk->rest, begin + len, strlen(begin + len) + 1);
	return true;
}

static bool is_last(const struct walk *walk)
{
	return walk->rest[strspn(walk->rest, "/")] == '\0';
}

static int follow(struct walk *walk, int link)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t len = readlinkat(link, "", target, sizeof(target) - 1);
	if (len < 0)
		return -1;
	target[len] = '\0';
	if (++walk->links > LINKS_MOST)
		return refuse(walk, ELOOP, NULL);
	if (snprintf(rest, sizeof(rest), "%s%s", target, walk->rest) >= (int)sizeof(rest))
		return refuse(walk, ENAMETOOLONG, NULL);
	memcpy(walk->rest, rest, sizeof(rest));
	return target[0] == '/' ? enter_root(walk) : 0;
}

/* What stands last on the path, found by a descriptor of O_PATH. */
static int find(struct walk *walk, bool follows, struct stat *found)
{
	char name[NAME_MAX + 1];
	while (next_name(walk, name, sizeof(name))) {
		int fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -1;
		int result = fstat(fd, found);
		if (result == 0 && walk->shared && !is_trusted(found->st_uid))
			result = refuse(walk, EACCES, "it is in a folder of many, and belongs to others");
		bool last = is_last(walk);
		if (result == 0 && last && !(S_ISLNK(found->st_mode) && follows))
			return fd;
		if (result == 0 && S_ISDIR(found->st_mode)) {
			if (enter(walk, fd, found) < 0)
				return -1;
			continue;
		}
		if (result == 0)
			result = S_ISLNK(found->st_mode) ? follow(walk, fd) : refuse(walk, ENOTDIR, NULL);
		int error = errno;
		close(fd);
		errno = error;
		if (result < 0)
			return -1;
	}
	return refuse(walk, ENOENT, NULL);
}

/* The file that was found, and no other. */
static int reopen(int found)
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	return open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int lend_open(const char *path, int flags, const char **why)
{
	struct walk walk = { .at = -1 };
	struct stat found;
	bool look = flags & O_PATH;
	int fd = -1;
	*why = NULL;
	if (path[0] != '/' || strlen(path) >= sizeof(walk.rest)) {
		errno = EINVAL;
		return -1;
	}
	snprintf(walk.rest, sizeof(walk.rest), "%s", path);
	if (enter_root(&walk) == 0)
		fd = find(&walk, !(flags & O_NOFOLLOW), &found);
	if (fd >= 0 && !S_ISREG(found.st_mode) &&
	    !(look && (S_ISDIR(found.st_mode) || S_ISLNK(found.st_mode)))) {
		close(fd);
		fd = refuse(&walk, EACCES, "it is no regular file");
	}
	if (fd >= 0 && !look) {
		int opened = reopen(fd);
		int error = errno;
		close(fd);
		errno = error;
		fd = opened;
	}
	int error = errno;
	if (walk.at >= 0)
		close(walk.at);
	errno = error;
	*why = walk.why;
	return fd;
}
