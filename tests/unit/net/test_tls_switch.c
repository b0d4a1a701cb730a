/* A connection that moves to another generation: each setting that OpenSSL keeps in the SSL comes along. */
#include <CUnit/CUnit.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "core/net/tls/generation.h"
#include "core/net/tls/sessions.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct tls_generation *from, *to;
static SSL *ssl;

static struct tls_generation *generation(const char *file, const char *path)
{
	static char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH];
	char name[64];
	struct problems problems;
	problems_init(&problems);
	snprintf(name, sizeof(name), "%s.pem", file);
	tls_pair_file(name, certificate);
	snprintf(name, sizeof(name), "%s.key", file);
	tls_pair_file(name, key);
	struct tls_settings settings = tls_pair_settings(certificate, key);
	struct tls_sessions *sessions = tls_sessions_new(&settings);
	struct tls_generation *made;
	tls_generation_new(&settings, sessions, path, &problems, &made);
	tls_sessions_unref(&sessions);
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(made);
	return made;
}

static void begin(void)
{
	from = generation("server", "tls.from");
	to = generation("a", "tls.to");
}

/* Call once the generations are as they are to be. */
static void move(void)
{
	ssl = SSL_new(from->ssl);
	SSL_set_accept_state(ssl);
	CU_ASSERT_EQUAL_FATAL(tls_generation_switch(ssl, to), 0);
	CU_ASSERT_PTR_EQUAL(tls_generation_of(ssl), to);
}

static void end(void)
{
	SSL_free(ssl);
	tls_generation_unref(&from);
	tls_generation_unref(&to);
}

static void brings_the_certificate(void)
{
	begin();
	move();
	CU_ASSERT_PTR_EQUAL(SSL_get_certificate(ssl), SSL_CTX_get0_certificate(to->ssl));
	CU_ASSERT_PTR_EQUAL(SSL_get_privatekey(ssl), SSL_CTX_get0_privatekey(to->ssl));
	end();
}

static void brings_versions(int from_min, int from_max, int to_min, int to_max)
{
	begin();
	SSL_CTX_set_min_proto_version(from->ssl, from_min);
	SSL_CTX_set_max_proto_version(from->ssl, from_max);
	SSL_CTX_set_min_proto_version(to->ssl, to_min);
	SSL_CTX_set_max_proto_version(to->ssl, to_max);
	move();
	CU_ASSERT_EQUAL(SSL_get_min_proto_version(ssl), to_min);
	CU_ASSERT_EQUAL(SSL_get_max_proto_version(ssl), to_max);
	end();
}

static void brings_higher_versions(void)
{
	brings_versions(TLS1_2_VERSION, TLS1_2_VERSION, TLS1_3_VERSION, TLS1_3_VERSION);
}

static void brings_lower_versions(void)
{
	brings_versions(TLS1_3_VERSION, TLS1_3_VERSION, TLS1_2_VERSION, TLS1_2_VERSION);
}

static int verify_one(int good, X509_STORE_CTX *store)
{
	(void)store;
	return good;
}

static int verify_two(int good, X509_STORE_CTX *store)
{
	(void)store;
	return good;
}

static void brings_verification(int from_mode, int to_mode)
{
	begin();
	SSL_CTX_set_verify(from->ssl, from_mode, verify_one);
	SSL_CTX_set_verify(to->ssl, to_mode, verify_two);
	SSL_CTX_set_verify_depth(from->ssl, 1);
	SSL_CTX_set_verify_depth(to->ssl, 7);
	move();
	CU_ASSERT_EQUAL(SSL_get_verify_mode(ssl), to_mode);
	CU_ASSERT(SSL_get_verify_callback(ssl) == verify_two);
	CU_ASSERT_EQUAL(SSL_get_verify_depth(ssl), 7);
	end();
}

static void brings_a_stricter_verification(void)
{
	brings_verification(SSL_VERIFY_NONE, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}

static void brings_a_laxer_verification(void)
{
	brings_verification(SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SSL_VERIFY_NONE);
}

static void brings_a_depth_that_was_not_set(void)
{
	begin();
	SSL_CTX_set_verify_depth(from->ssl, 1);
	move();
	CU_ASSERT_EQUAL(SSL_get_verify_depth(ssl), SSL_CTX_get_verify_depth(to->ssl));
	end();
}

static void brings_flags_of_verification(unsigned long from_flags, unsigned long to_flags)
{
	begin();
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(from->ssl), from_flags);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(to->ssl), to_flags);
	move();
	CU_ASSERT_EQUAL(X509_VERIFY_PARAM_get_flags(SSL_get0_param(ssl)),
			X509_VERIFY_PARAM_get_flags(SSL_CTX_get0_param(to->ssl)));
	end();
}

static void brings_the_use_of_crls(void)
{
	brings_flags_of_verification(0, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
}

static void forgets_the_use_of_crls(void)
{
	brings_flags_of_verification(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL, 0);
}

static void brings_options(void)
{
	begin();
	SSL_CTX_set_options(from->ssl, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_clear_options(to->ssl, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_options(to->ssl, SSL_OP_NO_TLSv1_3 | SSL_OP_NO_ENCRYPT_THEN_MAC);
	move();
	CU_ASSERT_EQUAL(SSL_get_options(ssl), SSL_CTX_get_options(to->ssl));
	CU_ASSERT(SSL_get_options(ssl) & SSL_OP_NO_RENEGOTIATION);
	end();
}

static void brings_the_number_of_tickets(void)
{
	begin();
	SSL_CTX_set_num_tickets(from->ssl, 1);
	SSL_CTX_set_num_tickets(to->ssl, 0);
	move();
	CU_ASSERT_EQUAL(SSL_get_num_tickets(ssl), 0);
	end();
}

static void brings_ciphers(void)
{
	begin();
	SSL_CTX_set_cipher_list(to->ssl, "ECDHE-RSA-AES256-GCM-SHA384");
	SSL_CTX_set_ciphersuites(to->ssl, "TLS_CHACHA20_POLY1305_SHA256");
	move();
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
	CU_ASSERT_EQUAL_FATAL(sk_SSL_CIPHER_num(ciphers), 2);
	CU_ASSERT_STRING_EQUAL(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, 0)),
			       "TLS_CHACHA20_POLY1305_SHA256");
	CU_ASSERT_STRING_EQUAL(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, 1)),
			       "ECDHE-RSA-AES256-GCM-SHA384");
	end();
}

static void brings_the_security_level(void)
{
	begin();
	SSL_CTX_set_security_level(from->ssl, 1);
	SSL_CTX_set_security_level(to->ssl, 3);
	move();
	CU_ASSERT_EQUAL(SSL_get_security_level(ssl), 3);
	end();
}

static void brings_the_issuers_that_clients_are_told(void)
{
	char ca[TLS_PAIR_PATH];
	begin();
	tls_pair_file("ca.pem", ca);
	SSL_CTX_set_client_CA_list(to->ssl, SSL_load_client_CA_file(ca));
	move();
	CU_ASSERT_EQUAL(sk_X509_NAME_num(SSL_get_client_CA_list(ssl)), 1);
	end();
}

/* Each of them is a switch of its own. */
static void switches_there_and_back(void)
{
	begin();
	SSL_CTX_set_max_proto_version(to->ssl, TLS1_2_VERSION);
	SSL_CTX_set_verify(to->ssl, SSL_VERIFY_PEER, NULL);
	move();
	CU_ASSERT_EQUAL_FATAL(tls_generation_switch(ssl, from), 0);
	CU_ASSERT_EQUAL(SSL_get_max_proto_version(ssl), SSL_CTX_get_max_proto_version(from->ssl));
	CU_ASSERT_EQUAL(SSL_get_verify_mode(ssl), SSL_VERIFY_NONE);
	CU_ASSERT_PTR_EQUAL(tls_generation_of(ssl), from);
	end();
}

SUITE_MAIN("tls_switch", SUITE_TEST(brings_the_certificate), SUITE_TEST(brings_higher_versions),
	   SUITE_TEST(brings_lower_versions), SUITE_TEST(brings_a_stricter_verification),
	   SUITE_TEST(brings_a_laxer_verification), SUITE_TEST(brings_a_depth_that_was_not_set),
	   SUITE_TEST(brings_the_use_of_crls), SUITE_TEST(forgets_the_use_of_crls),
	   SUITE_TEST(brings_options), SUITE_TEST(brings_the_number_of_tickets), SUITE_TEST(brings_ciphers),
	   SUITE_TEST(brings_the_security_level), SUITE_TEST(brings_the_issuers_that_clients_are_told),
	   SUITE_TEST(switches_there_and_back))
