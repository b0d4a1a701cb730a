/* Sockets by the listener that asked for them, or else by their address. */
#include "core/server/supervisor/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/server/broker.h"
#include "core/server/systemd/activation.h"

/* What the largest configuration could ask for: a socket for each address and loop. */
#define ENTRIES_MAX (1u << 20)

/* Descriptors that no socket gets: without any the next worker could not begin. */
#define SPARE 32

static void read_settings(const struct channel_settings *from, struct socket_settings *to)
{
	*to = (struct socket_settings){
		.backlog = from->backlog,
		.nodelay = from->nodelay,
		.reuseaddr = from->reuseaddr,
		.v6only = from->v6only,
		.shared = from->shared,
		.keepalive = { .enabled = from->keepalive,
			       .idle_ms = from->keepalive_idle_ms,
			       .interval_ms = from->keepalive_interval_ms,
			       .count = from->keepalive_count },
		.mode = from->mode,
	};
}

static bool same_request(const struct channel_bind *a, const struct channel_bind *b)
{
	return a->type == b->type && a->number == b->number && a->share == b->share && a->len == b->len &&
	       strcmp(a->name, b->name) == 0 && memcmp(&a->sa, &b->sa, a->len) == 0;
}

/* The address that the kernel gave. */
static bool is_bound_to(const struct store_entry *entry, const struct channel_bind *key)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	return entry->key.type == key->type && entry->key.share == key->share &&
	       getsockname(entry->fd, (struct sockaddr *)&sa, &len) == 0 &&
	       socket_same_address(&sa, len, &key->sa, key->len);
}

/* What cannot be changed once it is bound. */
static bool fits(const struct store_entry *entry, const struct channel_bind *key)
{
	return entry->key.settings.v6only == key->settings.v6only &&
	       entry->key.settings.shared == key->settings.shared;
}

static struct store_entry *find(struct store *store, const struct channel_bind *key, uint32_t worker)
{
	for (size_t i = 0; i < store->count; i++)
		if (store->entries[i].lent_to != worker && same_request(&store->entries[i].key, key))
			return &store->entries[i];
	for (size_t i = 0; i < store->count; i++)
		if (store->entries[i].lent_to != worker && is_bound_to(&store->entries[i], key))
			return &store->entries[i];
	return NULL;
}

static void close_at(struct store *store, size_t index)
{
	struct store_entry *entry = &store->entries[index];
	channel_discard(entry->fd);
	unix_path_remove(&entry->file);
	memmove(entry, entry + 1, (--store->count - index) * sizeof(*entry));
}

int store_add(struct store *store, const struct channel_bind *key, int fd, uint32_t worker)
{
	if (store->count == store->capacity) {
		size_t capacity = store->capacity ? store->capacity * 2 : 16;
		struct store_entry *entries = capacity <= ENTRIES_MAX
						      ? realloc(store->entries, capacity * sizeof(*entries))
						      : NULL;
		if (!entries) {
			close(fd);
			return -1;
		}
		store->entries = entries;
		store->capacity = capacity;
	}
	struct store_entry *entry = &store->entries[store->count++];
	*entry = (struct store_entry){
		.key = *key, .fd = fd, .cookie = channel_cookie(fd), .lent_to = worker
	};
	if (!activation_has(fd))
		unix_path_remember(fd, &entry->file);
	return 0;
}

static bool is_spare(int fd)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd + SPARE >= limit.rlim_cur;
}

int store_get(struct store *store, const struct channel_bind *key, uint32_t worker, struct plait_error *error)
{
	struct socket_settings settings;
	read_settings(&key->settings, &settings);
	struct store_entry *found = find(store, key, worker);
	if (found && !fits(found, key)) {
		close_at(store, (size_t)(found - store->entries));
		found = NULL;
	}
	if (found) {
		found->lent_to = worker;
		socket_adjust(found->fd, &settings);
		return found->fd;
	}
	struct broker_socket wanted = {
		.name = key->name,
		.type = key->type,
		.sa = &key->sa,
		.len = key->len,
		.settings = &settings,
		.share = key->share,
		.number = key->number,
	};
	int fd = broker_bind_here(&wanted, error);
	if (fd < 0)
		return fd;
	if (store_add(store, key, fd, worker) < 0)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a socket");
	if (is_spare(fd)) {
		close_at(store, store->count - 1);
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "%s", system_text(EMFILE));
	}
	return fd;
}

void store_give(struct store *store, int fd, uid_t uid, gid_t gid)
{
	for (size_t i = 0; i < store->count; i++)
		if (store->entries[i].fd == fd && unix_path_give(&store->entries[i].file, uid, gid) < 0)
			log_write(PLAIT_LOG_WARNING, NULL,
				  "supervisor: cannot give %s to the server's user: %s",
				  store->entries[i].file.path, strerror(errno));
}

void store_keep(struct store *store, const struct channel_keep *keep, uint16_t who)
{
	for (size_t i = 0; i < store->count; i++) {
		struct store_entry *entry = &store->entries[i];
		if (entry->cookie != keep->cookie)
			continue;
		entry->named |= who;
		memcpy(entry->key.name, keep->name, sizeof(entry->key.name));
	}
}

void store_unkeep(struct store *store, uint16_t who)
{
	for (size_t i = 0; i < store->count; i++) {
		store->entries[i].named &= (uint16_t)~who;
		store->entries[i].kept &= (uint16_t)~who;
	}
}

void store_keep_end(struct store *store, uint16_t who)
{
	for (size_t i = 0; i < store->count; i++) {
		struct store_entry *entry = &store->entries[i];
		entry->kept = (uint16_t)((entry->kept & ~who) | (entry->named & who));
		entry->named &= (uint16_t)~who;
	}
}

void store_sweep(struct store *store)
{
	for (size_t i = store->count; i-- > 0;) {
		struct store_entry *entry = &store->entries[i];
		entry->served = entry->kept;
		entry->kept = 0;
		if (!entry->served)
			close_at(store, i);
	}
}

void store_release(struct store *store, uint32_t worker)
{
	for (size_t i = store->count; i-- > 0;)
		if (store->entries[i].lent_to == worker && !store->entries[i].served &&
		    !store->entries[i].named && !store->entries[i].kept)
			close_at(store, i);
}

void store_stop(struct store *store)
{
	for (size_t i = store->count; i-- > 0;)
		if (strcmp(store->entries[i].key.name, BROKER_CONTROL_NAME) != 0)
			close_at(store, i);
}

void store_clear(struct store *store)
{
	while (store->count > 0)
		close_at(store, store->count - 1);
	store_forget(store);
}

void store_forget(struct store *store)
{
	for (size_t i = 0; i < store->count; i++)
		close(store->entries[i].fd);
	free(store->entries);
	*store = (struct store){ 0 };
}
