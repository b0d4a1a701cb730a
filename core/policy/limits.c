/* Counting connections and handshakes, in all with an atomic, by address in a table that holds only who is connected. */
#include "core/policy/limits.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

#include "core/base/block.h"
#include "core/base/compiler.h"
#include "core/base/container.h"

/* Connections of different hosts come and go on all loops at once, and mostly in different parts of the table. */
#define SHARDS 16u

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

/* Used only when there is a limit by address. */
struct shard {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct visitor *visitors;
};

struct limits {
	uint64_t secret[2];
	_Alignas(CACHE_LINE) atomic_llong connections;
	atomic_llong handshakes;
	struct shard shards[SHARDS];
};

static struct limits_gate *gate_of(struct admission *admission)
{
	return CONTAINER_OF(admission, struct limits_gate, admission);
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
static bool by_address(const struct limits_gate *gate, const struct plait_addr *peer)
{
	return gate->settings->per_address > 0 && peer->family != PLAIT_FAMILY_UNIX;
}

/* Who does not know the secret cannot choose addresses that share a bucket. */
static unsigned hash_of(const struct limits *limits, const struct host *host)
{
	uint64_t half[2];
	memcpy(half, host->bytes, sizeof(half));
	unsigned __int128 product = (unsigned __int128)(half[0] ^ limits->secret[0]) *
				    (half[1] ^ limits->secret[1] ^ host->family);
	uint64_t mixed = ((uint64_t)product ^ (uint64_t)(product >> 64)) * 0x9e3779b97f4a7c15u;
	return (unsigned)(mixed >> 32);
}

/* The table's buckets are told apart by the hash's last bits, shards by the first. */
static struct shard *shard_of(struct limits *limits, unsigned hash)
{
	return &limits->shards[hash / (UINT32_MAX / SHARDS + 1)];
}

static struct visitor *find(const struct shard *shard, const struct host *host, unsigned hash)
{
	struct visitor *visitor;
	HASH_FIND_BYHASHVALUE(hh, shard->visitors, host, sizeof(*host), hash, visitor);
	return visitor;
}

static struct visitor *enter(struct shard *shard, const struct host *host, unsigned hash)
{
	struct visitor *visitor = block_take(sizeof(*visitor));
	if (!visitor)
		return NULL;
	*visitor = (struct visitor){ .host = *host };
	HASH_ADD_BYHASHVALUE(hh, shard->visitors, host, sizeof(*host), hash, visitor);
	return visitor;
}

static void forget(struct shard *shard, struct visitor *visitor)
{
	HASH_DEL(shard->visitors, visitor);
	block_give(visitor);
}

static enum plait_reason visit(const struct limits_gate *gate, const struct plait_addr *peer)
{
	struct limits *limits = gate->limits;
	struct host host = host_of(peer);
	unsigned hash = hash_of(limits, &host);
	struct shard *shard = shard_of(limits, hash);
	enum plait_reason reason = PLAIT_REASON_NONE;
	pthread_mutex_lock(&shard->lock);
	struct visitor *visitor = find(shard, &host, hash);
	if (!visitor)
		visitor = enter(shard, &host, hash);
	if (!visitor)
		reason = PLAIT_REASON_INTERNAL;
	else if (visitor->connections >= gate->settings->per_address)
		reason = PLAIT_REASON_LIMIT_ADDRESS;
	else
		visitor->connections++;
	pthread_mutex_unlock(&shard->lock);
	return reason;
}

static void leave(struct limits *limits, const struct plait_addr *peer)
{
	struct host host = host_of(peer);
	unsigned hash = hash_of(limits, &host);
	struct shard *shard = shard_of(limits, hash);
	pthread_mutex_lock(&shard->lock);
	struct visitor *visitor = find(shard, &host, hash);
	if (visitor && --visitor->connections == 0)
		forget(shard, visitor);
	pthread_mutex_unlock(&shard->lock);
}

static enum plait_reason admit(struct admission *admission, const struct plait_addr *peer, bool *overflow)
{
	const struct limits_gate *gate = gate_of(admission);
	struct limits *limits = gate->limits;
	if (!access_allows(gate->access, peer))
		return PLAIT_REASON_DENIED;
	int64_t most = gate->settings->connections;
	int64_t before = atomic_fetch_add_explicit(&limits->connections, 1, memory_order_relaxed);
	enum plait_reason reason = PLAIT_REASON_NONE;
	*overflow = most > 0 && before >= most;
	if (*overflow && before >= most + gate->settings->overflow)
		reason = PLAIT_REASON_LIMIT_CONNECTIONS;
	else if (by_address(gate, peer))
		reason = visit(gate, peer);
	if (reason != PLAIT_REASON_NONE)
		atomic_fetch_sub_explicit(&limits->connections, 1, memory_order_relaxed);
	return reason;
}

static void release(struct admission *admission, const struct plait_addr *peer)
{
	const struct limits_gate *gate = gate_of(admission);
	atomic_fetch_sub_explicit(&gate->limits->connections, 1, memory_order_relaxed);
	if (by_address(gate, peer))
		leave(gate->limits, peer);
}

static bool begin_handshake(struct admission *admission)
{
	const struct limits_gate *gate = gate_of(admission);
	struct limits *limits = gate->limits;
	int64_t most = gate->settings->handshakes;
	int64_t before = atomic_fetch_add_explicit(&limits->handshakes, 1, memory_order_relaxed);
	if (most == 0 || before < most)
		return true;
	atomic_fetch_sub_explicit(&limits->handshakes, 1, memory_order_relaxed);
	return false;
}

static void end_handshake(struct admission *admission)
{
	atomic_fetch_sub_explicit(&gate_of(admission)->limits->handshakes, 1, memory_order_relaxed);
}

int64_t limits_handshakes(const struct limits *limits)
{
	return atomic_load_explicit(&limits->handshakes, memory_order_relaxed);
}

int64_t limits_count(const struct limits *limits)
{
	return atomic_load_explicit(&limits->connections, memory_order_relaxed);
}

struct limits *limits_new(void)
{
	struct limits *limits = aligned_alloc(CACHE_LINE, sizeof(*limits));
	if (!limits)
		return NULL;
	*limits = (struct limits){ 0 };
	/* From early in the system's life there is always something; without it, the table is merely predictable. */
	(void)!getrandom(limits->secret, sizeof(limits->secret), GRND_NONBLOCK);
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&limits->shards[i].lock, NULL);
	return limits;
}

void limits_free(struct limits **limits_at)
{
	struct limits *limits = *limits_at;
	*limits_at = NULL;
	for (unsigned i = 0; limits && i < SHARDS; i++) {
		struct shard *shard = &limits->shards[i];
		while (shard->visitors)
			forget(shard, shard->visitors);
		pthread_mutex_destroy(&shard->lock);
	}
	free(limits);
}

void limits_gate_init(struct limits_gate *gate, struct limits *limits, const struct limit_settings *settings)
{
	*gate = (struct limits_gate){ .admission = { .admit = admit,
						     .release = release,
						     .begin_handshake = begin_handshake,
						     .end_handshake = end_handshake },
				      .settings = settings,
				      .limits = limits };
}
