/* TLS contexts: certificate, key and settings, shared by all listeners that name them. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <plait/error.h>

struct tls_context;

/* Reads the files and checks that they belong together. NULL with error filled. */
struct tls_context *tls_context_new(const char *certificate, const char *key, struct plait_error *error);
void tls_context_free(struct tls_context **context);

/* The SSL_CTX within, for tls_transport.c. */
struct ssl_ctx_st *tls_context_ssl(struct tls_context *context);

/* "OpenSSL 3.0.19 27 Jan 2026" */
const char *tls_library_version(void);

#endif
