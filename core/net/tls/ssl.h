/* What all TLS of ours has in common. */
#ifndef NET_TLS_SSL_H
#define NET_TLS_SSL_H

#include <openssl/ssl.h>

/* NULL: no memory. */
SSL_CTX *tls_ssl_ctx_new(const SSL_METHOD *method);

/* OpenSSL's first, deepest reason; the queue is left empty. */
const char *tls_take_reason(void);

#endif
