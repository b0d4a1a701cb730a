/* What one reading of a context's files came to. It never changes; a handshake uses one from its beginning to its end. */
#ifndef NET_TLS_GENERATION_H
#define NET_TLS_GENERATION_H

#include <openssl/types.h>

#include "core/base/problem.h"
#include "core/net/tls/settings.h"

struct tls_staple;

struct tls_generation {
	SSL_CTX *ssl;               /* who holds it holds the generation */
	struct tls_staple *staples; /* a list */
};

/* Settings are copied where they are needed later. path: where they stand in the configuration, "tls.default". NULL with
 * an error added to problems, which may have warnings in any case. */
struct tls_generation *tls_generation_new(const struct tls_settings *settings, const char *path,
					  struct problems *problems);

/* Of a connection's SSL, of whichever generation it is now. */
struct tls_generation *tls_generation_of(const SSL *ssl);

/* Any thread. */
struct tls_generation *tls_generation_ref(struct tls_generation *generation);
void tls_generation_unref(struct tls_generation **generation);

#endif
