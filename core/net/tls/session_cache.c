/* The cache of TLS sessions. All live equally long, so the first that came is always the first to go. */
#include "core/net/tls/session_cache.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A session holds its client's certificate; one that is larger is not kept, and its client makes full handshakes. */
#define SESSION_MAX 16384

struct item {
	UT_hash_handle hh;
	uint64_t put_ms;
	size_t len;
	unsigned id_len;
	unsigned char id[SSL_MAX_SSL_SESSION_ID_LENGTH];
	unsigned char session[]; /* in ASN.1: a sixth of what OpenSSL makes of it, or less */
};

struct tls_session_cache {
	size_t most;
	uint64_t lifetime_ms;
	pthread_mutex_t lock; /* of what follows */
	struct item *items;   /* the table begins with the oldest */
};

struct tls_session_cache *tls_session_cache_new(size_t most, uint64_t lifetime_ms)
{
	struct tls_session_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	cache->most = most;
	cache->lifetime_ms = lifetime_ms;
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void free_item(struct item *item)
{
	OPENSSL_clear_free(item, sizeof(*item) + item->len);
}

static void remove_item(struct tls_session_cache *cache, struct item *item)
{
	HASH_DEL(cache->items, item);
	free_item(item);
}

void tls_session_cache_free(struct tls_session_cache **cache_at)
{
	struct tls_session_cache *cache = *cache_at;
	*cache_at = NULL;
	if (!cache)
		return;
	while (cache->items)
		remove_item(cache, cache->items);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static bool is_over(const struct tls_session_cache *cache, const struct item *item, uint64_t now_ms)
{
	return now_ms > item->put_ms && now_ms - item->put_ms >= cache->lifetime_ms;
}

static struct item *find(struct tls_session_cache *cache, const void *id, size_t len)
{
	struct item *item;
	HASH_FIND(hh, cache->items, id, (unsigned)len, item);
	return item;
}

/* Under the lock. */
static void insert(struct tls_session_cache *cache, struct item *item)
{
	struct item *same = find(cache, item->id, item->id_len);
	if (same)
		remove_item(cache, same);
	while (cache->items &&
	       (HASH_COUNT(cache->items) >= cache->most || is_over(cache, cache->items, item->put_ms)))
		remove_item(cache, cache->items);
	HASH_ADD_KEYPTR(hh, cache->items, item->id, item->id_len, item);
	if (!item->hh.tbl)
		free_item(item); /* no memory for the table */
}

void tls_session_cache_put(struct tls_session_cache *cache, uint64_t now_ms, SSL_SESSION *session)
{
	unsigned id_len;
	const unsigned char *id = SSL_SESSION_get_id(session, &id_len);
	int len = i2d_SSL_SESSION(session, NULL);
	if (id_len == 0 || id_len > SSL_MAX_SSL_SESSION_ID_LENGTH || len <= 0 || len > SESSION_MAX)
		return;
	struct item *item = OPENSSL_zalloc(sizeof(*item) + (size_t)len);
	if (!item)
		return;
	unsigned char *end = item->session;
	*item = (struct item){ .put_ms = now_ms, .len = (size_t)len, .id_len = id_len };
	memcpy(item->id, id, id_len);
	i2d_SSL_SESSION(session, &end);
	pthread_mutex_lock(&cache->lock);
	insert(cache, item);
	pthread_mutex_unlock(&cache->lock);
}

SSL_SESSION *tls_session_cache_get(struct tls_session_cache *cache, uint64_t now_ms, const void *id,
				   size_t len)
{
	SSL_SESSION *session = NULL;
	pthread_mutex_lock(&cache->lock);
	struct item *item = find(cache, id, len);
	if (item && is_over(cache, item, now_ms)) {
		remove_item(cache, item);
	} else if (item) {
		const unsigned char *bytes = item->session;
		session = d2i_SSL_SESSION(NULL, &bytes, (long)item->len);
	}
	pthread_mutex_unlock(&cache->lock);
	return session;
}
