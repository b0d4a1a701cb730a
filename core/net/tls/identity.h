/* A certificate with its key: who we are. */
#ifndef NET_TLS_IDENTITY_H
#define NET_TLS_IDENTITY_H

#include <openssl/types.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include <plait/error.h>

struct tls_identity {
	X509 *certificate;
	STACK_OF(X509) * issuers; /* the rest of its file, in its order; may be empty */
	EVP_PKEY *key;
};

/* 0, or a negative code with error filled. */
int tls_identity_read_certificate(struct tls_identity *identity, const char *file, struct plait_error *error);

/* The same of the key; allow_readable: whoever may read the file. */
int tls_identity_read_key(struct tls_identity *identity, const char *file, bool allow_readable,
			  struct plait_error *error);

/* Whether they belong together; the names are for the error. */
int tls_identity_match(const struct tls_identity *identity, const char *certificate, const char *key,
		       struct plait_error *error);

/* Puts a whole one into ssl, whose security level judges it. */
int tls_identity_use(const struct tls_identity *identity, SSL_CTX *ssl, const char *certificate,
		     struct plait_error *error);

/* Zeroed is allowed. */
void tls_identity_fini(struct tls_identity *identity);

/* All of it, whoever may read the key. 0, or a negative code with error filled. */
int tls_identity_load(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error);

/* "RSA", "ECDSA", "ED25519"; two identities of one kind have no place in one SSL_CTX. */
const char *tls_identity_kind(const struct tls_identity *identity);

#endif
