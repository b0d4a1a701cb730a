/* From a configuration to Landlock's rules. Files are granted with their folders: who renews one puts another file in its
 * place, which a rule for the file would not know. */
#include "core/server/privilege/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/config/paths.h"
#include "core/plugin/plugin.h"
#include "core/server/privilege/landlock.h"

/* What libc, OpenSSL and the loader of shared objects read. Folders that are whole are those whose files are replaced. */
static const struct {
	const char *path;
	enum landlock_grant what;
} system_paths[] = {
	{ "/lib", LANDLOCK_READ },
	{ "/lib32", LANDLOCK_READ },
	{ "/lib64", LANDLOCK_READ },
	{ "/usr/lib", LANDLOCK_READ },
	{ "/usr/lib32", LANDLOCK_READ },
	{ "/usr/lib64", LANDLOCK_READ },
	{ "/usr/local/lib", LANDLOCK_READ },
	{ "/usr/local/lib64", LANDLOCK_READ },
	{ "/usr/share/zoneinfo", LANDLOCK_READ },
	{ "/usr/share/locale", LANDLOCK_READ },
	{ "/usr/share/ca-certificates", LANDLOCK_READ },
	{ "/usr/local/share/ca-certificates", LANDLOCK_READ },
	{ "/etc/ssl", LANDLOCK_READ },
	{ "/etc/pki", LANDLOCK_READ },
	{ "/etc/ca-certificates", LANDLOCK_READ },
	{ "/etc/crypto-policies", LANDLOCK_READ },
	{ "/etc/ld.so.cache", LANDLOCK_READ },
	{ "/etc/resolv.conf", LANDLOCK_READ },
	{ "/etc/hosts", LANDLOCK_READ },
	{ "/etc/host.conf", LANDLOCK_READ },
	{ "/etc/nsswitch.conf", LANDLOCK_READ },
	{ "/etc/gai.conf", LANDLOCK_READ },
	{ "/etc/services", LANDLOCK_READ },
	{ "/etc/protocols", LANDLOCK_READ },
	{ "/etc/passwd", LANDLOCK_READ },
	{ "/etc/group", LANDLOCK_READ },
	{ "/etc/localtime", LANDLOCK_READ },
	{ "/etc/timezone", LANDLOCK_READ },
	{ "/run/systemd/resolve", LANDLOCK_READ },
	{ "/run/NetworkManager", LANDLOCK_READ },
	{ "/proc/sys/vm/overcommit_memory", LANDLOCK_READ },
	{ "/proc/meminfo", LANDLOCK_READ },
	{ "/proc/stat", LANDLOCK_READ },
	{ "/proc/cpuinfo", LANDLOCK_READ },
	{ "/sys/devices/system/cpu", LANDLOCK_READ },
	{ "/sys/fs/cgroup", LANDLOCK_READ },
	{ "/dev/null", LANDLOCK_WRITE },
	{ "/dev/zero", LANDLOCK_READ },
	{ "/dev/random", LANDLOCK_READ },
	{ "/dev/urandom", LANDLOCK_READ },
};

struct grants {
	struct landlock *landlock;
	const char *control; /* a setting that is a path, and no file to read */
	struct plait_error *error;
	bool failed;
};

static void grant(struct grants *grants, const char *path, enum landlock_grant what)
{
	if (!grants->failed && landlock_grant(grants->landlock, path, what, grants->error) < 0)
		grants->failed = true;
}

static void grant_folder(struct grants *grants, const char *path, enum landlock_grant what)
{
	char *copy = strdup(path);
	if (!copy) {
		plait_error_set(grants->error, PLAIT_ERROR_MEMORY, NULL, "no memory for Landlock rules");
		grants->failed = true;
		return;
	}
	grant(grants, dirname(copy), what);
	free(copy);
}

/* With what it is a symbolic link to. */
static void grant_file(const char *path, void *arg)
{
	struct grants *grants = arg;
	char real[PATH_MAX];
	if (path == grants->control)
		return;
	grant_folder(grants, path, LANDLOCK_READ);
	if (realpath(path, real) && strcmp(real, path) != 0)
		grant_folder(grants, real, LANDLOCK_READ);
}

static void grant_all(struct grants *grants, const struct plait_strings *paths, enum landlock_grant what)
{
	for (size_t i = 0; i < paths->count; i++)
		grant(grants, paths->items[i], what);
}

/* A rule is for one incarnation of the folder, which lasts only as long as somebody holds it. */
static void grant_self(struct grants *grants)
{
	static int held = -1;
	if (held < 0)
		held = open("/proc/self", O_PATH | O_CLOEXEC);
	grant(grants, "/proc/self", LANDLOCK_READ);
}

/* What a person wrote down and is not there is more likely a mistake than not. */
static void grant_listed(struct grants *grants, const struct plait_strings *paths, enum landlock_grant what)
{
	for (size_t i = 0; i < paths->count; i++)
		if (access(paths->items[i], F_OK) < 0)
			log_write(PLAIT_LOG_WARNING, NULL, "sandbox: %s cannot be granted: %s",
				  paths->items[i], strerror(errno));
	grant_all(grants, paths, what);
}

/* By name they are in one of these folders, and may be links from there. */
static void grant_plugins(struct grants *grants, const struct config *config, const struct registry *registry)
{
	const char *const *folders = plugin_default_path();
	for (size_t i = 0; i < config->plugins.count; i++) {
		const char *name = config->plugins.items[i];
		if (strchr(name, '/'))
			grant_file(name, grants);
	}
	for (size_t i = 0; i < registry_count(registry); i++)
		grant_file(registry_at(registry, i)->file, grants);
	grant_all(grants, &config->plugin_path, LANDLOCK_READ);
	for (size_t i = 0; folders[i]; i++)
		grant(grants, folders[i], LANDLOCK_READ);
}

static void grant_sockets(struct grants *grants, const struct config *config)
{
	const struct listener_config *listeners = config->listeners.items;
	if (config->control)
		grant_folder(grants, config->control, LANDLOCK_SOCKETS);
	for (size_t i = 0; i < config->listeners.count; i++) {
		const struct endpoint *endpoint = &listeners[i].endpoint;
		if (endpoint->scheme == ENDPOINT_UNIX && endpoint->path[0] != '@')
			grant_folder(grants, endpoint->path, LANDLOCK_SOCKETS);
	}
}

int grants_enter(const struct config *config, const struct registry *registry, struct plait_error *error)
{
	struct grants grants = { .landlock = landlock_new(error),
				 .control = config->control,
				 .error = error };
	if (!grants.landlock)
		return error->code;
	for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
		grant(&grants, system_paths[i].path, system_paths[i].what);
	grant_self(&grants);
	grant_file(config->file, &grants);
	grant(&grants, config->folder, LANDLOCK_READ);
	config_each_path(config, grant_file, &grants);
	grant_plugins(&grants, config, registry);
	grant_sockets(&grants, config);
	grant_listed(&grants, &config->sandbox.read, LANDLOCK_RUN);
	grant_listed(&grants, &config->sandbox.write, LANDLOCK_WRITE);
	int result = grants.failed ? error->code : landlock_enter(grants.landlock, error);
	landlock_free(&grants.landlock);
	return result;
}
