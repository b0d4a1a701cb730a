/* Sessions of clients that come back without a ticket, by their ids: bounded, and each for a time. */
#ifndef NET_TLS_SESSION_CACHE_H
#define NET_TLS_SESSION_CACHE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

struct tls_session_cache;

/* Keeps that many at most, the newest ones, each for lifetime_ms. NULL: no memory. */
struct tls_session_cache *tls_session_cache_new(size_t most, uint64_t lifetime_ms);

/* Wipes what it holds. NULL is allowed. */
void tls_session_cache_free(struct tls_session_cache **cache);

/* now_ms is monotonic. Any thread. */
void tls_session_cache_put(struct tls_session_cache *cache, uint64_t now_ms, SSL_SESSION *session);

/* A session of the caller's; NULL: it is not there. Any thread. */
SSL_SESSION *tls_session_cache_get(struct tls_session_cache *cache, uint64_t now_ms, const void *id,
				   size_t len);

#endif
