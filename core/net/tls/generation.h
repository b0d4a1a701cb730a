/* What one reading of a context's files came to. It never changes; a handshake uses one from its beginning to its end. */
#ifndef NET_TLS_GENERATION_H
#define NET_TLS_GENERATION_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/problem.h"
#include "core/net/tls/served.h"
#include "core/net/tls/settings.h"

struct tls_sessions;
struct tls_staple;
struct tls_ticket_keys;

/* Of what tells the sessions of contexts apart; OpenSSL's bound, less what tells their names apart. */
#define TLS_SESSION_ID_SIZE 24

struct tls_generation {
	SSL_CTX *ssl;               /* who holds it holds the generation */
	struct tls_staple *staples; /* a list */
	char *groups;               /* SSL_CTX_set1_groups_list's, which OpenSSL cannot be asked for */

	/* verify.c: a digest of all that decides about a client, and when the first list of revoked ones expires (0: none
	 * does). */
	unsigned char trust[32];
	time_t lists_until;

	/* sessions.c */
	struct tls_sessions *sessions;       /* the context's */
	struct tls_ticket_keys *ticket_keys; /* theirs, or a file's */
	int64_t session_timeout_s;
	bool tickets;

	/* A session is resumed by connections only that have the same here: what of the context a session's peer was
	 * judged by, the same in all generations where that is the same. */
	unsigned char session_id[TLS_SESSION_ID_SIZE];

	/* For those who ask; handshakes do not. */
	time_t made; /* when */
	struct tls_served served[TLS_SERVED_MAX];
	unsigned served_count;
};

/* Settings are copied where they are needed later; sessions are the context's. path: where they stand in the
 * configuration, "tls.default". 0; or a negative code (PLAIT_ERROR_SYSTEM, PLAIT_ERROR_MEMORY: it was not for the files),
 * NULL, and an error added to problems, which may have warnings in any case. */
int tls_generation_new(const struct tls_settings *settings, struct tls_sessions *sessions, const char *path,
		       struct problems *problems, struct tls_generation **out);

/* Of a connection's SSL, of whichever generation it is now. */
struct tls_generation *tls_generation_of(const SSL *ssl);

/* Moves a connection to another generation, from the callback for its ClientHello, before anything in that counts. All that
 * OpenSSL keeps in the SSL is set anew: who adds such a setting adds it there. Not so what it keeps asking of the SSL_CTX
 * that the SSL was made from: callbacks for tickets and for the session cache, the session timeout. So these are the same in
 * all generations, and ask tls_generation_of. 0, or -1: no memory. */
int tls_generation_switch(SSL *ssl, struct tls_generation *generation);

/* Any thread. tls.h has the opposite. */
struct tls_generation *tls_generation_ref(struct tls_generation *generation);

#endif
