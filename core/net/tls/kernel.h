/* TLS by the kernel: OpenSSL shakes hands, and hands the keys of what is sent, and where it can of what is received, to the
 * socket. */
#ifndef NET_TLS_KERNEL_H
#define NET_TLS_KERNEL_H

#include <openssl/types.h>
#include <stdbool.h>

#include "core/base/problem.h"
#include "core/net/tls/settings.h"

struct tls_generation;
struct tls_socket;

/* As tls_socket_bio, with OpenSSL's own socket BIO behind it, which is the one that the kernel's TLS needs. Without the
 * kernel's it serves as well. */
struct bio_st *tls_kernel_bio(struct tls_socket *socket);

/* Connections of this SSL's may have it. */
bool tls_kernel_is_wanted(const SSL *ssl);

/* The kernel encrypts what is sent from here on: bytes that are not part of a message of TLS's own go to the socket as they
 * are. OpenSSL must not have them: what the kernel does not take at once it would look for where it was, not where it is. */
bool tls_kernel_encrypts(const SSL *ssl);

/* A step of a generation's. The kernel is asked once, and the log told what it said. */
int tls_kernel_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems);

#endif
