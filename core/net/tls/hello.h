/* What a ClientHello decides. */
#ifndef NET_TLS_HELLO_H
#define NET_TLS_HELLO_H

#include <openssl/types.h>

/* For a generation's SSL_CTX: connections of it follow their role's names and protocols. */
void tls_hello_install(SSL_CTX *ssl);

#endif
