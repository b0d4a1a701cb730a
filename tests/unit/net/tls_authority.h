/* A CA in a test's hands: certificates and lists of revoked ones as certs/make would never make them. */
#ifndef TESTS_UNIT_NET_TLS_AUTHORITY_H
#define TESTS_UNIT_NET_TLS_AUTHORITY_H

#include <openssl/x509v3.h>
#include <stddef.h>

#define TLS_AUTHORITY_PATH 100

struct tls_authority {
	X509 *certificate;
	EVP_PKEY *key;
	char folder[40];
	long serial;
};

/* Signed by itself, or by above. Its files go to a folder of its own. */
void tls_authority_init(struct tls_authority *authority, const char *name, struct tls_authority *above);

/* Removes its files, too. */
void tls_authority_fini(struct tls_authority *authority);

/* What is put into a client's certificate. */
struct tls_leaf {
	const char *name; /* CN */
	int name_len;     /* 0: up to the first NUL */
	GENERAL_NAMES *names;
	int from_days, to_days; /* both 0: a day to both sides */
	const char *serial;     /* decimal; NULL: the next one */
};

/* Certificate, chain behind it (NULL: none) and key, in one file whose path is written. */
void tls_authority_sign(struct tls_authority *authority, const struct tls_leaf *leaf,
			const struct tls_authority *chain, char path[TLS_AUTHORITY_PATH]);

/* PEM of certificates, and of lists that revoke a serial (0: none) and are good from yesterday until then. */
void tls_authority_file(const struct tls_authority *authority, const char *name,
			char path[TLS_AUTHORITY_PATH]);
void tls_authority_add_certificate(const struct tls_authority *authority, const char *path);
void tls_authority_add_list(const struct tls_authority *authority, long revoked, int to_days,
			    const char *path);

#endif
