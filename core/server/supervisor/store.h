/* The sockets that the supervisor holds: they outlive the workers that serve by them, with all who wait in their backlogs. */
#ifndef SERVER_SUPERVISOR_STORE_H
#define SERVER_SUPERVISOR_STORE_H

#include "core/net/socket/unix_path.h"
#include "core/server/supervisor/channel.h"

struct store_entry {
	struct channel_bind key; /* as it was asked for first; the name is the latest */
	struct unix_path_id file;
	uint64_t cookie;
	int fd;
	uint32_t lent_to; /* a worker's number; 0: none */
	uint16_t named;   /* by workers that are telling what they serve by; a bit each */
	uint16_t kept;    /* by those that have told all of it */
	bool served;      /* one had, when it was asked last */
};

struct store {
	struct store_entry *entries;
	size_t count, capacity;
};

/* The socket for that key: one that is held and that this worker does not have, or a fresh one. The descriptor stays the
 * store's. Or a negative code with error filled. */
int store_get(struct store *store, const struct channel_bind *key, uint32_t worker,
	      struct plait_error *error);

/* The file of that socket of its, if there is one, to another owner. */
void store_give(struct store *store, int fd, uid_t uid, gid_t gid);

/* Takes fd and its file over. 0, or -1: no memory; then fd is closed. */
int store_add(struct store *store, const struct channel_bind *key, int fd, uint32_t worker);

/* One that is held is served by; who: the worker's bit. */
void store_keep(struct store *store, const struct channel_keep *keep, uint16_t who);

/* That worker has named all that it serves by, and nothing else that it named before. */
void store_keep_end(struct store *store, uint16_t who);

/* It serves by none. */
void store_unkeep(struct store *store, uint16_t who);

/* Closes those that nobody has kept since the last time; files of UNIX sockets go with them. */
void store_sweep(struct store *store);

/* That worker has ended: closes what it was lent and nobody has served by. */
void store_release(struct store *store, uint32_t worker);

/* The server stops listening: closes all but the control socket's. */
void store_stop(struct store *store);

/* Closes all. */
void store_clear(struct store *store);

/* Closes the descriptors only: another process holds the sockets, too. */
void store_forget(struct store *store);

#endif
