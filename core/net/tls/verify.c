/* Certificates of clients: whom they may come from, and how they are judged. */
#include "core/net/tls/verify.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "core/base/json_path.h"
#include "core/net/tls/date.h"
#include "core/net/tls/file.h"
#include "core/net/tls/generation.h"
#include "core/net/tls/name_text.h"
#include "core/net/tls/pem.h"
#include "core/net/tls/ssl.h"

#define CRL_FLAGS (X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)

#define CA_FILE_MAX ((size_t)8 << 20)
#define CRL_FILE_MAX ((size_t)64 << 20)

/* For problems: a name longer than this is cut. */
#define WHO_SIZE 256

/* What is put together while files are read. */
struct trust {
	struct problems *problems;
	char ca_path[JSON_PATH_SIZE], crl_path[JSON_PATH_SIZE];
	X509_STORE *store; /* the SSL_CTX's */
	EVP_MD_CTX *digest;
	STACK_OF(X509) * issuers;
	STACK_OF(X509_CRL) * lists;
	time_t lists_until; /* 0: none expires */
};

static int out_of_memory(struct trust *trust)
{
	problems_add(trust->problems, trust->ca_path, "no memory for a TLS context");
	return PLAIT_ERROR_MEMORY;
}

static const char *who(const X509_NAME *name, char text[WHO_SIZE])
{
	tls_name_text(name, text, WHO_SIZE);
	return text;
}

static const char *date_text(const ASN1_TIME *date, char text[TLS_DATE_SIZE])
{
	time_t time;
	return tls_date_read(date, &time) == 0 ? tls_date_text(time, text) : "a date that is none";
}

/* A file with certificates, or with lists. */
struct row {
	const char *path; /* where its name stands in the configuration */
	const char *what;
	size_t most;
	/* 1: one more; 0: no more; or a negative code, which is told. */
	int (*take)(struct trust *trust, BIO *bio);
};

static int take_row(struct trust *trust, const char *name, const struct row *row, BIO *bio)
{
	size_t count = 0;
	int took;
	while ((took = row->take(trust, bio)) > 0)
		count++;
	if (took < 0 || (count > 0 && tls_pem_at_end()))
		return took;
	problems_add(trust->problems, row->path, "cannot use %s as %s: %s; expected PEM", name, row->what,
		     tls_pem_at_end() ? "there is none in it" : tls_take_reason());
	return PLAIT_ERROR_INVALID;
}

/* Out of memory, so that the file does not change while it is read. */
static int read_row(struct trust *trust, const char *name, const struct row *row)
{
	struct plait_error error = { 0 };
	struct tls_file file;
	int result = tls_file_read(name, row->most, &file, &error);
	if (result < 0) {
		problems_add(trust->problems, row->path, "%s: %s", error.path, error.text);
		return result;
	}
	BIO *bio = tls_pem_open(&file);
	result = bio ? take_row(trust, name, row, bio) : out_of_memory(trust);
	ERR_clear_error();
	BIO_free(bio);
	tls_file_free(&file);
	return result;
}

/* ---- issuers ---- */

static void warn_of_dates(struct trust *trust, const X509 *issuer)
{
	char text[WHO_SIZE], date[TLS_DATE_SIZE];
	const X509_NAME *name = X509_get_subject_name(issuer);
	if (X509_cmp_current_time(X509_get0_notAfter(issuer)) < 0)
		problems_warn(trust->problems, trust->ca_path,
			      "the certificate of %s expired on %s; clients that it signed are refused",
			      who(name, text), date_text(X509_get0_notAfter(issuer), date));
	else if (X509_cmp_current_time(X509_get0_notBefore(issuer)) > 0)
		problems_warn(
			trust->problems, trust->ca_path,
			"the certificate of %s is not valid before %s; clients that it signed are refused",
			who(name, text), date_text(X509_get0_notBefore(issuer), date));
}

static bool digest_issuer(struct trust *trust, const X509 *issuer)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len;
	return X509_digest(issuer, EVP_sha256(), bytes, &len) && EVP_DigestUpdate(trust->digest, bytes, len);
}

static int take_issuer(struct trust *trust, BIO *bio)
{
	X509 *issuer = PEM_read_bio_X509_AUX(bio, NULL, tls_pem_no_passphrase, NULL);
	if (!issuer)
		return 0;
	if (!sk_X509_push(trust->issuers, issuer)) {
		X509_free(issuer);
		return out_of_memory(trust);
	}
	warn_of_dates(trust, issuer);
	return digest_issuer(trust, issuer) && X509_STORE_add_cert(trust->store, issuer)
		       ? 1
		       : out_of_memory(trust);
}

static int read_issuers(struct trust *trust, const char *name)
{
	const struct row row = { trust->ca_path, "the certificates of clients' issuers", CA_FILE_MAX,
				 take_issuer };
	return read_row(trust, name, &row);
}

/* Clients choose among their certificates by these. */
static int name_issuers(struct trust *trust, SSL_CTX *ssl)
{
	for (int i = 0; i < sk_X509_num(trust->issuers); i++)
		if (!SSL_CTX_add_client_CA(ssl, sk_X509_value(trust->issuers, i)))
			return out_of_memory(trust);
	return 0;
}

static bool is_root(X509 *issuer)
{
	return X509_check_issued(issuer, issuer) == X509_V_OK;
}

static const X509 *find_issuer(const struct trust *trust, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_num(trust->issuers); i++) {
		const X509 *issuer = sk_X509_value(trust->issuers, i);
		if (X509_NAME_cmp(X509_get_subject_name(issuer), name) == 0)
			return issuer;
	}
	return NULL;
}

/* Of a file with an issuer whose own issuer is not there, it is meant itself, not whoever else that one signed for. */
static void allow_partial_chains(const struct trust *trust)
{
	for (int i = 0; i < sk_X509_num(trust->issuers); i++) {
		X509 *issuer = sk_X509_value(trust->issuers, i);
		if (!is_root(issuer) && !find_issuer(trust, X509_get_issuer_name(issuer)))
			X509_STORE_set_flags(trust->store, X509_V_FLAG_PARTIAL_CHAIN);
	}
}

/* ---- lists of revoked certificates ---- */

static bool digest_list(struct trust *trust, const X509_CRL *list)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len;
	return X509_CRL_digest(list, EVP_sha256(), bytes, &len) &&
	       EVP_DigestUpdate(trust->digest, bytes, len);
}

/* A list of an issuer that only clients show is held against its key when they do. */
static int check_signature(struct trust *trust, X509_CRL *list)
{
	char text[WHO_SIZE];
	const X509_NAME *name = X509_CRL_get_issuer(list);
	bool known = false;
	for (int i = 0; i < sk_X509_num(trust->issuers); i++) {
		const X509 *issuer = sk_X509_value(trust->issuers, i);
		if (X509_NAME_cmp(X509_get_subject_name(issuer), name) != 0)
			continue;
		known = true;
		EVP_PKEY *key = X509_get0_pubkey(issuer);
		if (key && X509_CRL_verify(list, key) == 1)
			return 0;
	}
	ERR_clear_error();
	if (!known)
		return 0;
	problems_add(
		trust->problems, trust->crl_path,
		"the list of %s was not signed with the key of the certificate in the ca file; expected that "
		"issuer's own list",
		who(name, text));
	return PLAIT_ERROR_INVALID;
}

static void warn_of_list(struct trust *trust, const X509_CRL *list)
{
	char text[WHO_SIZE], date[TLS_DATE_SIZE];
	const X509_NAME *name = X509_CRL_get_issuer(list);
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list), *last = X509_CRL_get0_lastUpdate(list);
	if (next && X509_cmp_current_time(next) < 0)
		problems_warn(
			trust->problems, trust->crl_path,
			"the list of %s expired on %s; clients that it is about are refused until there is a "
			"newer one",
			who(name, text), date_text(next, date));
	else if (X509_cmp_current_time(last) > 0)
		problems_warn(trust->problems, trust->crl_path,
			      "the list of %s is not valid before %s; clients that it is about are refused",
			      who(name, text), date_text(last, date));
}

static void note_end(struct trust *trust, const X509_CRL *list)
{
	time_t end;
	if (tls_date_read(X509_CRL_get0_nextUpdate(list), &end) == 0 &&
	    (trust->lists_until == 0 || end < trust->lists_until))
		trust->lists_until = end;
}

static int take_list(struct trust *trust, BIO *bio)
{
	X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, tls_pem_no_passphrase, NULL);
	if (!list)
		return 0;
	if (!sk_X509_CRL_push(trust->lists, list)) {
		X509_CRL_free(list);
		return out_of_memory(trust);
	}
	warn_of_list(trust, list);
	note_end(trust, list);
	int result = check_signature(trust, list);
	if (result < 0)
		return result;
	return digest_list(trust, list) && X509_STORE_add_crl(trust->store, list) ? 1 : out_of_memory(trust);
}

/* OpenSSL asks for a list of each issuer in a client's chain. */
static void warn_of_missing_lists(struct trust *trust, const char *file)
{
	for (int i = 0; i < sk_X509_num(trust->issuers); i++) {
		const X509_NAME *name = X509_get_subject_name(sk_X509_value(trust->issuers, i));
		char text[WHO_SIZE];
		bool there = false;
		for (int j = 0; j < sk_X509_CRL_num(trust->lists) && !there; j++)
			there = X509_NAME_cmp(X509_CRL_get_issuer(sk_X509_CRL_value(trust->lists, j)),
					      name) == 0;
		if (!there)
			problems_warn(trust->problems, trust->crl_path,
				      "%s has no list of %s; clients that it signed are refused", file,
				      who(name, text));
	}
}

static int read_lists(struct trust *trust, const char *name)
{
	const struct row row = { trust->crl_path, "lists of revoked certificates", CRL_FILE_MAX, take_list };
	int result = read_row(trust, name, &row);
	if (result < 0)
		return result;
	warn_of_missing_lists(trust, name);
	X509_STORE_set_flags(trust->store, CRL_FLAGS);
	return 0;
}

/* ---- a client is judged ---- */

static _Thread_local char verdict[400];

/* Where a chain ends at an issuer that is no root, it is trusted itself: nobody can say whether its own issuer has revoked
 * it, for that one's certificate is not there to hold a list against. */
static bool is_about_anchor(X509_STORE_CTX *chain, int error)
{
	static const int unknown[] = { X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
				       X509_V_ERR_CRL_SIGNATURE_FAILURE, X509_V_ERR_CRL_HAS_EXPIRED,
				       X509_V_ERR_CRL_NOT_YET_VALID };
	STACK_OF(X509) *certificates = X509_STORE_CTX_get0_chain(chain);
	int depth = X509_STORE_CTX_get_error_depth(chain);
	if (depth == 0 || depth != sk_X509_num(certificates) - 1 ||
	    is_root(sk_X509_value(certificates, depth)))
		return false;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		if (unknown[i] == error)
			return true;
	return false;
}

static int on_verdict(int good, X509_STORE_CTX *chain)
{
	char text[WHO_SIZE];
	int error = X509_STORE_CTX_get_error(chain);
	if (good || is_about_anchor(chain, error)) {
		if (!good)
			X509_STORE_CTX_set_error(chain, X509_V_OK);
		return 1;
	}
	const X509 *culprit = X509_STORE_CTX_get_current_cert(chain);
	snprintf(verdict, sizeof(verdict), "%s%s%s", X509_verify_cert_error_string(error),
		 culprit ? ": " : "", culprit ? who(X509_get_subject_name(culprit), text) : "");
	return 0;
}

const char *tls_verify_verdict(void)
{
	return verdict;
}

/* ---- the step ---- */

static int judge(struct trust *trust, SSL_CTX *ssl, const struct tls_verify_settings *client)
{
	/* In the store's, not in the SSL's: so they hold for every SSL that is moved to this SSL_CTX. */
	X509_VERIFY_PARAM_set_depth(X509_STORE_get0_param(trust->store), (int)client->depth);
	SSL_CTX_set_verify(ssl,
			   client->verify == TLS_VERIFY_REQUIRE
				   ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
				   : SSL_VERIFY_PEER,
			   on_verdict);
	int result = read_issuers(trust, client->ca);
	if (result == 0)
		result = name_issuers(trust, ssl);
	if (result == 0)
		allow_partial_chains(trust);
	return result == 0 && client->crl ? read_lists(trust, client->crl) : result;
}

static int check(struct trust *trust, const struct tls_verify_settings *client)
{
	if (client->verify == TLS_VERIFY_NONE) {
		if (client->ca)
			problems_warn(
				trust->problems, trust->ca_path,
				"it is not used: clients are not asked for certificates; set \"verify\"");
		if (client->crl)
			problems_warn(
				trust->problems, trust->crl_path,
				"it is not used: clients are not asked for certificates; set \"verify\"");
		return 0;
	}
	if (client->ca)
		return 0;
	problems_add(
		trust->problems, trust->ca_path,
		"clients' certificates are to be verified, and nobody may sign them; name a PEM file with "
		"the certificates of who may");
	return PLAIT_ERROR_INVALID;
}

static bool begin(struct trust *trust, const struct tls_verify_settings *client)
{
	const int32_t how[] = { client->verify, (int32_t)client->depth, client->crl != NULL };
	trust->digest = EVP_MD_CTX_new();
	trust->issuers = sk_X509_new_null();
	trust->lists = sk_X509_CRL_new_null();
	return trust->digest && trust->issuers && trust->lists &&
	       EVP_DigestInit_ex(trust->digest, EVP_sha256(), NULL) == 1 &&
	       EVP_DigestUpdate(trust->digest, how, sizeof(how)) == 1;
}

int tls_verify_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems)
{
	const struct tls_verify_settings *client = &settings->client;
	struct trust trust = { .problems = problems, .store = SSL_CTX_get_cert_store(generation->ssl) };
	snprintf(trust.ca_path, sizeof(trust.ca_path), "%s.client.ca", path);
	snprintf(trust.crl_path, sizeof(trust.crl_path), "%s.client.crl", path);
	int result = check(&trust, client);
	if (result == 0 && !begin(&trust, client))
		result = out_of_memory(&trust);
	if (result == 0 && client->verify != TLS_VERIFY_NONE)
		result = judge(&trust, generation->ssl, client);
	if (result == 0 && EVP_DigestFinal_ex(trust.digest, generation->trust, NULL) != 1)
		result = out_of_memory(&trust);
	generation->lists_until = trust.lists_until;
	EVP_MD_CTX_free(trust.digest);
	sk_X509_pop_free(trust.issuers, X509_free);
	sk_X509_CRL_pop_free(trust.lists, X509_CRL_free);
	return result;
}
