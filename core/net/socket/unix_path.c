/* The files of UNIX sockets. */
#include "core/net/socket/unix_path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/system_text.h"

/* A second. */
#define LOCK_TRIES 100

/* What stands at a path before it is bound. */
enum occupant { NOBODY, STALE, ALIVE, FOREIGN };

static enum occupant look(const struct sockaddr_un *sun, socklen_t len)
{
	struct stat found;
	if (lstat(sun->sun_path, &found) < 0)
		return NOBODY;
	if (!S_ISSOCK(found.st_mode))
		return FOREIGN;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ALIVE;
	/* EAGAIN is a full backlog; only a refusal proves that nobody listens. */
	bool refused = connect(fd, (const struct sockaddr *)sun, len) < 0 && errno == ECONNREFUSED;
	close(fd);
	return refused ? STALE : ALIVE;
}

static int clear_the_way(const struct sockaddr_un *sun, socklen_t len, struct plait_error *error)
{
	switch (look(sun, len)) {
	case NOBODY: return 0;
	case STALE:
		if (unlink(sun->sun_path) == 0 || errno == ENOENT)
			return 0;
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, sun->sun_path,
				       "cannot remove the stale socket: %s; remove it by hand",
				       system_text(errno));
	case ALIVE:
		return plait_error_set(
			error, PLAIT_ERROR_SYSTEM, sun->sun_path,
			"another program is listening on it: choose another path or stop that one");
	case FOREIGN:
	default:
		return plait_error_set(
			error, PLAIT_ERROR_SYSTEM, sun->sun_path,
			"it exists and is no socket: choose another path or move that file away");
	}
}

/* Between another server's bind and its listen its socket looks stale: whoever starts holds a lock on the folder, which
 * leaves no file behind. Without the lock after LOCK_TRIES (somebody holds it for ever, or the folder cannot be read) it
 * goes on all the same. Returns the descriptor that holds the lock, or -1. */
static int lock_folder(const struct sockaddr_un *sun)
{
	static const struct timespec pause = { .tv_nsec = 10000000 };
	char path[sizeof(sun->sun_path) + 1] = "";
	memcpy(path, sun->sun_path, sizeof(sun->sun_path));
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&pause, NULL);
	return fd;
}

/* One of two names may be another program's, which somebody who may write to the folder has linked there. */
static bool is_sole_socket(const struct stat *found)
{
	return S_ISSOCK(found->st_mode) && found->st_nlink == 1;
}

/* What the process's umask took from the file that bind made; the umask belongs to all threads. 0, or -1 with errno. */
static int give_mode(const struct sockaddr_un *sun, mode_t mode)
{
	char path[sizeof(sun->sun_path) + 1] = "", link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	struct stat found;
	memcpy(path, sun->sun_path, sizeof(sun->sun_path));
	int file = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return -1;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	int result = fstat(file, &found);
	if (result == 0 && is_sole_socket(&found) && (found.st_mode & 0777) != mode)
		result = chmod(link, mode);
	close(file);
	return result;
}

static mode_t read_mode(const char *text)
{
	return (mode_t)strtoul(text, NULL, 8) & 0777;
}

int unix_path_set_mode(const struct sockaddr_un *sun, const char *mode)
{
	return sun->sun_path[0] == '\0' ? 0 : give_mode(sun, read_mode(mode));
}

/* The file is born with its mode, or less: nobody gets in between. */
static int bind_and_listen(int fd, const struct sockaddr_un *sun, socklen_t len, const char *mode_text,
			   int backlog, struct plait_error *error)
{
	bool abstract = sun->sun_path[0] == '\0';
	mode_t mode = read_mode(mode_text);
	bool bound = fchmod(fd, mode) == 0 && bind(fd, (const struct sockaddr *)sun, len) == 0;
	if (bound && (abstract || give_mode(sun, mode) == 0) && listen(fd, backlog) == 0)
		return 0;
	int failure = errno;
	char name[sizeof(sun->sun_path) + 2] = "@";
	memcpy(name + abstract, sun->sun_path + abstract, sizeof(sun->sun_path) - abstract);
	if (bound && !abstract)
		unlink(name);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, name, "cannot bind it: %s%s", system_text(failure),
			       failure == ENOENT       ? "; its folder does not exist"
			       : failure == EADDRINUSE ? "; another program has this name"
						       : "");
}

int unix_path_listen(int fd, const struct sockaddr_un *sun, socklen_t len, const char *mode, int backlog,
		     struct plait_error *error)
{
	if (sun->sun_path[0] == '\0')
		return bind_and_listen(fd, sun, len, mode, backlog, error);
	int lock = lock_folder(sun);
	int result = clear_the_way(sun, len, error);
	if (result == 0)
		result = bind_and_listen(fd, sun, len, mode, backlog, error);
	if (lock >= 0)
		close(lock);
	return result;
}

void unix_path_remember(int fd, struct unix_path_id *id)
{
	struct sockaddr_un sun;
	struct stat found;
	socklen_t len = sizeof(sun);
	*id = (struct unix_path_id){ 0 };
	if (getsockname(fd, (struct sockaddr *)&sun, &len) < 0 || sun.sun_family != AF_UNIX ||
	    sun.sun_path[0] == '\0')
		return;
	memcpy(id->path, sun.sun_path, sizeof(sun.sun_path));
	if (lstat(id->path, &found) < 0) {
		id->path[0] = '\0';
		return;
	}
	id->device = found.st_dev;
	id->inode = found.st_ino;
}

/* What was put in its place is never given away. */
int unix_path_give(const struct unix_path_id *id, uid_t uid, gid_t gid)
{
	struct stat found;
	if (!id->path[0] || (uid == (uid_t)-1 && gid == (gid_t)-1))
		return 0;
	int file = open(id->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0)
		return -1;
	int result = fstat(file, &found);
	if (result == 0 && is_sole_socket(&found) && found.st_dev == id->device && found.st_ino == id->inode)
		result = fchownat(file, "", uid, gid, AT_EMPTY_PATH);
	int error = errno;
	close(file);
	errno = error;
	return result;
}

void unix_path_remove(struct unix_path_id *id)
{
	struct stat found;
	if (id->path[0] && lstat(id->path, &found) == 0 && found.st_dev == id->device &&
	    found.st_ino == id->inode)
		unlink(id->path);
	id->path[0] = '\0';
}
