/* The side of TLS that a connection takes: the context of transport_tls, a client's or a listener's. */
#ifndef NET_TLS_ROLE_H
#define NET_TLS_ROLE_H

#include <openssl/types.h>

#include "core/net/tls/alpn.h"

struct tls_role {
	/* A connection's SSL, ready to begin its handshake. NULL: no memory. */
	SSL *(*make)(struct tls_role *role);

	struct tls_alpn alpn; /* what may be agreed on; the role's owner frees it */
	const char *expected; /* whom the peer's certificate must be for; NULL: anybody */
};

#endif
