/* OCSP responses of TLS contexts: good ones reach clients who ask, all others become a warning. */
#include <CUnit/CUnit.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/net/tls_trial.h"
#include "tests/unit/suite.h"

#define HOUR 3600l
#define GOOD V_OCSP_CERTSTATUS_GOOD

/* The clock of what is tested, not OpenSSL's. */
static time_t ahead;
time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);
time_t __wrap_time(time_t *out)
{
	time_t now = __real_time(NULL) + ahead;
	if (out)
		*out = now;
	return now;
}

static unsigned char *read_bytes(const char *name, size_t *len)
{
	static unsigned char bytes[16384];
	FILE *file = fopen(tls_trial_file(name), "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	*len = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	return bytes;
}

static void write_bytes(const char *name, const unsigned char *bytes, size_t len)
{
	FILE *file = fopen(tls_trial_file(name), "we");
	fwrite(bytes, 1, len, file);
	fclose(file);
}

static void write_response(const char *name, OCSP_RESPONSE *response)
{
	unsigned char *bytes = NULL;
	int len = i2d_OCSP_RESPONSE(response, &bytes);
	write_bytes(name, bytes, (size_t)len);
	OPENSSL_free(bytes);
}

static void asks(SSL *client)
{
	SSL_set_tlsext_status_type(client, TLSEXT_STATUSTYPE_ocsp);
}

static void asks_for_rsa(SSL *client)
{
	asks(client);
	SSL_set1_sigalgs_list(client, "rsa_pss_rsae_sha256");
}

static void asks_in_1_2(SSL *client)
{
	asks(client);
	SSL_set_max_proto_version(client, TLS1_2_VERSION);
}

static const char *wanted; /* the file whose bytes arrive; NULL: none do */

static void sees_response(SSL *client, SSL *server)
{
	const unsigned char *found;
	long len = SSL_get_tlsext_status_ocsp_resp(client, &found);
	size_t expected_len = 0;
	(void)server;
	const unsigned char *expected = wanted ? read_bytes(wanted, &expected_len) : NULL;
	CU_ASSERT_EQUAL(len, wanted ? (long)expected_len : -1);
	if (wanted && len == (long)expected_len)
		CU_ASSERT_EQUAL(memcmp(found, expected, expected_len), 0);
}

static struct tls_settings with_staple(const char *name, const char *staple)
{
	char certificate[64], key[64];
	snprintf(certificate, sizeof(certificate), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	struct tls_settings settings = tls_trial_settings(certificate, key);
	settings.pair.staple = tls_trial_file(staple);
	return settings;
}

static void expect(const struct tls_settings *settings, const char *expected)
{
	bool made;
	char *text = tls_trial_problems(settings, &made);
	/* A date stands where the expected text has none. */
	size_t begin = strcspn(expected, "*");
	const char *end = expected[begin] ? expected + begin + 1 : expected + begin;
	bool same = strncmp(text, expected, begin) == 0 && strlen(text) >= strlen(end) &&
		    strcmp(text + strlen(text) - strlen(end), end) == 0 &&
		    (expected[begin] || strlen(text) == begin);
	CU_ASSERT(same);
	if (!same)
		printf("# found    %s\n# expected %s\n", text, expected);
	free(text);
}

static void who_asks_gets_it(void)
{
	tls_trial_begin();
	struct tls_settings settings = with_staple("server", "staple-good.der");
	expect(&settings, "");
	wanted = "staple-good.der";
	CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	CU_ASSERT(tls_trial_shake(&settings, asks_in_1_2, sees_response));
	wanted = NULL;
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_response));
	settings.pair.staple = NULL;
	CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	tls_trial_end();
}

static void each_certificate_has_its_own(void)
{
	tls_trial_begin();
	struct tls_pair_settings more[] = {
		{ .certificate = tls_trial_file("server-rsa.pem"), .key = tls_trial_file("server-rsa.key") },
	};
	struct tls_settings settings = with_staple("server", "staple-good.der");
	settings.pairs = (struct plait_list){ .items = more, .count = 1 };
	wanted = NULL;
	CU_ASSERT(tls_trial_shake(&settings, asks_for_rsa, sees_response));
	more[0].staple = tls_trial_file("staple-rsa.der");
	expect(&settings, "");
	wanted = "staple-rsa.der";
	CU_ASSERT(tls_trial_shake(&settings, asks_for_rsa, sees_response));
	wanted = "staple-good.der";
	CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	more[0].staple = tls_trial_file("staple-good.der");
	expect(&settings,
	       "warning: tls.test.certificates[0].staple: staple-good.der: clients get no OCSP response, for it "
	       "is about another certificate\n");
	tls_trial_end();
}

#define WARNING(file) "warning: tls.test.staple: " file ": clients get no OCSP response, for "

static const struct {
	const char *name, *staple, *expected;
} bad[] = {
	{ "server", "staple-stale.der",
	  WARNING("staple-stale.der") "it was good until *UTC; fetch a fresh one\n" },
	{ "server", "staple-revoked.der",
	  WARNING("staple-revoked.der") "it says that the certificate was revoked on *UTC; get another one\n" },
	{ "server", "staple-foreign.der", WARNING("staple-foreign.der") "it is about another certificate\n" },
	{ "server", "staple-rsa.der", WARNING("staple-rsa.der") "it is about another certificate\n" },
	{ "server-rsa", "staple-good.der", WARNING("staple-good.der") "it is about another certificate\n" },
	{ "server", "server.pem", WARNING("server.pem") "it is no OCSP response in DER\n" },
	{ "server", "./cut", WARNING("cut") "it is no OCSP response in DER\n" },
	{ "server", "./longer", WARNING("longer") "it is no OCSP response in DER\n" },
	{ "server", "./empty", WARNING("empty") "it is no OCSP response in DER\n" },
	{ "server", "./later", WARNING("later") "the issuer answered \"trylater\"\n" },
	{ "server", "./forged",
	  WARNING("forged") "the certificate's issuer, or a delegate of it, did not sign it (*)\n" },
};

/* One bit of its signature is wrong. */
static void forge(const char *name)
{
	size_t len;
	const unsigned char *at = read_bytes("staple-good.der", &len);
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)len);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(basic);
	signature->data[signature->length - 1] ^= 1;
	OCSP_RESPONSE *forged = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	write_response(name, forged);
	OCSP_RESPONSE_free(forged);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
}

static void bad_ones_are_not_sent(void)
{
	static const unsigned char try_later[] = { 0x30, 0x03, 0x0a, 0x01, 0x03 };
	size_t len;
	tls_trial_begin();
	unsigned char *bytes = read_bytes("staple-good.der", &len);
	write_bytes("./cut", bytes, len - 1);
	write_bytes("./longer", bytes, len + 1);
	write_bytes("./empty", bytes, 0);
	write_bytes("./later", try_later, sizeof(try_later));
	forge("./forged");
	wanted = NULL;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tls_settings settings = with_staple(bad[i].name, bad[i].staple);
		expect(&settings, bad[i].expected);
		CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	}
	tls_trial_end();
}

static void a_missing_file_is_an_error(void)
{
	tls_trial_begin();
	struct tls_settings settings = with_staple("server", "/nonexistent");
	expect(&settings,
	       "error: tls.test.staple: /nonexistent: cannot read it: No such file or directory\n");
	tls_trial_end();
}

static void without_the_issuer_it_cannot_be_checked(void)
{
	tls_trial_begin();
	tls_trial_join("./alone.pem", (const char *const[]){ "server.pem 1", NULL });
	struct tls_settings settings = with_staple("server", "staple-good.der");
	settings.pair.certificate = tls_trial_file("./alone.pem");
	expect(&settings,
	       "warning: tls.test.certificate: alone.pem: *cannot be checked without the issuer's certificate; "
	       "append that to the certificate's file\n");
	wanted = NULL;
	CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	tls_trial_end();
}

/* ---- who signed ---- */

static EVP_PKEY *ca_key;
static X509 *ca;

static X509 *make(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key, const char *usage)
{
	static long serial;
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 100 * 24 * HOUR);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer : certificate));
	X509_set_pubkey(certificate, key);
	const int nid = issuer ? NID_ext_key_usage : NID_basic_constraints;
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, usage);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
	X509_sign(certificate, issuer_key, EVP_sha256());
	return certificate;
}

/* begin_s and end_s from now; end_s 0: it does not say. */
static void respond(const char *name, X509 *about, X509 *signer, EVP_PKEY *signer_key, int status,
		    long begin_s, long end_s)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha256(), about, ca);
	ASN1_TIME *begin = X509_gmtime_adj(NULL, begin_s), *end = end_s ? X509_gmtime_adj(NULL, end_s) : NULL;
	OCSP_basic_add1_status(basic, id, status, 0, NULL, begin, end);
	OCSP_basic_sign(basic, signer, signer_key, EVP_sha256(), NULL, 0);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	write_response(name, response);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(begin);
	ASN1_TIME_free(end);
}

static X509 *make_server(EVP_PKEY *key)
{
	ca_key = EVP_EC_gen("P-256");
	ca = make(ca_key, "ca", NULL, ca_key, "critical,CA:TRUE");
	X509 *server = make(key, "server", ca, ca_key, "serverAuth");
	FILE *file = fopen(tls_trial_file("./own.pem"), "we");
	PEM_write_X509(file, server);
	PEM_write_X509(file, ca);
	fclose(file);
	file = fopen(tls_trial_file("./own.key"), "we");
	fchmod(fileno(file), 0600);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	return server;
}

#define NOT_SIGNED(name) WARNING(name) "the certificate's issuer, or a delegate of it, did not sign it (*)\n"

static void only_the_issuer_and_its_delegates_have_a_word(void)
{
	tls_trial_begin();
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other_key = EVP_EC_gen("P-256");
	X509 *server = make_server(key);
	X509 *delegate = make(other_key, "delegate", ca, ca_key, "OCSPSigning");
	X509 *neighbour = make(other_key, "neighbour", ca, ca_key, "serverAuth");
	X509 *stranger = make(other_key, "ca", NULL, other_key, "critical,CA:TRUE");
	const struct {
		const char *name;
		X509 *signer;
		EVP_PKEY *key;
		int status;
		long begin_s, end_s;
		const char *expected;
	} cases[] = {
		{ "./issuer", ca, ca_key, GOOD, -60, HOUR, "" },
		{ "./delegate", delegate, other_key, GOOD, -60, HOUR, "" },
		{ "./neighbour", neighbour, other_key, GOOD, -60, HOUR, NOT_SIGNED("neighbour") },
		{ "./stranger", stranger, other_key, GOOD, -60, HOUR, NOT_SIGNED("stranger") },
		{ "./itself", server, key, GOOD, -60, HOUR, NOT_SIGNED("itself") },
		{ "./soon", ca, ca_key, GOOD, 200, HOUR, "" },
		{ "./early", ca, ca_key, GOOD, 400, HOUR, WARNING("early") "it is not good before *UTC\n" },
		{ "./endless", ca, ca_key, GOOD, -60, 0,
		  WARNING("endless") "it does not say until when it is good\n" },
		{ "./unknown", ca, ca_key, V_OCSP_CERTSTATUS_UNKNOWN, -60, HOUR,
		  WARNING("unknown") "it says that the certificate is unknown, not good\n" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		respond(cases[i].name, server, cases[i].signer, cases[i].key, cases[i].status,
			cases[i].begin_s, cases[i].end_s);
		struct tls_settings settings = with_staple("./own", cases[i].name);
		expect(&settings, cases[i].expected);
		wanted = *cases[i].expected ? NULL : cases[i].name;
		CU_ASSERT(tls_trial_shake(&settings, asks, sees_response));
	}
	X509_free(server);
	X509_free(delegate);
	X509_free(neighbour);
	X509_free(stranger);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
	EVP_PKEY_free(ca_key);
	tls_trial_end();
}

/* ---- over time ---- */

/* The clock moves on between making the context and the handshake. */
static time_t later;

static void asks_later(SSL *client)
{
	asks(client);
	ahead = later;
}

static void it_goes_stale_while_serving(void)
{
	tls_trial_begin();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *server = make_server(key);
	respond("./own.der", server, ca, ca_key, GOOD, -60, HOUR);
	struct tls_settings settings = with_staple("./own", "./own.der");
	wanted = "./own.der";
	later = HOUR - 60;
	CU_ASSERT(tls_trial_shake(&settings, asks_later, sees_response));
	ahead = 0;
	wanted = NULL;
	later = HOUR;
	CU_ASSERT(tls_trial_shake(&settings, asks_later, sees_response));
	ahead = HOUR - 60;
	expect(&settings, "");
	ahead = HOUR;
	expect(&settings, WARNING("own.der") "it was good until *UTC; fetch a fresh one\n");
	ahead = 0;
	X509_free(server);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	tls_trial_end();
}

SUITE_MAIN("tls_staple", SUITE_TEST(who_asks_gets_it), SUITE_TEST(each_certificate_has_its_own),
	   SUITE_TEST(bad_ones_are_not_sent), SUITE_TEST(a_missing_file_is_an_error),
	   SUITE_TEST(without_the_issuer_it_cannot_be_checked), SUITE_TEST(it_goes_stale_while_serving),
	   SUITE_TEST(only_the_issuer_and_its_delegates_have_a_word))
