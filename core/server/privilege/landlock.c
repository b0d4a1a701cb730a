/* Landlock by its system calls: libraries for it are rarer than kernels that have it. Its numbers are the kernel's ABI, written
 * down here because headers lag behind kernels. */
#include "core/server/privilege/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/server/privilege/seccomp.h"

/* The same on all architectures. */
#define CALL_CREATE_RULESET 444
#define CALL_ADD_RULE 445
#define CALL_RESTRICT_SELF 446

#define CREATE_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* Of a file, the others are of folders. */
#define OF_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* What the first version can forbid, and what each later one adds. Versions 4 and 5's rules about ports are left alone: a
 * plugin's clients connect to where they like, and binding is bound by privilege. */
static const struct {
	int version;
	uint64_t files, scoped;
} versions[] = {
	{ 1, (UINT64_C(1) << 13) - 1, 0 },
	{ 2, UINT64_C(1) << 13, 0 }, /* moving between folders, which the first always forbids */
	{ 3, FS_TRUNCATE, 0 },
	{ 5, FS_IOCTL_DEV, 0 },
	{ 6, 0, SCOPE_SIGNAL },
};

/* The kernel's struct landlock_ruleset_attr; shorter ones are of earlier versions. */
struct ruleset {
	uint64_t files, ports, scoped;
};

struct rule {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct landlock {
	int fd;
	uint64_t handled; /* of files: all else is not forbidden */
};

int landlock_version(void)
{
	long version = syscall(CALL_CREATE_RULESET, NULL, 0, CREATE_VERSION);
	return version > 0 ? (int)version : 0;
}

struct landlock *landlock_new(struct plait_error *error)
{
	struct ruleset ruleset = { 0 };
	int version = landlock_version();
	if (version == 0) {
		plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "%s",
				errno == EOPNOTSUPP ? "Landlock is switched off at this kernel's start (lsm=)"
				: errno == EPERM    ? SECCOMP_FORBIDDEN
						    : "this kernel has no Landlock (Linux 5.13 brought it)");
		return NULL;
	}
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		if (versions[i].version > version)
			break;
		ruleset.files |= versions[i].files;
		ruleset.scoped |= versions[i].scoped;
	}
	size_t size = version >= 6 ? sizeof(ruleset) : sizeof(ruleset.files);
	int fd = (int)syscall(CALL_CREATE_RULESET, &ruleset, size, 0);
	if (fd < 0) {
		plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot make Landlock rules: %s",
				strerror(errno));
		return NULL;
	}
	struct landlock *landlock = alloc_zeroed(sizeof(*landlock), "Landlock rules");
	*landlock = (struct landlock){ .fd = fd, .handled = ruleset.files };
	return landlock;
}

void landlock_free(struct landlock **landlock_at)
{
	struct landlock *landlock = *landlock_at;
	*landlock_at = NULL;
	if (!landlock)
		return;
	close(landlock->fd);
	free(landlock);
}

static int refuse(struct plait_error *error, const char *path, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, path, "%s: %s", what, strerror(errno));
}

static uint64_t rights_of(enum landlock_grant what)
{
	static const uint64_t rights[] = {
		[LANDLOCK_READ] = FS_READ_FILE | FS_READ_DIR,
		[LANDLOCK_RUN] = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE,
		[LANDLOCK_SOCKETS] = FS_READ_DIR | FS_MAKE_SOCK | FS_REMOVE_FILE,
		[LANDLOCK_WRITE] = ~UINT64_C(0),
	};
	return rights[what];
}

int landlock_grant(struct landlock *landlock, const char *path, enum landlock_grant what,
		   struct plait_error *error)
{
	struct stat found;
	int fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 0
			       : refuse(error, path, "cannot be granted");
	int result = fstat(fd, &found);
	struct rule rule = { .allowed = rights_of(what) & landlock->handled, .parent = fd };
	if (result == 0 && !S_ISDIR(found.st_mode))
		rule.allowed &= OF_FILES;
	if (result == 0 && rule.allowed != 0)
		result = (int)syscall(CALL_ADD_RULE, landlock->fd, RULE_PATH_BENEATH, &rule, 0);
	if (result < 0)
		result = refuse(error, path, "cannot be granted");
	close(fd);
	return result;
}

int landlock_enter(struct landlock *landlock, struct plait_error *error)
{
	if (syscall(CALL_RESTRICT_SELF, landlock->fd, 0) == 0)
		return 0;
	return refuse(error, NULL, "cannot enter the Landlock rules");
}
