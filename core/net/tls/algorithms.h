/* What a handshake may agree on: versions of TLS, ciphers, groups, signatures, and whose order counts. */
#ifndef NET_TLS_ALGORITHMS_H
#define NET_TLS_ALGORITHMS_H

#include "core/net/tls/generation.h"

/* A step of a generation. */
int tls_algorithms_apply(struct tls_generation *generation, const struct tls_settings *settings,
			 const char *path, struct problems *problems);

#endif
