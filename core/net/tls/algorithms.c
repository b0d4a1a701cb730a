/* The settings that say what is spoken. */
#include "core/net/tls/algorithms.h"

#include <openssl/ssl.h>

#include "core/base/json_path.h"
#include "core/net/tls/words.h"

/* OpenSSL's words for a strength of 112 bits: RSA of 2048 bits, no SHA-1. The system's configuration may say otherwise, and
 * "@SECLEVEL=1" among the ciphers, which are read later. */
enum { STRENGTH = 2 };

static const struct {
	int number;
	const char *name;
} versions[] = {
	[TLS_VERSION_1_2] = { TLS1_2_VERSION, "1.2" },
	[TLS_VERSION_1_3] = { TLS1_3_VERSION, "1.3" },
};

static int apply_versions(SSL_CTX *ssl, const struct tls_settings *settings, const char *path,
			  struct problems *problems)
{
	char place[JSON_PATH_SIZE];
	SSL_CTX_set_min_proto_version(ssl, versions[settings->min_version].number);
	SSL_CTX_set_max_proto_version(ssl, versions[settings->max_version].number);
	if (settings->min_version <= settings->max_version)
		return 0;
	json_path_key(place, sizeof(place), path, "min_version", sizeof("min_version") - 1);
	problems_add(
		problems, place,
		"found \"%s\", and a max_version of \"%s\"; expected no more than that, or no version is left",
		versions[settings->min_version].name, versions[settings->max_version].name);
	return PLAIT_ERROR_INVALID;
}

/* Who has no hardware for AES asks for ChaCha20 first, and gets it; but for that, the order is the server's. */
static void apply_preference(SSL_CTX *ssl, bool server_preference)
{
	if (server_preference)
		SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

int tls_algorithms_apply(struct tls_generation *generation, const struct tls_settings *settings,
			 const char *path, struct problems *problems)
{
	const struct {
		const struct tls_words *words;
		const char *text;
	} lists[] = {
		{ &tls_ciphers, settings->ciphers },
		{ &tls_ciphersuites, settings->ciphersuites },
		{ &tls_groups, settings->groups },
		{ &tls_sigalgs, settings->sigalgs },
	};
	SSL_CTX *ssl = generation->ssl;
	SSL_CTX_set_security_level(ssl, STRENGTH);
	SSL_CTX_set_dh_auto(ssl,
			    1); /* as strong as the certificate; for ciphers that are not there by default */
	apply_preference(ssl, settings->server_preference);
	int result = apply_versions(ssl, settings, path, problems);
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		int code = lists[i].text ? tls_words_apply(lists[i].words, lists[i].text, ssl, path, problems)
					 : 0;
		result = code < 0 ? code : result;
	}
	return result;
}
