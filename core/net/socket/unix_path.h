/* UNIX sockets in the file system: stale files, modes, and taking the file away again. */
#ifndef NET_SOCKET_UNIX_PATH_H
#define NET_SOCKET_UNIX_PATH_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <plait/error.h>

/* Binds fd and listens on it. A socket file that nobody listens on any more is replaced; anything else in the way is an error. mode: octal
 * text. Any thread. 0 or a negative code. */
int unix_path_listen(int fd, const struct sockaddr_un *sun, socklen_t len, const char *mode, int backlog,
		     struct plait_error *error);

/* Another mode for the file of a bound socket. 0, or -1 with errno. Any thread. */
int unix_path_set_mode(const struct sockaddr_un *sun, const char *mode);

/* Which file a bound socket made, to take away this one and no other. */
struct unix_path_id {
	dev_t device;
	ino_t inode;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1]; /* empty: none */
};

void unix_path_remember(int fd, struct unix_path_id *id);
/* Gives the file to another owner; -1: leaves it. 0, or -1 with errno. */
int unix_path_give(const struct unix_path_id *id, uid_t uid, gid_t gid);

void unix_path_remove(struct unix_path_id *id);

#endif
