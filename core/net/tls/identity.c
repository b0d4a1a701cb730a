/* Certificates and their keys, out of PEM files. */
#include "core/net/tls/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <string.h>

#include "core/net/tls/file.h"
#include "core/net/tls/key_file.h"
#include "core/net/tls/pem.h"
#include "core/net/tls/ssl.h"

/* A chain with all that certificates can bring along is far from it. */
enum { MOST = 1 << 20 };

/* 0 at the end of the file, else a negative code: what stands there is no certificate. */
static int read_issuers(struct tls_identity *identity, BIO *text)
{
	for (;;) {
		X509 *issuer = PEM_read_bio_X509(text, NULL, tls_pem_no_passphrase, NULL);
		if (!issuer)
			break;
		if (!sk_X509_push(identity->issuers, issuer)) {
			X509_free(issuer);
			return PLAIT_ERROR_MEMORY;
		}
	}
	return tls_pem_at_end() ? 0 : PLAIT_ERROR_INVALID;
}

static int parse_certificate(struct tls_identity *identity, const struct tls_file *file, const char *name,
			     struct plait_error *error)
{
	BIO *text = tls_pem_open(file);
	int result = PLAIT_ERROR_INVALID;
	ERR_clear_error();
	identity->certificate = text ? PEM_read_bio_X509_AUX(text, NULL, tls_pem_no_passphrase, NULL) : NULL;
	identity->issuers = sk_X509_new_null();
	if (identity->certificate && identity->issuers)
		result = read_issuers(identity, text);
	BIO_free(text);
	if (result == 0) {
		ERR_clear_error();
		return 0;
	}
	if (identity->certificate)
		return plait_error_set(error, result, name,
				       "cannot use certificate %d of its chain: %s; expected PEM",
				       sk_X509_num(identity->issuers) + 2, tls_take_reason());
	return plait_error_set(
		error, result, name,
		"cannot use it as a certificate chain: %s; expected PEM, the certificate itself "
		"first, then its issuers%s",
		tls_take_reason(), strstr(file->data, "PRIVATE KEY-----") ? "; this is a private key" : "");
}

int tls_identity_read_certificate(struct tls_identity *identity, const char *name, struct plait_error *error)
{
	struct tls_file file;
	int result = tls_file_read(name, MOST, &file, error);
	if (result == 0)
		result = parse_certificate(identity, &file, name, error);
	tls_file_free(&file);
	return result;
}

static int parse_key(struct tls_identity *identity, const struct tls_file *file, const char *name,
		     struct plait_error *error)
{
	bool asked = false;
	BIO *text = tls_pem_open(file);
	ERR_clear_error();
	identity->key = text ? PEM_read_bio_PrivateKey(text, NULL, tls_pem_no_passphrase, &asked) : NULL;
	BIO_free(text);
	if (identity->key) {
		ERR_clear_error();
		return 0;
	}
	const char *reason = tls_take_reason();
	if (asked)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, name,
			"it has a passphrase, and nobody is there to enter it; take it off with: "
			"openssl pkey -in OLD -out NEW");
	return plait_error_set(error, PLAIT_ERROR_INVALID, name,
			       "cannot use it as a private key: %s; expected PEM%s", reason,
			       strstr(file->data, "BEGIN CERTIFICATE-----") ? "; this is a certificate" : "");
}

int tls_identity_read_key(struct tls_identity *identity, const char *name, bool allow_readable,
			  struct plait_error *error)
{
	struct tls_file file;
	int result = tls_file_read(name, MOST, &file, error);
	if (result == 0)
		result = parse_key(identity, &file, name, error);
	if (result == 0 && !allow_readable)
		result = tls_key_file_check(name, &file.status, error);
	tls_file_free(&file);
	return result;
}

/* Chains are often put together the wrong way round. 0: none. */
static int find_owner(const struct tls_identity *identity)
{
	for (int i = 0; i < sk_X509_num(identity->issuers); i++)
		if (X509_check_private_key(sk_X509_value(identity->issuers, i), identity->key) == 1)
			return i + 2;
	return 0;
}

int tls_identity_match(const struct tls_identity *identity, const char *certificate, const char *key,
		       struct plait_error *error)
{
	int result = 0;
	if (X509_check_private_key(identity->certificate, identity->key) != 1) {
		int owner = find_owner(identity);
		result = owner > 0 ? plait_error_set(
					     error, PLAIT_ERROR_INVALID, key,
					     "it is the key of certificate %d of %s; move that one to the "
					     "beginning of the file",
					     owner, certificate)
				   : plait_error_set(error, PLAIT_ERROR_INVALID, key,
						     "it is not the key of %s; expected the one that the "
						     "certificate was made for",
						     certificate);
	}
	ERR_clear_error();
	return result;
}

/* OpenSSL's reasons in words for who knows certificates, but not OpenSSL. */
static const struct {
	int reason;
	const char *text;
} reasons[] = {
	{ SSL_R_EE_KEY_TOO_SMALL,
	  "its key is too short to be safe; expected 2048 bits of RSA or more, or 224 of an "
	  "elliptic curve" },
	{ SSL_R_CA_KEY_TOO_SMALL,
	  "the key of one of its issuers is too short to be safe; expected 2048 bits of "
	  "RSA or more" },
	{ SSL_R_CA_MD_TOO_WEAK,
	  "it, or one of its issuers, is signed with a hash that is not safe; expected SHA-256 "
	  "or better" },
	{ SSL_R_UNKNOWN_CERTIFICATE_TYPE,
	  "TLS has no use for a key of its kind; expected RSA, ECDSA or Ed25519" },
};

static const char *take_refusal(void)
{
	unsigned long code = ERR_peek_error();
	const char *text = tls_take_reason();
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (ERR_GET_LIB(code) == ERR_LIB_SSL && reasons[i].reason == ERR_GET_REASON(code))
			text = reasons[i].text;
	return text;
}

int tls_identity_use(const struct tls_identity *identity, SSL_CTX *ssl, const char *certificate,
		     struct plait_error *error)
{
	ERR_clear_error();
	if (SSL_CTX_use_cert_and_key(ssl, identity->certificate, identity->key, identity->issuers, 1) == 1)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, certificate, "OpenSSL refuses it: %s",
			       take_refusal());
}

void tls_identity_fini(struct tls_identity *identity)
{
	X509_free(identity->certificate);
	sk_X509_pop_free(identity->issuers, X509_free);
	EVP_PKEY_free(identity->key);
	*identity = (struct tls_identity){ 0 };
}

int tls_identity_load(SSL_CTX *ssl, const char *certificate, const char *key, struct plait_error *error)
{
	struct tls_identity identity = { 0 };
	int result = tls_identity_read_certificate(&identity, certificate, error);
	if (result == 0)
		result = tls_identity_read_key(&identity, key, true, error);
	if (result == 0)
		result = tls_identity_match(&identity, certificate, key, error);
	if (result == 0)
		result = tls_identity_use(&identity, ssl, certificate, error);
	tls_identity_fini(&identity);
	return result;
}

const char *tls_identity_kind(const struct tls_identity *identity)
{
	const char *name = EVP_PKEY_get0_type_name(identity->key);
	return !name ? "unknown" : strcmp(name, "EC") == 0 ? "ECDSA" : name;
}
