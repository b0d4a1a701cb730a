/* Clients over TLS: whom they believe, what they agree on, who they are, and what they resume. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <plait/client.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/net/tls/context.h"
#include "tests/unit/net/local.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct local local;
static struct tls_pair_server server;
static char folder[] = "/tmp/plait-test-XXXXXX";

static struct {
	bool fired, lost, answered;
	struct plait_conn *conn;
	struct plait_tls tls;
	char failure[1100];
	int code;
	enum plait_reason reason;
} seen;

static void client_made(struct plait_conn *conn)
{
	seen.tls = *plait_conn_tls(conn);
	plait_write(conn, "x", 1);
}

static size_t client_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	seen.answered = true;
	return len;
}

static void client_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	seen.lost = true;
	seen.reason = reason;
}

static const struct plait_protocol caller = { PLAIT_PROTOCOL_HEAD("caller"), .made = client_made,
					      .data = client_data, .lost = client_lost };

static struct plait_result on_conn(struct plait_result result, void *arg)
{
	(void)arg;
	seen.conn = result.value;
	seen.fired = true;
	return plait_value(NULL);
}

static struct plait_result on_failure(struct plait_result result, void *arg)
{
	(void)arg;
	snprintf(seen.failure, sizeof(seen.failure), "%s", result.failure->text);
	seen.code = result.failure->code;
	seen.fired = true;
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void begin(void)
{
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
	server = tls_pair_server();
	local_listen_tls(&local, &rig_echoer, "127.0.0.1", tls_server_role(server.server));
}

static void finish(void)
{
	local_fini(&local);
	tls_pair_server_free(&server);
}

/* The endpoint of the listener under a host, with options, and with a file of certs/make as ca; NULL: none. */
static const char *endpoint(const char *host, const char *options, const char *file)
{
	static char text[2000];
	char path[TLS_PAIR_PATH] = "";
	if (file)
		tls_pair_file(file, path);
	snprintf(text, sizeof(text), "tls://%s:%u?%s%s%s", host, local.port, options, file ? "&ca=" : "",
		 path);
	if (!*options && file)
		snprintf(text, sizeof(text), "tls://%s:%u?ca=%s", host, local.port, path);
	return text;
}

static void call(const char *where)
{
	struct plait_deferred *deferred = plait_connect(local.loop, where, &caller, NULL);
	plait_add_callbacks(deferred, on_conn, on_failure, NULL);
	local_wait(&local, &seen.fired);
	plait_deferred_unref(&deferred);
	if (seen.failure[0])
		printf("# %s\n", seen.failure);
}

/* The handshake failed for a certificate, with this text. */
static bool disbelieved(const char *text)
{
	return seen.code == PLAIT_ERROR_REFUSED && !seen.conn &&
	       strstr(seen.failure, "cannot connect to tls://") &&
	       strstr(seen.failure, "the peer's certificate is not good (") && strstr(seen.failure, text);
}

static void call_once(const char *host, const char *options, const char *file)
{
	begin();
	call(endpoint(host, options, file));
	finish();
}

static void believes_the_right_server(void)
{
	begin();
	call(endpoint("localhost", "", "ca.pem"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.conn);
	CU_ASSERT_STRING_EQUAL(seen.tls.version, "TLSv1.3");
	CU_ASSERT_PTR_NULL(seen.tls.alpn);
	local_wait(&local, &seen.answered);
	finish();
	call_once("127.0.0.1", "", "ca.pem");
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
}

static void names_another_name(void)
{
	call_once("127.0.0.1", "name=elsewhere.example", "ca.pem");
	CU_ASSERT(disbelieved("hostname mismatch; expected elsewhere.example"));
	call_once("127.0.0.1", "name=127.0.0.2", "ca.pem");
	CU_ASSERT(disbelieved("IP address mismatch; expected 127.0.0.2"));
}

static void the_name_given_is_the_one_that_counts(void)
{
	call_once("127.0.0.1", "name=localhost.", "ca.pem");
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
}

static void names_another_issuer(void)
{
	call_once("localhost", "", "client.pem");
	CU_ASSERT(disbelieved("issuer"));
}

/* Without ca, whom the system trusts; it does not trust ours. */
static void verifies_by_itself(void)
{
	call_once("localhost", "", NULL);
	CU_ASSERT(disbelieved("certificate in certificate chain") || disbelieved("local issuer certificate"));
}

/* And it does when the system does. */
static void believes_whom_the_system_believes(void)
{
	char path[TLS_PAIR_PATH];
	tls_pair_file("ca.pem", path);
	setenv("SSL_CERT_FILE", path, 1);
	call_once("localhost", "", NULL);
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
	unsetenv("SSL_CERT_FILE");
}

static void does_not_verify_when_told_so(void)
{
	call_once("127.0.0.1", "verify=no&name=elsewhere.example", NULL);
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
}

static void extend(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* A certificate for localhost that signed itself, and ended a day ago; key and certificate in one file. */
static void make_expired(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -86400 * 10);
	X509_gmtime_adj(X509_getm_notAfter(certificate), -86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	extend(certificate, NID_subject_alt_name, "DNS:localhost");
	X509_sign(certificate, key, EVP_sha256());
	FILE *file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	PEM_write_X509(file, certificate);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void names_an_expired_one(void)
{
	char path[100], options[200];
	struct problems problems;
	memset(&seen, 0, sizeof(seen));
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/expired.pem", folder);
	make_expired(path);
	local_init(&local);
	struct tls_settings settings = tls_pair_settings(path, path);
	settings.allow_readable_key = true;
	problems_init(&problems);
	server = tls_pair_server_with(&settings, &problems);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(server.server);
	local_listen_tls(&local, &rig_echoer, "127.0.0.1", tls_server_role(server.server));
	snprintf(options, sizeof(options), "ca=%s", path);
	call(endpoint("localhost", options, NULL));
	CU_ASSERT(disbelieved("certificate has expired"));
	finish();
	unlink(path);
	rmdir(folder);
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
		  unsigned in_len, void *arg)
{
	(void)ssl;
	return SSL_select_next_proto((unsigned char **)out, out_len, arg, (unsigned)strlen(arg), in,
				     in_len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void agrees_on_a_protocol(void)
{
	static char offers[] = "\x08http/1.1";
	begin();
	SSL_CTX_set_alpn_select_cb(server.context->current->ssl, choose, offers);
	call(endpoint("localhost", "alpn=h2,http/1.1", "ca.pem"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.conn);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.tls.alpn);
	CU_ASSERT_STRING_EQUAL(seen.tls.alpn, "http/1.1");
	finish();
	begin();
	SSL_CTX_set_alpn_select_cb(server.context->current->ssl, choose, offers);
	call(endpoint("localhost", "alpn=h2", "ca.pem"));
	CU_ASSERT_PTR_NULL(seen.conn);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, "no application protocol"));
	finish();
}

static void ask_for_certificates(void)
{
	char path[TLS_PAIR_PATH];
	tls_pair_file("ca.pem", path);
	SSL_CTX_set_verify(server.context->current->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
			   NULL);
	CU_ASSERT_EQUAL(SSL_CTX_load_verify_file(server.context->current->ssl, path), 1);
}

static void shows_its_certificate(void)
{
	char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], options[2 * TLS_PAIR_PATH + 40];
	tls_pair_file("client.pem", certificate);
	tls_pair_file("client.key", key);
	begin();
	ask_for_certificates();
	snprintf(options, sizeof(options), "certificate=%s&key=%s", certificate, key);
	call(endpoint("localhost", options, "ca.pem"));
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
	local_wait(&local, &seen.answered);
	finish();
	/* Without one TLS 1.3 tells only after the handshake. */
	begin();
	ask_for_certificates();
	call(endpoint("localhost", "", "ca.pem"));
	CU_ASSERT_PTR_NOT_NULL(seen.conn);
	local_wait(&local, &seen.lost);
	CU_ASSERT_FALSE(seen.answered);
	CU_ASSERT(plait_reason_is_error(seen.reason));
	finish();
}

static void a_certificate_and_its_key_go_together(void)
{
	call_once("localhost", "certificate=x.pem", "client.pem");
	CU_ASSERT_EQUAL(seen.code, PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, "go together; name the key, too"));
}

static void resumes_what_its_connector_had(const char *options, bool resumed)
{
	struct plait_connector *connector;
	begin();
	connector = plait_connector_new(local.loop, endpoint("localhost", options, "ca.pem"), &caller, NULL,
					NULL, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(connector);
	for (unsigned i = 0; i < 3; i++) {
		seen.answered = seen.lost = false;
		plait_connector_connect(connector);
		local_wait(&local, &seen.answered); /* the ticket lies before it */
		CU_ASSERT_EQUAL(seen.tls.resumed, i > 0 && resumed);
		plait_connector_disconnect(connector);
		local_wait(&local, &seen.lost);
		CU_ASSERT_EQUAL(seen.reason, PLAIT_REASON_CLOSED);
		loop_turn(local.loop, false);
	}
	plait_connector_unref(&connector);
	finish();
}

static void resumes(void)
{
	resumes_what_its_connector_had("", true);
	resumes_what_its_connector_had("resume=no", false);
}

static void who_speaks_no_tls_is_named(void)
{
	char where[100];
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	snprintf(where, sizeof(where), "tls://127.0.0.1:%u?verify=no", local.port);
	call(where);
	CU_ASSERT_EQUAL(seen.code, PLAIT_ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, "the TLS handshake failed ("));
	finish();
}

/* A server that accepts and says nothing. */
static void who_says_nothing_is_given_up(void)
{
	static const struct plait_protocol mute = { PLAIT_PROTOCOL_HEAD("mute"), .data = client_data };
	char where[100];
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
	local_listen(&local, &mute, "127.0.0.1", 0);
	snprintf(where, sizeof(where), "tls://127.0.0.1:%u?handshake=50ms", local.port);
	call(where);
	CU_ASSERT_EQUAL(seen.code, PLAIT_ERROR_TIMEOUT);
	seen.fired = false;
	snprintf(where, sizeof(where), "tls://127.0.0.1:%u?timeout=500ms", local.port);
	call(where);
	CU_ASSERT_EQUAL(seen.code, PLAIT_ERROR_TIMEOUT);
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, "it took longer than 500ms; 127.0.0.1:"));
	CU_ASSERT_PTR_NOT_NULL(strstr(seen.failure, ": in its TLS handshake"));
	finish();
}

SUITE_MAIN("connect_tls", SUITE_TEST(believes_the_right_server), SUITE_TEST(names_another_name),
	   SUITE_TEST(the_name_given_is_the_one_that_counts), SUITE_TEST(names_another_issuer),
	   SUITE_TEST(verifies_by_itself), SUITE_TEST(believes_whom_the_system_believes),
	   SUITE_TEST(does_not_verify_when_told_so), SUITE_TEST(names_an_expired_one),
	   SUITE_TEST(agrees_on_a_protocol), SUITE_TEST(shows_its_certificate),
	   SUITE_TEST(a_certificate_and_its_key_go_together), SUITE_TEST(resumes),
	   SUITE_TEST(who_speaks_no_tls_is_named), SUITE_TEST(who_says_nothing_is_given_up))
