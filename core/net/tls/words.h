/* Settings that are lists of OpenSSL's names. It refuses some of them whole without a reason, and passes over names that it
 * does not know in others. */
#ifndef NET_TLS_WORDS_H
#define NET_TLS_WORDS_H

#include <openssl/types.h>
#include <stdbool.h>

#include "core/base/json_path.h"
#include "core/base/problem.h"

#define TLS_WORD_SIZE 128 /* no name is longer */

struct tls_reading;

/* One of the settings. */
struct tls_words {
	const char *key;
	const char *what;                           /* a word of it is: "group" */
	int (*set)(SSL_CTX *ssl, const char *list); /* 1: OpenSSL takes it */
	void (*read)(struct tls_reading *reading);  /* checks each word */
	const char *const *names;                   /* to suggest from, up to NULL */
	bool unique;                                /* no word may come twice */
	const struct tls_words *other; /* where a word that is wrong here may belong; NULL: nowhere */
};

/* A list that is being checked. */
struct tls_reading {
	const struct tls_words *words;
	const char *text;
	SSL_CTX *trial; /* words are tried on it */
	char path[JSON_PATH_SIZE];
	struct problems *problems;
	int result;
};

extern const struct tls_words tls_ciphers, tls_ciphersuites, tls_groups, tls_sigalgs;

/* Gives text to ssl. 0, or a negative code with an error added for each word that is wrong, or OpenSSL's reason. path: of
 * the context. */
int tls_words_apply(const struct tls_words *words, const char *text, SSL_CTX *ssl, const char *path,
		    struct problems *problems);

/* For read: a list of names with colons between them. */
void tls_words_read(struct tls_reading *reading);

/* Whether OpenSSL takes a list. */
bool tls_words_taken(const struct tls_reading *reading, const struct tls_words *words, const char *list);

/* Adds a word that nobody knows; banned: it was to be taken out, so that it is missed by nobody. */
void tls_words_unknown(struct tls_reading *reading, const char *word, bool banned);

#endif
