/* The pairs of certificate and key that a context's settings name. */
#ifndef NET_TLS_IDENTITIES_H
#define NET_TLS_IDENTITIES_H

#include "core/net/tls/generation.h"

/* A step of a generation: reads them all, each with its staple, into its SSL_CTX. */
int tls_identities_apply(struct tls_generation *generation, const struct tls_settings *settings,
			 const char *path, struct problems *problems);

#endif
