/* Copies a plugin's file into memory that nobody can change, after judging whether file and folder can be
 * trusted. */
#include "core/plugin/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/open_file.h"
#include "core/base/system_text.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define LARGEST ((off_t)256 << 20) /* far above any plugin, far below what hurts */

static int system_error(struct plait_error *error, const char *file, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, file, "%s: %s%s", what, system_text(errno),
			       open_file_remedy(errno));
}

/* what is "" for the file itself. Who could change it could run any code in this process. */
static int check_trust(const struct stat *stat, const char *file, const char *what, const char *path,
		       struct plait_error *error)
{
	if (stat->st_uid != 0 && stat->st_uid != geteuid())
		return plait_error_set(error, PLAIT_ERROR_REFUSED, file,
				       "%sbelongs to user %u, neither to root nor to user %u who runs plait; "
				       "a plugin can do what plait can, so: chown root %s",
				       what, (unsigned)stat->st_uid, (unsigned)geteuid(), path);
	/* A folder like /tmp is meant to be so. */
	if (stat->st_mode & S_ISVTX && stat->st_mode & (S_IWGRP | S_IWOTH))
		return plait_error_set(
			error, PLAIT_ERROR_REFUSED, file,
			"%sothers write to as well (mode %04o); a plugin can do what plait can, so: "
			"move it to a folder of your own",
			what, (unsigned)(stat->st_mode & 07777));
	if (stat->st_mode & (S_IWGRP | S_IWOTH)) {
		bool group = stat->st_mode & S_IWGRP, others = stat->st_mode & S_IWOTH;

		return plait_error_set(
			error, PLAIT_ERROR_REFUSED, file,
			"%scan be written by %s%s%s (mode %04o); a plugin can do what plait can, so: chmod %s-w %s",
			what, group ? "its group" : "", group && others ? " and " : "",
			others ? "everybody" : "", (unsigned)(stat->st_mode & 07777),
			group && others ? "go"
			: group         ? "g"
					: "o",
			path);
	}
	return 0;
}

/* The folder file lies in, opened so that the one judged is the one used; or a negative code. */
static int open_folder(const char *file, struct plait_error *error)
{
	const char *slash = strrchr(file, '/');
	char folder[PATH_MAX];
	struct stat stat;

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash == file ? 1 : slash - file), file);
	int fd = open_file(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) < 0) {
		int code = system_error(error, file, "cannot open its folder");

		if (fd >= 0)
			close(fd);
		return code;
	}
	int code = check_trust(&stat, file, "is in a folder that ", folder, error);

	if (!code)
		return fd;
	close(fd);
	return code;
}

int file_check_folder(const char *path, struct plait_error *error)
{
	int fd = open_folder(path, error);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int check_file(const struct stat *stat, const char *file, struct plait_error *error)
{
	if (S_ISDIR(stat->st_mode))
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "is a folder; name the .so file in it");
	if (!S_ISREG(stat->st_mode))
		return plait_error_set(error, PLAIT_ERROR_INVALID, file,
				       "is no regular file; a plugin is a shared object (.so)");
	if (stat->st_size > LARGEST)
		return plait_error_set(error, PLAIT_ERROR_OVERFLOW, file,
				       "has %lld bytes, and a plugin may have %lld; is it the right file?",
				       (long long)stat->st_size, (long long)LARGEST);
	return check_trust(stat, file, "", file, error);
}

/* The file opened, its size known; or a negative code. */
static int open_trusted(const char *file, off_t *size, struct plait_error *error)
{
	struct stat stat;
	int folder = open_folder(file, error);

	if (folder < 0)
		return folder;
	/* A FIFO or a device must not hold us up. */
	int fd = openat(folder, strrchr(file, '/') + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		fd = open_file(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int code = 0;

	if (fd < 0 || fstat(fd, &stat) < 0)
		code = system_error(error, file, "cannot be opened");
	close(folder);
	if (!code)
		code = check_file(&stat, file, error);
	if (!code) {
		*size = stat.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return code;
}

static int open_memory(const char *file)
{
	char name[128];

	snprintf(name, sizeof(name), "%s", strrchr(file, '/') + 1);
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	/* Kernels before 6.3 do not know MFD_EXEC; theirs can always be executed. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t wrote = write(fd, data, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return -1;
		data += wrote;
		len -= (size_t)wrote;
	}
	return 0;
}

/* Returns the bytes copied, at most limit, or -1. */
static off_t copy(int from, int to, off_t limit)
{
	char block[65536];
	off_t total = 0;

	for (;;) {
		ssize_t got = read(from, block, sizeof(block));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -1 : total;
		if (got > limit - total)
			got = (ssize_t)(limit - total);
		if (write_all(to, block, (size_t)got) < 0)
			return -1;
		total += got;
		if (total == limit)
			return total;
	}
}

int file_copy(const char *file, size_t *size, struct plait_error *error)
{
	off_t expected = 0, copied;
	int memory, fd = open_trusted(file, &expected, error);

	if (fd < 0)
		return -1;
	memory = open_memory(file);
	if (memory < 0) {
		system_error(error, file, "cannot get memory for a private copy (memfd_create)");
		goto fail;
	}
	copied = copy(fd, memory, expected);
	if (copied < 0) {
		system_error(error, file, "cannot be copied to memory");
		goto fail;
	}
	if (fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		system_error(error, file, "cannot seal its private copy");
		goto fail;
	}
	close(fd);
	*size = (size_t)copied;
	return memory;

fail:
	if (memory >= 0)
		close(memory);
	close(fd);
	return -1;
}
