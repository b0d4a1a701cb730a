/* What a context's certificates say of themselves, in plain words: for the log, status and metrics. */
#ifndef NET_TLS_SERVED_H
#define NET_TLS_SERVED_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* OpenSSL keeps one certificate for each kind of key. */
#define TLS_SERVED_MAX 9

struct tls_served {
	int kind;        /* of its key, in OpenSSL's numbers */
	char serial[72]; /* in hexadecimal, as openssl x509 prints it */
	char names[256]; /* DNS names and addresses, with ", " between them; "..." when there are more */
	time_t not_before, not_after;
	uint8_t digest[32]; /* SHA-256 of all of it */
};

struct problems;
struct tls_generation;
struct tls_settings;

/* A step of tls_generation_new, after the one that loads certificates: keeps what each says, and when that was. */
int tls_served_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems);

#define TLS_SERVED_TEXT_SIZE 400

/* "certificate 5AF3... of localhost, ::1, good until 2027-01-31 12:00:00 UTC"; each returns text. */
const char *tls_served_text(const struct tls_served *served, char text[TLS_SERVED_TEXT_SIZE]);
const char *tls_served_end(const struct tls_served *served,
			   char text[TLS_SERVED_TEXT_SIZE]); /* its date only */

/* It is in its last week, or in the last quarter of its life where that begins later; or it has expired. */
bool tls_served_ends_soon(const struct tls_served *served, time_t now);

#endif
