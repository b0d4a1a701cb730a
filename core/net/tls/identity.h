/* A certificate with its key: who we are. */
#ifndef NET_TLS_IDENTITY_H
#define NET_TLS_IDENTITY_H

#include <openssl/types.h>

#include <plait/error.h>

/* Reads PEM files and checks that they belong together. 0, or a negative code with error filled. */
int tls_identity_load(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error);

#endif
