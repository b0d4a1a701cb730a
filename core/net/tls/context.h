/* TLS contexts from the inside. Its parts: context.c, server.c, client.c, alpn.c. */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "core/net/tls/alpn.h"
#include "core/net/tls/tls.h"

typedef int tls_prepare_fn(struct tls_context *context, SSL *ssl); /* 1 or 0, like OpenSSL's */

struct tls_context {
	SSL_CTX *ssl; /* its app data is the context */
	tls_prepare_fn *prepare;
	struct tls_alpn alpn; /* client: what it offers */
	char *server_name;    /* client; NULL: none */
	bool verify;          /* client */
	SSL_SESSION *session; /* client: the newest, NULL: none */
};

/* NULL: no memory. */
struct tls_context *tls_context_make(const SSL_METHOD *method, tls_prepare_fn *prepare);

/* Reads certificate and key, and checks that they belong together. 0, or a negative code with error filled. */
int tls_context_load(struct tls_context *context, const char *certificate, const char *key,
		     struct plait_error *error);

/* OpenSSL's first, deepest reason; the queue is left empty. */
const char *tls_take_reason(void);

#endif
