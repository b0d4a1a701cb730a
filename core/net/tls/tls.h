/* TLS contexts: certificate, key and settings, shared by all listeners that name them. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <plait/error.h>
#include <stdbool.h>

struct ssl_st;
struct tls_context;

/* Reads the files and checks that they belong together. NULL with error filled. */
struct tls_context *tls_context_new(const char *certificate, const char *key, struct plait_error *error);

/* How connections that we open behave. Strings are copied. */
struct tls_client_settings {
	bool verify;    /* the server's certificate must be good */
	const char *ca; /* PEM file of who may have signed it; NULL: whom the system trusts */
	const char *
		server_name; /* a host name or address it must be for; a name is sent as SNI; NULL: neither */
	const char *alpn;    /* "h2,http/1.1"; NULL: nothing is offered */
	const char *certificate, *key; /* PEM files of our own; NULL: none */
	bool resume;                   /* keep the newest session that a server gave, and offer it */
};

/* For connections that we open, on one loop at a time. NULL with error filled. */
struct tls_context *tls_context_new_client(const struct tls_client_settings *settings,
					   struct plait_error *error);

/* Its connections go first. */
void tls_context_free(struct tls_context **context);

/* A connection's SSL, ready to begin its handshake, for transport.c. NULL: no memory. */
struct ssl_st *tls_context_connection(struct tls_context *context);

/* "OpenSSL 3.0.19 27 Jan 2026" */
const char *tls_library_version(void);

#endif
