/* What handshakes agree on: each setting of a TLS context is heeded. */
#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/net/tls_trial.h"
#include "tests/unit/suite.h"

static struct tls_settings good(void)
{
	return tls_trial_settings("server.pem", "server.key");
}

static const char *wanted; /* by look */

static void sees_version(SSL *client, SSL *server)
{
	(void)server;
	CU_ASSERT_STRING_EQUAL(SSL_get_version(client), wanted);
}

static void sees_cipher(SSL *client, SSL *server)
{
	(void)server;
	CU_ASSERT_STRING_EQUAL(SSL_get_cipher_name(client), wanted);
}

static void sees_group(SSL *client, SSL *server)
{
	(void)client;
	CU_ASSERT_STRING_EQUAL(OBJ_nid2sn((int)SSL_get_negotiated_group(server)), wanted);
}

static void sees_signature(SSL *client, SSL *server)
{
	int digest = 0, kind = 0;
	(void)server;
	SSL_get_peer_signature_nid(client, &digest);
	SSL_get_peer_signature_type_nid(client, &kind);
	char found[64];
	snprintf(found, sizeof(found), "%s %s", OBJ_nid2sn(kind), OBJ_nid2sn(digest));
	CU_ASSERT_STRING_EQUAL(found, wanted);
	if (strcmp(found, wanted) != 0)
		printf("# found %s\n", found);
}

static void at_most_1_2(SSL *client)
{
	SSL_set_max_proto_version(client, TLS1_2_VERSION);
}

static void at_least_1_3(SSL *client)
{
	SSL_set_min_proto_version(client, TLS1_3_VERSION);
}

static void versions_are_heeded(void)
{
	tls_trial_begin();
	struct tls_settings settings = good();
	wanted = "TLSv1.3";
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_version));
	settings.max_version = TLS_VERSION_1_2;
	wanted = "TLSv1.2";
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_version));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, at_least_1_3, NULL));
	settings = good();
	CU_ASSERT(tls_trial_shake(&settings, at_most_1_2, sees_version));
	settings.min_version = TLS_VERSION_1_3;
	CU_ASSERT_FALSE(tls_trial_shake(&settings, at_most_1_2, NULL));
	tls_trial_end();
}

static void offers_ciphers_backwards(SSL *client)
{
	at_most_1_2(client);
	SSL_set_cipher_list(client, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void offers_chacha_first(SSL *client)
{
	at_most_1_2(client);
	SSL_set_cipher_list(client, "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256");
}

static void offers_cbc(SSL *client)
{
	at_most_1_2(client);
	SSL_set_cipher_list(client, "ECDHE-ECDSA-AES128-SHA");
}

static void ciphers_are_heeded(void)
{
	tls_trial_begin();
	struct tls_settings settings = good();
	wanted = "ECDHE-ECDSA-AES128-GCM-SHA256";
	CU_ASSERT(tls_trial_shake(&settings, offers_ciphers_backwards, sees_cipher));
	wanted = "ECDHE-ECDSA-CHACHA20-POLY1305";
	CU_ASSERT(tls_trial_shake(&settings, offers_chacha_first, sees_cipher));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, offers_cbc, NULL));
	settings.ciphers = "ECDHE-ECDSA-AES128-SHA";
	wanted = "ECDHE-ECDSA-AES128-SHA";
	CU_ASSERT(tls_trial_shake(&settings, offers_cbc, sees_cipher));
	settings = good();
	settings.server_preference = false;
	wanted = "ECDHE-ECDSA-AES256-GCM-SHA384";
	CU_ASSERT(tls_trial_shake(&settings, offers_ciphers_backwards, sees_cipher));
	tls_trial_end();
}

static void offers_dhe(SSL *client)
{
	at_most_1_2(client);
	SSL_set_cipher_list(client, "DHE-RSA-AES128-GCM-SHA256");
}

static void diffie_hellman_works_where_it_is_asked_for(void)
{
	tls_trial_begin();
	struct tls_settings settings = tls_trial_settings("server-rsa.pem", "server-rsa.key");
	CU_ASSERT_FALSE(tls_trial_shake(&settings, offers_dhe, NULL));
	settings.ciphers = "DHE-RSA-AES128-GCM-SHA256";
	wanted = settings.ciphers;
	CU_ASSERT(tls_trial_shake(&settings, offers_dhe, sees_cipher));
	tls_trial_end();
}

static void offers_suites_backwards(SSL *client)
{
	SSL_set_ciphersuites(client, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256");
}

static void ciphersuites_are_heeded(void)
{
	tls_trial_begin();
	struct tls_settings settings = good();
	wanted = "TLS_AES_128_GCM_SHA256";
	CU_ASSERT(tls_trial_shake(&settings, offers_suites_backwards, sees_cipher));
	settings.ciphersuites = wanted = "TLS_CHACHA20_POLY1305_SHA256";
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_cipher));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, offers_suites_backwards, NULL));
	tls_trial_end();
}

static void knows_p256_only(SSL *client)
{
	SSL_set1_groups_list(client, "P-256");
}

static void knows_p521_only(SSL *client)
{
	SSL_set1_groups_list(client, "P-521");
}

static void prefers_p384(SSL *client)
{
	at_most_1_2(client);
	SSL_set1_groups_list(client, "P-384:P-256:X25519");
}

static void groups_are_heeded(void)
{
	tls_trial_begin();
	struct tls_settings settings = good();
	wanted = "X25519";
	CU_ASSERT(tls_trial_shake(&settings, prefers_p384, sees_group));
	wanted = "prime256v1";
	CU_ASSERT(tls_trial_shake(&settings, knows_p256_only, sees_group));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, knows_p521_only, NULL));
	settings.groups = "P-521";
	wanted = "secp521r1";
	CU_ASSERT(tls_trial_shake(&settings, knows_p521_only, sees_group));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, knows_p256_only, NULL));
	tls_trial_end();
}

static void signature_algorithms_are_heeded(void)
{
	tls_trial_begin();
	struct tls_settings settings = tls_trial_settings("server-rsa.pem", "server-rsa.key");
	settings.sigalgs = "rsa_pss_rsae_sha512:ecdsa_secp256r1_sha256";
	wanted = "RSASSA-PSS SHA512";
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_signature));
	settings.sigalgs = "RSA+SHA384";
	wanted = "rsaEncryption SHA384";
	CU_ASSERT(tls_trial_shake(&settings, at_most_1_2, sees_signature));
	CU_ASSERT_FALSE(tls_trial_shake(&settings, at_least_1_3, NULL));
	tls_trial_end();
}

static void signs_by_rsa(SSL *client)
{
	SSL_set1_sigalgs_list(client, "rsa_pss_rsae_sha256");
}

static void signs_by_ecdsa(SSL *client)
{
	SSL_set1_sigalgs_list(client, "ecdsa_secp256r1_sha256");
}

static void has_rsa_ciphers_only(SSL *client)
{
	at_most_1_2(client);
	SSL_set_cipher_list(client, "ECDHE-RSA-AES128-GCM-SHA256");
}

static void sees_kind(SSL *client, SSL *server)
{
	X509 *certificate = SSL_get0_peer_certificate(client);
	(void)server;
	CU_ASSERT_STRING_EQUAL(EVP_PKEY_get0_type_name(X509_get0_pubkey(certificate)), wanted);
	CU_ASSERT_EQUAL(sk_X509_num(SSL_get_peer_cert_chain(client)), 2);
}

static void each_client_gets_a_certificate_that_it_can_use(void)
{
	tls_trial_begin();
	struct tls_pair_settings more[] = {
		{ .certificate = tls_trial_file("server-rsa.pem"), .key = tls_trial_file("server-rsa.key") },
	};
	struct tls_settings settings = good();
	settings.pairs = (struct plait_list){ .items = more, .count = 1 };
	wanted = "RSA";
	CU_ASSERT(tls_trial_shake(&settings, signs_by_rsa, sees_kind));
	CU_ASSERT(tls_trial_shake(&settings, has_rsa_ciphers_only, sees_kind));
	wanted = "EC";
	CU_ASSERT(tls_trial_shake(&settings, signs_by_ecdsa, sees_kind));
	CU_ASSERT(tls_trial_shake(&settings, NULL, sees_kind));
	CU_ASSERT(tls_trial_shake(&settings, offers_ciphers_backwards, sees_kind));
	tls_trial_end();
}

SUITE_MAIN("tls_agreement", SUITE_TEST(versions_are_heeded), SUITE_TEST(ciphers_are_heeded),
	   SUITE_TEST(diffie_hellman_works_where_it_is_asked_for), SUITE_TEST(ciphersuites_are_heeded),
	   SUITE_TEST(groups_are_heeded), SUITE_TEST(signature_algorithms_are_heeded),
	   SUITE_TEST(each_client_gets_a_certificate_that_it_can_use))
