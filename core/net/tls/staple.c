/* OCSP stapling from files. */
#include "core/net/tls/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/json_path.h"
#include "core/base/log.h"
#include "core/net/tls/chain.h"
#include "core/net/tls/date.h"
#include "core/net/tls/file.h"

/* A response with its signer's certificate has 2 KB; all of it goes into handshakes. */
enum { MOST = 16384 };

/* Clocks differ, and a response is made just before it is fetched. */
enum { SKEW = 300 };

struct tls_staple {
	struct tls_staple *next;
	X509 *certificate; /* whom it is about: the very object of the SSL_CTX */
	unsigned char *data;
	size_t len;
	time_t until;
	char *file;
	atomic_flag told; /* that it is over */
};

/* What a response must be held against. */
struct check {
	const struct tls_identity *identity;
	X509 *issuer;
	time_t now, until;
	char text[256]; /* what is wrong */
};

static bool fault(struct check *check, const char *format, ...) PLAIT_PRINTF(2, 3);
static bool fault(struct check *check, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(check->text, sizeof(check->text), format, args);
	va_end(args);
	ERR_clear_error();
	return false;
}

/* By the issuer itself, or by one whom it has made its delegate. */
static bool signature_is_good(struct check *check, OCSP_BASICRESP *basic)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *issuers = sk_X509_new_null();
	bool good = store && issuers && X509_STORE_add_cert(store, check->issuer) == 1 &&
		    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
		    sk_X509_push(issuers, check->issuer) > 0 &&
		    OCSP_basic_verify(basic, issuers, store, 0) == 1;
	sk_X509_free(issuers);
	X509_STORE_free(store);
	if (good)
		return true;
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	return fault(check, "the certificate's issuer, or a delegate of it, did not sign it (%s)",
		     reason ? reason : "no reason given");
}

/* The response says in its own choice of hash whom it is about. */
static bool is_about(const struct check *check, const OCSP_CERTID *id)
{
	ASN1_OBJECT *algorithm = NULL;
	OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, (OCSP_CERTID *)(uintptr_t)id);
	const EVP_MD *hash = algorithm ? EVP_get_digestbyobj(algorithm) : NULL;
	OCSP_CERTID *ours = hash ? OCSP_cert_to_id(hash, check->identity->certificate, check->issuer) : NULL;
	bool same = ours && OCSP_id_cmp(ours, id) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static OCSP_SINGLERESP *find_answer(const struct check *check, OCSP_BASICRESP *basic)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *answer = OCSP_resp_get0(basic, i);
		if (is_about(check, OCSP_SINGLERESP_get0_id(answer)))
			return answer;
	}
	return NULL;
}

static bool answer_is_good(struct check *check, OCSP_SINGLERESP *answer)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *begin_date, *end_date;
	char date[TLS_DATE_SIZE];
	time_t begin, end, when;
	int reason, status = OCSP_single_get0_status(answer, &reason, &revoked, &begin_date, &end_date);
	if (status == V_OCSP_CERTSTATUS_REVOKED && tls_date_read(revoked, &when) == 0)
		return fault(check, "it says that the certificate was revoked on %s; get another one",
			     tls_date_text(when, date));
	if (tls_date_read(begin_date, &begin) < 0)
		return fault(check, "it does not say since when it is good");
	if (tls_date_read(end_date, &end) < 0)
		return fault(check, "it does not say until when it is good");
	if (begin > check->now + SKEW)
		return fault(check, "it is not good before %s", tls_date_text(begin, date));
	if (end <= check->now)
		return fault(check, "it was good until %s; fetch a fresh one", tls_date_text(end, date));
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return fault(check, "it says that the certificate is %s, not good",
			     OCSP_cert_status_str(status));
	check->until = end;
	return true;
}

static bool basic_is_good(struct check *check, OCSP_BASICRESP *basic)
{
	OCSP_SINGLERESP *answer = find_answer(check, basic);
	if (!answer)
		return fault(check, "it is about another certificate");
	return signature_is_good(check, basic) && answer_is_good(check, answer);
}

static bool response_is_good(struct check *check, const struct tls_file *file)
{
	const unsigned char *at = file->data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)file->len);
	bool good;
	if (!response || at != (const unsigned char *)file->data + file->len) {
		good = fault(check, "it is no OCSP response in DER");
	} else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		good = fault(check, "the issuer answered \"%s\"",
			     OCSP_response_status_str(OCSP_response_status(response)));
	} else if (!check->issuer) {
		good = fault(check,
			     "it cannot be checked without the issuer's certificate; append that to the "
			     "certificate's file");
	} else {
		OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
		good = basic ? basic_is_good(check, basic)
			     : fault(check, "it is of a kind that is not known");
		OCSP_BASICRESP_free(basic);
	}
	OCSP_RESPONSE_free(response);
	return good;
}

static struct tls_staple *make(const struct check *check, struct tls_file *file, const char *name)
{
	struct tls_staple *staple = calloc(1, sizeof(*staple));
	char *copy = strdup(name);
	if (!staple || !copy) {
		free(staple);
		free(copy);
		return NULL;
	}
	staple->certificate = check->identity->certificate;
	X509_up_ref(staple->certificate);
	staple->data = file->data;
	staple->len = file->len;
	staple->until = check->until;
	staple->file = copy;
	atomic_flag_clear(&staple->told);
	*file = (struct tls_file){ 0 };
	return staple;
}

/* The certificate that this handshake shows is known by now. */
static struct tls_staple *find(const SSL *ssl)
{
	const X509 *certificate = SSL_get_certificate(ssl);
	struct tls_staple *staple = tls_generation_of(ssl)->staples;
	while (staple && staple->certificate != certificate)
		staple = staple->next;
	return staple;
}

static int give(SSL *ssl, void *context)
{
	struct tls_staple *staple = find(ssl);
	(void)context;
	if (!staple)
		return SSL_TLSEXT_ERR_NOACK;
	if (staple->until <= time(NULL)) {
		if (!atomic_flag_test_and_set(&staple->told))
			plait_log_warning(
				"%s: it is too old, so clients get no OCSP response any more; fetch a "
				"fresh one and reload",
				staple->file);
		return SSL_TLSEXT_ERR_NOACK;
	}
	unsigned char *copy = OPENSSL_memdup(staple->data, staple->len);
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->len);
	return SSL_TLSEXT_ERR_OK;
}

static int add(struct tls_generation *generation, const struct tls_identity *identity, struct tls_file *file,
	       const char *name, const char *path, struct problems *problems)
{
	struct check check = {
		.identity = identity,
		.issuer = tls_chain_issuer(identity),
		.now = time(NULL),
	};
	if (!response_is_good(&check, file)) {
		problems_warn(problems, path, "%s: clients get no OCSP response, for %s", name, check.text);
		return 0;
	}
	struct tls_staple *staple = make(&check, file, name);
	if (!staple) {
		problems_add(problems, path, "no memory for an OCSP response");
		return PLAIT_ERROR_MEMORY;
	}
	staple->next = generation->staples;
	generation->staples = staple;
	SSL_CTX_set_tlsext_status_cb(generation->ssl, give);
	return 0;
}

int tls_staple_add(struct tls_generation *generation, const struct tls_identity *identity,
		   const struct tls_pair_settings *files, const char *path, struct problems *problems)
{
	char place[JSON_PATH_SIZE];
	struct plait_error error = { 0 };
	struct tls_file file;
	if (!files->staple)
		return 0;
	json_path_key(place, sizeof(place), path, "staple", strlen("staple"));
	int result = tls_file_read(files->staple, MOST, &file, &error);
	if (result < 0)
		problems_add(problems, place, "%s: %s", error.path, error.text);
	else
		result = add(generation, identity, &file, files->staple, place, problems);
	tls_file_free(&file);
	return result;
}

void tls_staples_release(struct tls_generation *generation)
{
	while (generation->staples) {
		struct tls_staple *staple = generation->staples;
		generation->staples = staple->next;
		X509_free(staple->certificate);
		free(staple->data);
		free(staple->file);
		free(staple);
	}
}
