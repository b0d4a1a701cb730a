/* A client and a server in memory, with a certificate that nobody else ever sees. */
#include "core/net/tls/warm_up.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/net/tls/ssl.h"

/* After three, no failed allocation was found to harm those that follow. */
#define TIMES 3

/* More turns than any handshake takes. */
#define TURNS_MAX 32

struct pair {
	EVP_PKEY *key;
	X509 *certificate;
	SSL_CTX *server, *client;
};

static bool make_certificate(struct pair *pair)
{
	pair->key = EVP_EC_gen("P-256");
	pair->certificate = X509_new();
	if (!pair->key || !pair->certificate)
		return false;
	X509_NAME *name = X509_get_subject_name(pair->certificate);
	return ASN1_INTEGER_set(X509_get_serialNumber(pair->certificate), 1) &&
	       X509_gmtime_adj(X509_getm_notBefore(pair->certificate), 0) &&
	       X509_gmtime_adj(X509_getm_notAfter(pair->certificate), 3600) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"itself", -1, -1,
					  0) &&
	       X509_set_issuer_name(pair->certificate, name) &&
	       X509_set_pubkey(pair->certificate, pair->key) &&
	       X509_sign(pair->certificate, pair->key, EVP_sha256()) > 0;
}

/* Of what the system's openssl.cnf allows: it is not the question whether others would accept this certificate. */
static bool make_independent(SSL_CTX *ctx)
{
	SSL_CTX_set_security_level(ctx, 0);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM") == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "P-256") == 1 &&
	       SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256") == 1;
}

static bool make_contexts(struct pair *pair)
{
	pair->server = SSL_CTX_new(TLS_server_method());
	pair->client = SSL_CTX_new(TLS_client_method());
	return pair->server && pair->client && make_independent(pair->server) &&
	       make_independent(pair->client) &&
	       SSL_CTX_use_certificate(pair->server, pair->certificate) == 1 &&
	       SSL_CTX_use_PrivateKey(pair->server, pair->key) == 1;
}

static bool goes_on(SSL *ssl, int result)
{
	int why = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl, result);
	return why == SSL_ERROR_NONE || why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static bool shake_hands(SSL *server, SSL *client)
{
	for (int i = 0; i < TURNS_MAX; i++) {
		int asked = SSL_do_handshake(client), answered = SSL_do_handshake(server);
		if (!goes_on(client, asked) || !goes_on(server, answered))
			return false;
		if (asked == 1 && answered == 1)
			return true;
	}
	return false;
}

static bool try_once(const struct pair *pair, int version)
{
	BIO *near = NULL, *far = NULL;
	SSL *server = SSL_new(pair->server), *client = SSL_new(pair->client);
	bool good = server && client && BIO_new_bio_pair(&near, 0, &far, 0) == 1;
	if (good) {
		SSL_set_bio(server, near, near);
		SSL_set_bio(client, far, far);
		SSL_set_accept_state(server);
		SSL_set_connect_state(client);
		good = SSL_set_max_proto_version(client, version) == 1 && shake_hands(server, client);
	}
	SSL_free(server);
	SSL_free(client);
	return good;
}

int tls_warm_up(struct plait_error *error)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct pair pair = { 0 };
	ERR_clear_error();
	bool good = make_certificate(&pair) && make_contexts(&pair);
	for (int i = 0; i < TIMES; i++)
		for (size_t k = 0; good && k < sizeof(versions) / sizeof(versions[0]); k++)
			good = try_once(&pair, versions[k]);
	SSL_CTX_free(pair.server);
	SSL_CTX_free(pair.client);
	X509_free(pair.certificate);
	EVP_PKEY_free(pair.key);
	if (good)
		return 0;
	return plait_error_set(
		error, PLAIT_ERROR_SYSTEM, NULL,
		"a TLS handshake of the process with itself fails: %s; without one nobody can be "
		"served",
		tls_take_reason());
}
