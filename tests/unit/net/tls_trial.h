/* Trying out a TLS context's settings: what is said of them, and what handshakes with OpenSSL's own client come to. */
#ifndef TESTS_UNIT_NET_TLS_TRIAL_H
#define TESTS_UNIT_NET_TLS_TRIAL_H

#include <openssl/ssl.h>

#include "tests/unit/net/tls_pair.h"

/* A folder of the test's own; the trial's calls belong between the two. */
void tls_trial_begin(void);
void tls_trial_end(void);

/* The path of a file: one of certs/make's, or in the folder when it begins with "./". Good until the end. */
const char *tls_trial_file(const char *name);

/* Writes a file of the folder, readable by its owner alone. */
void tls_trial_write(const char *name, const char *text);

/* The same from blocks of PEM files: "server.pem 1", "server.pem 2", ... up to NULL. */
void tls_trial_join(const char *name, const char *const *blocks);

/* A certificate that signed itself and its key: "./NAME.pem", "./NAME.key". extension: of extendedKeyUsage, may be NULL. */
void tls_trial_make(const char *name, EVP_PKEY *key, long begin_s, long end_s, const char *usage);

/* Defaults, and these files as tls_trial_file names them. */
struct tls_settings tls_trial_settings(const char *certificate, const char *key);

/* What making a context of them says, without the folders' paths; the caller frees it. made: whether there was one. */
char *tls_trial_problems(const struct tls_settings *settings, bool *made);

/* A handshake; prepare sets the client up (NULL: as it is), look sees both ends after one that succeeded (NULL: nobody).
 * Whether it did. */
bool tls_trial_shake(const struct tls_settings *settings, void (*prepare)(SSL *client),
		     void (*look)(SSL *client, SSL *server));

#endif
