/* How clients come back without a full handshake: with tickets that only we can read, or with sessions that are kept here.
 * A session is resumed in the context that made it, by whom that context would let in still, and for session_timeout after
 * its full handshake, however often it is resumed. */
#ifndef NET_TLS_SESSIONS_H
#define NET_TLS_SESSIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/base/problem.h"
#include "core/net/tls/settings.h"

struct tls_generation;
struct tls_session_cache;
struct tls_ticket_keys;

/* What all generations of a context share. */
struct tls_sessions {
	atomic_uint references;
	uint64_t (*monotonic_ms)(void);  /* clocks; tests replace them before there are handshakes */
	int64_t (*seconds)(void);        /* since 1970 */
	struct tls_ticket_keys *keys;    /* of our own */
	struct tls_session_cache *cache; /* NULL: none */
};

/* NULL: no memory. */
struct tls_sessions *tls_sessions_new(const struct tls_settings *settings);

/* Any thread; NULL is allowed. */
struct tls_sessions *tls_sessions_ref(struct tls_sessions *sessions);
void tls_sessions_unref(struct tls_sessions **sessions);

/* A step of tls_generation_new, behind tls_verify_apply; and what it came to. */
int tls_sessions_apply(struct tls_generation *generation, const struct tls_settings *settings,
		       const char *path, struct problems *problems);
void tls_sessions_release(struct tls_generation *generation);

#endif
