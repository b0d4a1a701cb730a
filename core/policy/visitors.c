/* Tables of visitors, in parts with a lock each. */
#include "core/policy/visitors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl of what was not added is NULL */
#include <uthash.h>

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/compiler.h"

/* Connections of different hosts come and go on all loops at once, and mostly in different parts of the table. */
#define SHARDS 16u

/* Forgotten at a time; each who comes or goes makes one rest at most. */
#define SWEEP 4

struct visitor {
	struct visitor_key key;
	int64_t connections;
	uint64_t full_ns;                /* of its bucket */
	struct visitor *previous, *next; /* resting: who rests longer, and shorter */
	UT_hash_handle hh;
};

struct shard {
	_Alignas(CACHE_LINE) pthread_mutex_t lock;
	struct visitor *all;
	struct visitor *longest, *shortest; /* resting: with no connection, and a bucket that is not full */
	size_t resting;
};

struct visitors {
	uint64_t secret[2];
	struct shard shards[SHARDS];
};

struct visitor_key visitor_key(enum visitor_kind kind, const struct plait_addr *addr, unsigned bits)
{
	unsigned bytes = addr->family == PLAIT_FAMILY_IPV4 ? 4 : 16;
	if (bits > bytes * 8)
		bits = bytes * 8;
	struct visitor_key key = { .kind = (uint8_t)kind, .family = addr->family, .bits = (uint8_t)bits };
	memcpy(key.bytes, addr->u.bytes, (bits + 7) / 8);
	if (bits % 8)
		key.bytes[bits / 8] &= (uint8_t)(0xff00 >> (bits % 8));
	return key;
}

/* Who does not know the secret cannot choose addresses that share a bucket of the hash. */
static unsigned hash_of(const struct visitors *visitors, const struct visitor_key *key)
{
	uint64_t half[2];
	unsigned kind = key->kind | (unsigned)key->family << 8 | (unsigned)key->bits << 16;
	memcpy(half, key->bytes, sizeof(half));
	unsigned __int128 product = (unsigned __int128)(half[0] ^ visitors->secret[0]) *
				    (half[1] ^ visitors->secret[1] ^ kind);
	uint64_t mixed = ((uint64_t)product ^ (uint64_t)(product >> 64)) * 0x9e3779b97f4a7c15u;
	return (unsigned)(mixed >> 32);
}

/* The table's buckets are told apart by the hash's last bits, shards by the first. */
static struct shard *shard_of(struct visitors *visitors, unsigned hash)
{
	return &visitors->shards[hash / (UINT32_MAX / SHARDS + 1)];
}

static struct visitor *find(const struct shard *shard, const struct visitor_key *key, unsigned hash)
{
	struct visitor *visitor;
	HASH_FIND_BYHASHVALUE(hh, shard->all, key, sizeof(*key), hash, visitor);
	return visitor;
}

static struct visitor *add(struct shard *shard, const struct visitor_key *key, unsigned hash)
{
	struct visitor *visitor = block_take(sizeof(*visitor));
	if (!visitor)
		return NULL;
	*visitor = (struct visitor){ .key = *key };
	HASH_ADD_BYHASHVALUE(hh, shard->all, key, sizeof(visitor->key), hash, visitor);
	if (visitor->hh.tbl)
		return visitor;
	block_give(visitor);
	return NULL;
}

static void forget(struct shard *shard, struct visitor *visitor)
{
	HASH_DEL(shard->all, visitor);
	block_give(visitor);
}

/* ---- who rests ---- */

static void rest(struct shard *shard, struct visitor *visitor)
{
	visitor->previous = shard->shortest;
	visitor->next = NULL;
	*(shard->shortest ? &shard->shortest->next : &shard->longest) = visitor;
	shard->shortest = visitor;
	shard->resting++;
}

static void stop_resting(struct shard *shard, struct visitor *visitor)
{
	*(visitor->previous ? &visitor->previous->next : &shard->longest) = visitor->next;
	*(visitor->next ? &visitor->next->previous : &shard->shortest) = visitor->previous;
	shard->resting--;
}

/* Those whose bucket is full again, and those for whom there is no room. */
static void sweep(struct shard *shard, uint64_t now_ns)
{
	for (unsigned i = 0; i < SWEEP && shard->longest; i++) {
		struct visitor *visitor = shard->longest;
		if (visitor->full_ns > now_ns && shard->resting <= VISITORS_RESTING / SHARDS)
			return;
		stop_resting(shard, visitor);
		forget(shard, visitor);
	}
}

/* ---- coming and going ---- */

static enum visit judge(struct visitor *visitor, const struct visit_limits *limits, uint64_t now_ns)
{
	visitor->full_ns = bucket_bounded(&limits->bucket, visitor->full_ns, now_ns);
	if (limits->connections > 0 && visitor->connections >= limits->connections)
		return VISIT_TOO_MANY;
	if (limits->bucket.each_ns > 0 && bucket_wait(&limits->bucket, visitor->full_ns, now_ns) > 0)
		return VISIT_TOO_FAST;
	return VISIT_GOOD;
}

static enum visit enter(struct shard *shard, const struct visitor_key *key, unsigned hash,
			const struct visit_limits *limits, uint64_t now_ns)
{
	struct visitor *visitor = find(shard, key, hash);
	if (visitor) {
		enum visit verdict = judge(visitor, limits, now_ns);
		if (verdict != VISIT_GOOD)
			return verdict;
		if (visitor->connections == 0)
			stop_resting(shard, visitor);
	} else {
		visitor = add(shard, key, hash);
		if (!visitor)
			return VISIT_NO_MEMORY;
	}
	visitor->connections++;
	if (limits->bucket.each_ns > 0)
		visitor->full_ns = bucket_less(&limits->bucket, visitor->full_ns, now_ns);
	return VISIT_GOOD;
}

enum visit visitors_enter(struct visitors *visitors, const struct visitor_key *key,
			  const struct visit_limits *limits, uint64_t now_ns)
{
	unsigned hash = hash_of(visitors, key);
	struct shard *shard = shard_of(visitors, hash);
	pthread_mutex_lock(&shard->lock);
	enum visit verdict = enter(shard, key, hash, limits, now_ns);
	sweep(shard, now_ns);
	pthread_mutex_unlock(&shard->lock);
	return verdict;
}

void visitors_leave(struct visitors *visitors, const struct visitor_key *key, uint64_t now_ns)
{
	unsigned hash = hash_of(visitors, key);
	struct shard *shard = shard_of(visitors, hash);
	pthread_mutex_lock(&shard->lock);
	struct visitor *visitor = find(shard, key, hash);
	if (visitor && --visitor->connections == 0) {
		if (visitor->full_ns > now_ns)
			rest(shard, visitor);
		else
			forget(shard, visitor);
	}
	sweep(shard, now_ns);
	pthread_mutex_unlock(&shard->lock);
}

size_t visitors_count(struct visitors *visitors)
{
	size_t count = 0;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *shard = &visitors->shards[i];
		pthread_mutex_lock(&shard->lock);
		count += HASH_COUNT(shard->all);
		pthread_mutex_unlock(&shard->lock);
	}
	return count;
}

struct visitors *visitors_new(void)
{
	struct visitors *visitors = alloc_apart(sizeof(*visitors), "who came by an address");
	*visitors = (struct visitors){ 0 };
	/* From early in the system's life there is always something; without it, the table is merely predictable. */
	(void)!getrandom(visitors->secret, sizeof(visitors->secret), GRND_NONBLOCK);
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&visitors->shards[i].lock, NULL);
	return visitors;
}

void visitors_free(struct visitors **visitors_at)
{
	struct visitors *visitors = *visitors_at;
	*visitors_at = NULL;
	for (unsigned i = 0; visitors && i < SHARDS; i++) {
		struct shard *shard = &visitors->shards[i];
		while (shard->all)
			forget(shard, shard->all);
		pthread_mutex_destroy(&shard->lock);
	}
	free(visitors);
}
