/* What the configuration of a TLS context says, and the table that reads it. */
#ifndef NET_TLS_SETTINGS_H
#define NET_TLS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <plait/option.h>

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };
enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_OPTIONAL, TLS_VERIFY_REQUIRE };
enum tls_ktls { TLS_KTLS_OFF, TLS_KTLS_AUTO };
enum tls_reload { TLS_RELOAD_OFF, TLS_RELOAD_WATCH }; /* besides the signal */

/* Files are absolute paths. */
struct tls_pair_settings {
	const char *certificate;
	const char *key;
	const char *staple; /* NULL: none */
};

struct tls_verify_settings { /* of clients' certificates */
	int verify;          /* enum tls_verify */
	const char *ca;
	const char *crl;
	int64_t depth;
};

struct tls_settings {
	struct tls_pair_settings pair;
	struct plait_list pairs; /* LIST of struct tls_pair_settings: further ones */
	bool allow_readable_key;
	int min_version, max_version; /* enum tls_version */
	const char *ciphers;          /* TLS 1.2's */
	const char *ciphersuites;     /* TLS 1.3's */
	const char *groups;
	const char *sigalgs; /* NULL: OpenSSL's */
	bool server_preference;
	struct tls_verify_settings client;
	bool tickets;
	const char *ticket_keys; /* NULL: keys of our own */
	uint64_t ticket_rotation_ms;
	uint64_t session_timeout_ms;
	int64_t session_cache;
	int ktls;   /* enum tls_ktls */
	int reload; /* enum tls_reload */
};

extern const struct plait_option tls_settings_table[];

#endif
