/* What clients will not like about a certificate and the issuers that go with it. */
#ifndef NET_TLS_CHAIN_H
#define NET_TLS_CHAIN_H

#include "core/base/problem.h"
#include "core/net/tls/identity.h"

/* Adds a warning for each: dates, order, issuers that are missing, a certificate that is not for servers. path is where the
 * file's name stands in the configuration. */
void tls_chain_warn(const struct tls_identity *identity, const char *file, const char *path,
		    struct problems *problems);

/* The one among the issuers that signed the certificate, itself when it signed itself; NULL: it is not there. */
X509 *tls_chain_issuer(const struct tls_identity *identity);

#endif
