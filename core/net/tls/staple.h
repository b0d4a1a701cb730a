/* OCSP responses that go with a server's certificates: their issuers' word that they are not revoked. */
#ifndef NET_TLS_STAPLE_H
#define NET_TLS_STAPLE_H

#include "core/net/tls/generation.h"
#include "core/net/tls/identity.h"

/* Reads the staple that files may name, and checks that it is about that identity and good now. One that is not becomes a
 * warning, and clients get none; only a file that cannot be read is an error. path: where files stand. */
int tls_staple_add(struct tls_generation *generation, const struct tls_identity *identity,
		   const struct tls_pair_settings *files, const char *path, struct problems *problems);

void tls_staples_release(struct tls_generation *generation);

#endif
