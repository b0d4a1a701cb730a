/* Counting connections, in all with an atomic, by address in a table that holds only who is connected. */
#include "core/policy/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A host, without its port; compared as bytes, so padding is zero. */
struct host {
	uint8_t family;
	uint8_t bytes[16];
};

struct visitor {
	struct host host;
	int64_t connections;
	UT_hash_handle hh;
};

struct limits {
	struct admission admission;
	const struct limit_settings *settings;
	atomic_llong connections;
	pthread_mutex_t lock; /* of visitors; taken only when there is a limit by address */
	struct visitor *visitors;
};

static struct limits *limits_of(struct admission *admission)
{
	return (struct limits *)(void *)admission; /* its first member */
}

static struct host host_of(const struct plait_addr *addr)
{
	struct host host = { .family = addr->family };
	memcpy(host.bytes, addr->u.bytes, sizeof(host.bytes));
	if (addr->family == PLAIT_FAMILY_IPV4)
		memset(host.bytes + 4, 0, 12);
	return host;
}

/* The peers of a UNIX socket have no address to be told apart by. */
static bool by_address(const struct limits *limits, const struct plait_addr *peer)
{
	return limits->settings->per_address > 0 && peer->family != PLAIT_FAMILY_UNIX;
}

static enum plait_reason visit(struct limits *limits, const struct plait_addr *peer)
{
	struct host host = host_of(peer);
	struct visitor *visitor;
	enum plait_reason reason = PLAIT_REASON_NONE;
	pthread_mutex_lock(&limits->lock);
	HASH_FIND(hh, limits->visitors, &host, sizeof(host), visitor);
	if (!visitor) {
		visitor = calloc(1, sizeof(*visitor));
		if (visitor) {
			visitor->host = host;
			HASH_ADD(hh, limits->visitors, host, sizeof(host), visitor);
		}
	}
	if (!visitor)
		reason = PLAIT_REASON_INTERNAL;
	else if (visitor->connections >= limits->settings->per_address)
		reason = PLAIT_REASON_LIMIT_ADDRESS;
	else
		visitor->connections++;
	pthread_mutex_unlock(&limits->lock);
	return reason;
}

static void leave(struct limits *limits, const struct plait_addr *peer)
{
	struct host host = host_of(peer);
	struct visitor *visitor;
	pthread_mutex_lock(&limits->lock);
	HASH_FIND(hh, limits->visitors, &host, sizeof(host), visitor);
	if (visitor && --visitor->connections == 0) {
		HASH_DEL(limits->visitors, visitor);
		free(visitor);
	}
	pthread_mutex_unlock(&limits->lock);
}

static enum plait_reason admit(struct admission *admission, const struct plait_addr *peer)
{
	struct limits *limits = limits_of(admission);
	int64_t most = limits->settings->connections;
	int64_t before = atomic_fetch_add_explicit(&limits->connections, 1, memory_order_relaxed);
	enum plait_reason reason = PLAIT_REASON_NONE;
	if (most > 0 && before >= most)
		reason = PLAIT_REASON_LIMIT_CONNECTIONS;
	else if (by_address(limits, peer))
		reason = visit(limits, peer);
	if (reason != PLAIT_REASON_NONE)
		atomic_fetch_sub_explicit(&limits->connections, 1, memory_order_relaxed);
	return reason;
}

static void release(struct admission *admission, const struct plait_addr *peer)
{
	struct limits *limits = limits_of(admission);
	atomic_fetch_sub_explicit(&limits->connections, 1, memory_order_relaxed);
	if (by_address(limits, peer))
		leave(limits, peer);
}

struct limits *limits_new(const struct limit_settings *settings)
{
	struct limits *limits = calloc(1, sizeof(*limits));
	if (!limits)
		return NULL;
	limits->admission.admit = admit;
	limits->admission.release = release;
	limits->settings = settings;
	pthread_mutex_init(&limits->lock, NULL);
	return limits;
}

void limits_free(struct limits **limits_at)
{
	struct limits *limits = *limits_at;
	struct visitor *visitor, *next;
	*limits_at = NULL;
	if (!limits)
		return;
	HASH_ITER (hh, limits->visitors, visitor, next) {
		HASH_DEL(limits->visitors, visitor);
		free(visitor);
	}
	pthread_mutex_destroy(&limits->lock);
	free(limits);
}

struct admission *limits_admission(struct limits *limits)
{
	return &limits->admission;
}
