/* What protocols ask about their connection's TLS, at both ends. */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <plait/client.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/net/conn/conn.h"
#include "core/net/tls/context.h"
#include "tests/unit/net/local.h"
#include "tests/unit/net/tls_authority.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct local local;
static struct tls_pair_server server;
static struct tls_settings settings;
static char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], ca[TLS_PAIR_PATH];

static struct plait_conn *ours, *theirs; /* the client's end, the server's */
static bool met, failed;

static size_t server_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	theirs = conn;
	met = ours != NULL;
	return len;
}

static void client_made(struct plait_conn *conn)
{
	ours = conn;
	met = theirs != NULL;
	plait_write(conn, "x", 1);
}

static const struct plait_protocol asked = { PLAIT_PROTOCOL_HEAD("asked"), .data = server_data };
static const struct plait_protocol asking = { PLAIT_PROTOCOL_HEAD("asking"), .made = client_made };

static void prepare(void)
{
	tls_pair_file("server.pem", certificate);
	tls_pair_file("server.key", key);
	tls_pair_file("ca.pem", ca);
	settings = tls_pair_settings(certificate, key);
	settings.max_version = TLS_VERSION_1_3;
	ours = theirs = NULL;
	met = failed = false;
}

static void serve(void)
{
	struct problems problems;
	local_init(&local);
	problems_init(&problems);
	server = tls_pair_server_with(&settings, &problems);
	problems_print(&problems, stdout);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server.server);
	local_listen_tls(&local, &asked, "127.0.0.1", tls_server_role(server.server));
}

static struct plait_result on_failure(struct plait_result result, void *arg)
{
	(void)arg;
	printf("# %s\n", result.failure->text);
	plait_result_drop(&result);
	met = failed = true;
	return plait_value(NULL);
}

static void call(const char *options)
{
	char where[2500];
	snprintf(where, sizeof(where), "tls://localhost:%u?%s", local.port, options);
	struct plait_deferred *deferred = plait_connect(local.loop, where, &asking, NULL);
	plait_add_callbacks(deferred, NULL, on_failure, NULL);
	local_wait(&local, &met);
	plait_deferred_unref(&deferred);
	CU_ASSERT_FALSE_FATAL(failed);
}

static void meet(const char *options)
{
	char all[2400];
	serve();
	snprintf(all, sizeof(all), "ca=%s%s", ca, options);
	call(all);
}

static void part(void)
{
	local_fini(&local);
	tls_pair_server_free(&server);
}

static void both_ends_know_what_was_agreed(void)
{
	for (int version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
		prepare();
		settings.max_version = version;
		meet("");
		const struct plait_tls *here = plait_conn_tls(ours), *there = plait_conn_tls(theirs);
		CU_ASSERT_STRING_EQUAL(here->version, version == TLS_VERSION_1_2 ? "TLSv1.2" : "TLSv1.3");
		CU_ASSERT_STRING_EQUAL(there->version, here->version);
		CU_ASSERT_STRING_EQUAL(there->cipher, version == TLS_VERSION_1_2
							      ? "ECDHE-ECDSA-AES128-GCM-SHA256"
							      : "TLS_AES_128_GCM_SHA256");
		CU_ASSERT_STRING_EQUAL(there->cipher, here->cipher);
		CU_ASSERT_STRING_EQUAL(there->group, "x25519");
		CU_ASSERT_STRING_EQUAL(here->group, "x25519");
		CU_ASSERT_STRING_EQUAL(there->server_name, "localhost");
		CU_ASSERT_STRING_EQUAL(here->server_name, "localhost");
		CU_ASSERT_PTR_NULL(there->alpn);
		CU_ASSERT_FALSE(there->resumed);
		CU_ASSERT_PTR_EQUAL(plait_conn_tls(theirs), there);
		part();
	}
}

/* Also what a resumption does not speak about again. */
static void a_resumption_knows_it_too(void)
{
	char where[2500];
	for (int version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
		prepare();
		settings.max_version = version;
		serve();
		snprintf(where, sizeof(where), "tls://localhost:%u?ca=%s", local.port, ca);
		struct plait_connector *connector = plait_connector_new(local.loop, where, &asking, NULL,
									NULL, NULL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(connector);
		for (int i = 0; i < 2; i++) {
			ours = theirs = NULL;
			met = false;
			plait_connector_connect(connector);
			local_wait(&local, &met);
			for (int turns = 0; turns < 50 && i == 0; turns++) /* the ticket */
				loop_turn(local.loop, false);
			const struct plait_tls *tls = plait_conn_tls(theirs);
			CU_ASSERT_EQUAL(tls->resumed, i == 1);
			CU_ASSERT_STRING_EQUAL(tls->server_name, "localhost");
			CU_ASSERT_STRING_EQUAL(tls->group, "x25519");
			const struct plait_certificate *peer = plait_conn_certificate(ours);
			CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
			CU_ASSERT_STRING_EQUAL(peer->subject, "CN=localhost,O=plait development");
			CU_ASSERT(peer->verified);
			plait_connector_disconnect(connector);
			for (int turns = 0; turns < 50; turns++)
				loop_turn(local.loop, false);
		}
		plait_connector_unref(&connector);
		part();
	}
}

static bool has_name(const struct plait_certificate *peer, int kind, const char *text)
{
	for (size_t i = 0; i < peer->name_count; i++)
		if (peer->names[i].kind == kind && strcmp(peer->names[i].text, text) == 0)
			return true;
	return false;
}

static X509 *read_certificate(const char *path)
{
	BIO *bio = BIO_new_file(path, "r");
	X509 *read = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	CU_ASSERT_PTR_NOT_NULL_FATAL(read);
	return read;
}

static void a_client_sees_the_server_s(void)
{
	unsigned char digest[32];
	char hex[65];
	struct tm tm;
	prepare();
	meet("");
	CU_ASSERT_PTR_NULL(theirs->extra); /* who does not ask does not pay */
	CU_ASSERT_PTR_NULL(plait_conn_certificate(theirs));
	const struct plait_certificate *peer = plait_conn_certificate(ours);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	CU_ASSERT_PTR_EQUAL(plait_conn_certificate(ours), peer);
	CU_ASSERT(peer->verified);
	CU_ASSERT_STRING_EQUAL(peer->subject, "CN=localhost,O=plait development");
	CU_ASSERT_STRING_EQUAL(peer->issuer, "CN=intermediate,O=plait development");
	CU_ASSERT_EQUAL(peer->name_count, 3);
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_DNS, "localhost"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_ADDRESS, "127.0.0.1"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_ADDRESS, "::1"));
	X509 *real = read_certificate(certificate);
	X509_digest(real, EVP_sha256(), digest, NULL);
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	CU_ASSERT_STRING_EQUAL(peer->fingerprint, hex);
	ASN1_TIME_to_tm(X509_get0_notAfter(real), &tm);
	CU_ASSERT_EQUAL(peer->not_after, timegm(&tm));
	ASN1_TIME_to_tm(X509_get0_notBefore(real), &tm);
	CU_ASSERT_EQUAL(peer->not_before, timegm(&tm));
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(real), NULL);
	char *serial = BN_bn2hex(number);
	CU_ASSERT_STRING_EQUAL(peer->serial, serial);
	OPENSSL_free(serial);
	BN_free(number);
	X509_free(real);
	part();
}

static void it_is_verified_only_when_it_was(void)
{
	prepare();
	serve();
	call("verify=no");
	const struct plait_certificate *peer = plait_conn_certificate(ours);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	CU_ASSERT_FALSE(peer->verified);
	CU_ASSERT_STRING_EQUAL(peer->subject, "CN=localhost,O=plait development");
	part();
}

/* ---- clients' certificates that no CA should sign ---- */

static struct tls_authority root;
static GENERAL_NAMES *names;

static void begin_names(void)
{
	prepare();
	tls_authority_init(&root, "the root", NULL);
	names = sk_GENERAL_NAME_new_null();
}

static void name(int type, const void *bytes, int len)
{
	GENERAL_NAME *made = GENERAL_NAME_new();
	ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	ASN1_STRING_set(value, bytes, len);
	GENERAL_NAME_set0_value(made, type, value);
	sk_GENERAL_NAME_push(names, made);
}

static const struct plait_certificate *shown(const struct tls_leaf *leaf)
{
	static char roots[TLS_AUTHORITY_PATH], file[TLS_AUTHORITY_PATH];
	char options[3 * TLS_AUTHORITY_PATH];
	struct tls_leaf whole = *leaf;
	whole.names = names;
	tls_authority_file(&root, "roots.pem", roots);
	tls_authority_add_certificate(&root, roots);
	tls_authority_sign(&root, &whole, NULL, file);
	settings.client.verify = TLS_VERIFY_REQUIRE;
	settings.client.ca = roots;
	snprintf(options, sizeof(options), "&certificate=%s&key=%s", file, file);
	meet(options);
	const struct plait_certificate *peer = plait_conn_certificate(theirs);
	CU_ASSERT_PTR_NOT_NULL_FATAL(peer);
	CU_ASSERT(peer->verified);
	return peer;
}

static void end_names(void)
{
	part();
	GENERAL_NAMES_free(names);
	tls_authority_fini(&root);
}

static void a_server_sees_a_client_s(void)
{
	static const unsigned char v4[] = { 192, 0, 2, 1 }, v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	begin_names();
	name(GEN_DNS, "a.example", 9);
	name(GEN_EMAIL, "a@example", 9);
	name(GEN_URI, "spiffe://example/a", 18);
	name(GEN_IPADD, v4, 4);
	name(GEN_IPADD, v6, 16);
	const struct plait_certificate *peer = shown(&(struct tls_leaf){ .name = "a", .serial = "6699" });
	CU_ASSERT_STRING_EQUAL(peer->subject, "CN=a");
	CU_ASSERT_STRING_EQUAL(peer->issuer, "CN=the root");
	CU_ASSERT_STRING_EQUAL(peer->serial, "1A2B");
	CU_ASSERT_EQUAL(peer->name_count, 5);
	CU_ASSERT_EQUAL(peer->names_omitted, 0);
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_DNS, "a.example"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_EMAIL, "a@example"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_URI, "spiffe://example/a"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_ADDRESS, "192.0.2.1"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_ADDRESS, "2001:db8::1"));
	end_names();
}

static void hostile_names_are_not_mistaken(void)
{
	begin_names();
	name(GEN_DNS, "bank.example\0.evil.example", 26);
	name(GEN_DNS, "line\nfeed", 9);
	name(GEN_URI, "a\\00b", 5); /* what an escaped NUL looks like */
	name(GEN_EMAIL, "\xc3\xa4@example", 10);
	name(GEN_DNS, "", 0);
	name(GEN_IPADD, "abcde", 5);
	const struct plait_certificate *peer = shown(
		&(struct tls_leaf){ .name = "admin\0,O=evil", .name_len = 13 });
	CU_ASSERT_STRING_EQUAL(peer->subject, "CN=admin\\00\\,O=evil");
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_DNS, "bank.example\\00.evil.example"));
	CU_ASSERT_FALSE(has_name(peer, PLAIT_CERTIFICATE_DNS, "bank.example"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_DNS, "line\\0Afeed"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_URI, "a\\5C00b"));
	CU_ASSERT(has_name(peer, PLAIT_CERTIFICATE_EMAIL, "\\C3\\A4@example"));
	CU_ASSERT_EQUAL(peer->names_omitted, 1); /* an address of five bytes */
	end_names();
}

static void too_much_is_left_out_and_not_cut(void)
{
	static char longest[PLAIT_CERTIFICATE_NAME_MAX + 1];
	memset(longest, 'x', sizeof(longest));
	begin_names();
	name(GEN_DNS, longest, PLAIT_CERTIFICATE_NAME_MAX + 1);
	name(GEN_DNS, longest, PLAIT_CERTIFICATE_NAME_MAX);
	for (int i = 0; i < PLAIT_CERTIFICATE_NAMES_MAX + 5; i++)
		name(GEN_DNS, "one", 3);
	const struct plait_certificate *peer = shown(&(struct tls_leaf){ .name = "much" });
	CU_ASSERT_EQUAL(peer->name_count, PLAIT_CERTIFICATE_NAMES_MAX);
	CU_ASSERT_EQUAL(peer->names_omitted, 7);
	CU_ASSERT_EQUAL(strlen(peer->names[0].text), PLAIT_CERTIFICATE_NAME_MAX);
	CU_ASSERT_STRING_EQUAL(peer->names[PLAIT_CERTIFICATE_NAMES_MAX - 1].text, "one");
	end_names();
}

/* ---- keys ---- */

static void both_ends_export_the_same(void)
{
	static const char label[] = "EXPORTER-plait-test";
	for (int version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
		unsigned char here[PLAIT_TLS_EXPORT_MAX + 1], there[PLAIT_TLS_EXPORT_MAX], plain[32];
		prepare();
		settings.max_version = version;
		meet("");
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, NULL, 0, plain, 32), 0);
		CU_ASSERT_EQUAL(plait_tls_export(theirs, label, NULL, 0, there, 32), 0);
		CU_ASSERT_EQUAL(memcmp(plain, there, 32), 0);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, "", 0, here, 32), 0);
		CU_ASSERT_EQUAL(memcmp(plain, here, 32) == 0, version == TLS_VERSION_1_3);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, "a\0b", 3, here, sizeof(there)), 0);
		CU_ASSERT_EQUAL(plait_tls_export(theirs, label, "a\0b", 3, there, sizeof(there)), 0);
		CU_ASSERT_EQUAL(memcmp(here, there, sizeof(there)), 0);
		CU_ASSERT_EQUAL(plait_tls_export(theirs, label, "a\0c", 3, there, sizeof(there)), 0);
		CU_ASSERT_NOT_EQUAL(memcmp(here, there, sizeof(there)), 0);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, NULL, 0, here, 0), PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, NULL, 0, here, sizeof(here)),
				PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_tls_export(ours, "", NULL, 0, here, 32), PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, NULL, 1, here, 32), PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_tls_export(ours, label, label, 65536, here, 32), PLAIT_ERROR_INVALID);
		if (version == TLS_VERSION_1_2) /* one of its own labels */
			CU_ASSERT_EQUAL(plait_tls_export(ours, "master secret", NULL, 0, here, 32),
					PLAIT_ERROR_REFUSED);
		part();
	}
}

static void both_ends_are_bound(void)
{
	for (int version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3; version++) {
		uint8_t here[PLAIT_TLS_BINDING_SIZE], there[PLAIT_TLS_BINDING_SIZE], exported[32];
		prepare();
		settings.max_version = version;
		meet("");
		CU_ASSERT_EQUAL(plait_tls_binding(ours, here), 0);
		CU_ASSERT_EQUAL(plait_tls_binding(theirs, there), 0);
		CU_ASSERT_EQUAL(memcmp(here, there, sizeof(here)), 0);
		CU_ASSERT_EQUAL(plait_tls_export(ours, "EXPORTER-Channel-Binding", "", 0, exported, 32), 0);
		CU_ASSERT_EQUAL(memcmp(here, exported, sizeof(here)), 0);
		part();
		prepare();
		settings.max_version = version;
		serve();
		SSL_CTX_set_options(server.context->current->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
		call("verify=no");
		int result = version == TLS_VERSION_1_2 ? PLAIT_ERROR_REFUSED : 0;
		CU_ASSERT_EQUAL(plait_tls_binding(ours, here), result);
		CU_ASSERT_EQUAL(plait_tls_binding(theirs, there), result);
		part();
	}
}

static void there_is_nothing_without_tls(void)
{
	char where[100];
	uint8_t out[PLAIT_TLS_BINDING_SIZE];
	prepare();
	local_init(&local);
	local_listen(&local, &asked, "127.0.0.1", 0);
	snprintf(where, sizeof(where), "tcp://127.0.0.1:%u", local.port);
	struct plait_deferred *deferred = plait_connect(local.loop, where, &asking, NULL);
	local_wait(&local, &met);
	plait_deferred_unref(&deferred);
	CU_ASSERT_PTR_NULL(plait_conn_tls(ours));
	CU_ASSERT_PTR_NULL(plait_conn_certificate(ours));
	CU_ASSERT_EQUAL(plait_tls_export(ours, "EXPORTER-x", NULL, 0, out, 32), PLAIT_ERROR_MISSING);
	CU_ASSERT_EQUAL(plait_tls_binding(theirs, out), PLAIT_ERROR_MISSING);
	local_fini(&local);
}

SUITE_MAIN("tls_ask", SUITE_TEST(both_ends_know_what_was_agreed), SUITE_TEST(a_resumption_knows_it_too),
	   SUITE_TEST(a_client_sees_the_server_s), SUITE_TEST(it_is_verified_only_when_it_was),
	   SUITE_TEST(a_server_sees_a_client_s), SUITE_TEST(hostile_names_are_not_mistaken),
	   SUITE_TEST(too_much_is_left_out_and_not_cut), SUITE_TEST(both_ends_export_the_same),
	   SUITE_TEST(both_ends_are_bound), SUITE_TEST(there_is_nothing_without_tls))
