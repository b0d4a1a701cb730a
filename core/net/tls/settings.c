/* What the configuration of a TLS context can say: keys, defaults, ranges, what each is for. */
#include "core/net/tls/settings.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60ll * MINUTE)
#define DAY (24 * HOUR)

#define CERTIFICATE_DOC "The PEM file with the server's certificate first and the rest of its chain after it"
#define KEY_DOC "The PEM file with the certificate's private key"
#define STAPLE_DOC                                                                                           \
	"The file with the issuer's OCSP response about the certificate (DER), sent to clients who ask"

static const struct plait_option pair_table[] = {
	PLAIT_OPTION_PATH("certificate", struct tls_pair_settings, certificate, .required = true,
			  .doc = CERTIFICATE_DOC),
	PLAIT_OPTION_PATH("key", struct tls_pair_settings, key, .required = true, .doc = KEY_DOC),
	PLAIT_OPTION_PATH("staple", struct tls_pair_settings, staple, .doc = STAPLE_DOC),
	PLAIT_OPTION_END,
};

static const struct plait_choice version_choices[] = {
	{ "1.2", TLS_VERSION_1_2, NULL },
	{ "1.3", TLS_VERSION_1_3, NULL },
	{ 0 },
};

static const struct plait_choice verify_choices[] = {
	{ "none", TLS_VERIFY_NONE, "clients are not asked for one" },
	{ "optional", TLS_VERIFY_OPTIONAL, "who has none may come in; who shows one must show a good one" },
	{ "require", TLS_VERIFY_REQUIRE, "nobody comes in without a good one" },
	{ 0 },
};

static const struct plait_choice ktls_choices[] = {
	{ "off", TLS_KTLS_OFF, "OpenSSL encrypts" },
	{ "auto", TLS_KTLS_AUTO, "the kernel does, where it can" },
	{ 0 },
};

static const struct plait_choice reload_choices[] = {
	{ "off", TLS_RELOAD_OFF, "when the server gets SIGHUP" },
	{ "watch", TLS_RELOAD_WATCH, "then, and soon after one of them has changed" },
	{ 0 },
};

static const struct plait_option verify_table[] = {
	PLAIT_OPTION_CHOICE("verify", struct tls_verify_settings, verify, verify_choices, .fallback = "none",
			    .doc = "Whether clients must show a certificate"),
	PLAIT_OPTION_PATH("ca", struct tls_verify_settings, ca,
			  .doc = "The PEM file with the certificates of who may have signed theirs; required "
				 "where they are verified"),
	PLAIT_OPTION_PATH("crl", struct tls_verify_settings, crl,
			  .doc = "The PEM file with the issuers' lists of revoked certificates"),
	PLAIT_OPTION_INT("depth", struct tls_verify_settings, depth, .fallback = "4", .min = 0, .max = 100,
			 .doc = "How many issuers there may be between a client and one of the ca file"),
	PLAIT_OPTION_END,
};

/* After Mozilla's "intermediate" profile, without its finite-field Diffie-Hellman, which costs a server forty times what
 * it costs who asks for it. AES-128 first: it is as safe as the rest of the handshake, and cheaper than AES-256 for each
 * byte, for each handshake and in memory. */
#define CIPHERS                                                                                              \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"           \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

const struct plait_option tls_settings_table[] = {
	PLAIT_OPTION_PATH("certificate", struct tls_settings, pair.certificate, .required = true,
			  .doc = CERTIFICATE_DOC),
	PLAIT_OPTION_PATH("key", struct tls_settings, pair.key, .required = true, .doc = KEY_DOC),
	PLAIT_OPTION_PATH("staple", struct tls_settings, pair.staple, .doc = STAPLE_DOC),
	PLAIT_OPTION_LIST(
		"certificates", struct tls_settings, pairs, pair_table, struct tls_pair_settings, .max = 8,
		.doc = "Further certificates with their keys, an RSA one beside an ECDSA one, say; each client "
		       "gets one that it can use"),
	PLAIT_OPTION_BOOL(
		"allow_readable_key", struct tls_settings, allow_readable_key, .fallback = "false",
		.doc = "Whether everybody may be able to read a private key's file; without it, only its owner "
		       "may, and its group where root owns it"),
	PLAIT_OPTION_CHOICE("min_version", struct tls_settings, min_version, version_choices,
			    .fallback = "1.2", .doc = "The oldest version of TLS that is spoken"),
	PLAIT_OPTION_CHOICE("max_version", struct tls_settings, max_version, version_choices,
			    .fallback = "1.3", .doc = "The newest version of TLS that is spoken"),
	PLAIT_OPTION_STRING(
		"ciphers", struct tls_settings, ciphers, .fallback = CIPHERS, .min = 1, .max = 4096,
		.doc = "TLS 1.2's ciphers in their order, a list as OpenSSL's ciphers(1) explains it"),
	PLAIT_OPTION_STRING("ciphersuites", struct tls_settings, ciphersuites, .fallback = CIPHERSUITES,
			    .min = 1, .max = 4096, .doc = "TLS 1.3's ciphersuites in their order"),
	PLAIT_OPTION_STRING("groups", struct tls_settings, groups, .fallback = "X25519:P-256:P-384", .min = 1,
			    .max = 1024, .doc = "The groups for the exchange of keys in their order"),
	PLAIT_OPTION_STRING(
		"sigalgs", struct tls_settings, sigalgs, .min = 1, .max = 1024,
		.doc = "The signature algorithms that are used and accepted; without it, OpenSSL's"),
	PLAIT_OPTION_BOOL("server_preference", struct tls_settings, server_preference, .fallback = "true",
			  .doc = "Whether the order above counts, or the client's"),
	PLAIT_OPTION_OBJECT("client", struct tls_settings, client, verify_table,
			    .doc = "Certificates that clients show"),
	PLAIT_OPTION_BOOL(
		"tickets", struct tls_settings, tickets, .fallback = "true",
		.doc = "Whether clients get tickets, with which they come back without a full handshake"),
	PLAIT_OPTION_PATH(
		"ticket_keys", struct tls_settings, ticket_keys,
		.doc = "The file with the keys of tickets, the same for several servers: one of 80 bytes a "
		       "line in base64, the first encrypts; without it, keys of this server's own are used"),
	PLAIT_OPTION_DURATION("ticket_rotation", struct tls_settings, ticket_rotation_ms, .fallback = "8h",
			      .min = MINUTE, .max = 7 * DAY,
			      .doc = "After how long a new key of the server's own encrypts tickets"),
	PLAIT_OPTION_DURATION(
		"session_timeout", struct tls_settings, session_timeout_ms, .fallback = "24h", .min = SECOND,
		.max = 7 * DAY,
		.doc = "How long after its full handshake a client may come back without another"),
	PLAIT_OPTION_INT("session_cache", struct tls_settings, session_cache, .fallback = "10000", .min = 0,
			 .max = 10000000,
			 .doc = "How many sessions are kept for clients without tickets; 0 keeps none"),
	PLAIT_OPTION_CHOICE("ktls", struct tls_settings, ktls, ktls_choices, .fallback = "off",
			    .doc = "Who encrypts records"),
	PLAIT_OPTION_CHOICE("reload", struct tls_settings, reload, reload_choices, .fallback = "off",
			    .doc = "When the files are read again"),
	PLAIT_OPTION_END,
};
