/* Bounds on what a peer can make OpenSSL do for it. */
#ifndef NET_TLS_GUARD_H
#define NET_TLS_GUARD_H

#include <openssl/types.h>
#include <sys/types.h>

struct tls_conn;

/* For all connections of the SSL_CTX, whose SSLs have their struct tls_conn as app data. */
void tls_guard_install(SSL_CTX *ssl);

/* Before the handshake begins. */
void tls_guard_open(struct tls_conn *conn);

/* The handshake waits: what comes next may be no ClientHello any more. */
void tls_guard_greeting(struct tls_conn *conn);

/* 0, or TRANSPORT_FAILED: the peer went beyond a bound, and whatever OpenSSL made of that does not matter. */
ssize_t tls_guard_verdict(const struct tls_conn *conn);

#endif
