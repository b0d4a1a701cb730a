/* Bounds on what a peer asks of a TLS connection, and the kinds in which handshakes fail. */
#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>

#include "core/net/tls/conn.h"
#include "tests/unit/net/tls_pair.h"
#include "tests/unit/suite.h"

static struct tls_pair_server server;
static struct tls_client *client;
static struct tls_pair pair;
static char got[65536];

static void open_pair(void)
{
	server = tls_pair_server();
	client = tls_pair_client(&(struct tls_client_settings){ .verify = false });
	tls_pair_open(&pair, &server, client);
}

static void done(void)
{
	tls_pair_close(&pair);
	tls_client_free(&client);
	tls_pair_server_free(&server);
}

static SSL *client_ssl(void)
{
	const struct tls_conn *conn = pair.client.handle;
	return conn->ssl;
}

static ssize_t hear(struct transport *to)
{
	return to->ops->read(to, got, sizeof(got));
}

/* ---- what brings no data ---- */

/* What the client's record is answered with by the server, which it then hears of. */
static ssize_t key_update(int kind)
{
	CU_ASSERT_EQUAL_FATAL(SSL_key_update(client_ssl(), kind), 1);
	CU_ASSERT_EQUAL_FATAL(SSL_do_handshake(client_ssl()), 1);
	ssize_t answer = hear(&pair.server);
	hear(&pair.client);
	return answer;
}

static void greet(int version)
{
	open_pair();
	SSL_set_max_proto_version(client_ssl(), version);
	SSL_set_cipher_list(client_ssl(), "ECDHE-ECDSA-AES128-GCM-SHA256"); /* TLS 1.2's */
	CU_ASSERT_FATAL(tls_pair_handshake(&pair));
	hear(&pair.client); /* tickets */
}

static void flood_of_key_updates(int kind)
{
	const char *text;
	greet(TLS1_3_VERSION);
	for (int i = 0; i < 32; i++)
		CU_ASSERT_EQUAL_FATAL(key_update(kind), TRANSPORT_WANT_READ);
	CU_ASSERT(tls_pair_carry(&pair.client, &pair.server, "still", 5));
	CU_ASSERT_EQUAL(key_update(kind), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_PROTOCOL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "too many key updates"));
	done();
}

static void a_flood_of_key_updates_ends(void)
{
	flood_of_key_updates(SSL_KEY_UPDATE_NOT_REQUESTED);
	flood_of_key_updates(SSL_KEY_UPDATE_REQUESTED);
}

static void a_flood_in_one_piece_ends(void)
{
	greet(TLS1_3_VERSION);
	for (int i = 0; i < 150; i++) {
		SSL_key_update(client_ssl(), SSL_KEY_UPDATE_REQUESTED);
		CU_ASSERT_EQUAL_FATAL(SSL_do_handshake(client_ssl()), 1);
	}
	const struct tls_conn *conn = pair.server.handle;
	uint64_t before = BIO_number_written(SSL_get_wbio(conn->ssl));
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT(BIO_number_written(SSL_get_wbio(conn->ssl)) - before < 33 * 40);
	done();
}

static void updates_among_data_are_no_flood(void)
{
	static char data[40000];
	greet(TLS1_3_VERSION);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL_FATAL(key_update(SSL_KEY_UPDATE_REQUESTED), TRANSPORT_WANT_READ);
		CU_ASSERT_FATAL(tls_pair_carry(i % 2 ? &pair.client : &pair.server,
					       i % 2 ? &pair.server : &pair.client, data, sizeof(data)));
	}
	done();
}

static void updates_now_and_then_are_no_flood(void)
{
	greet(TLS1_3_VERSION);
	for (int i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL_FATAL(key_update(SSL_KEY_UPDATE_REQUESTED), TRANSPORT_WANT_READ);
		tls_pair_advance(&pair, 2000);
	}
	done();
}

/* A server that floods our client is no better. */
static void a_client_is_guarded_too(void)
{
	greet(TLS1_3_VERSION);
	const struct tls_conn *conn = pair.server.handle;
	ssize_t answer = TRANSPORT_WANT_READ;
	for (int i = 0; i < 40 && answer == TRANSPORT_WANT_READ; i++) {
		SSL_key_update(conn->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
		CU_ASSERT_EQUAL_FATAL(SSL_do_handshake(conn->ssl), 1);
		answer = hear(&pair.client);
	}
	CU_ASSERT_EQUAL(answer, TRANSPORT_FAILED);
	done();
}

/* ---- records that OpenSSL's client does not write ---- */

struct writer {
	uint8_t key[16], salt[4];
	uint8_t number; /* of the next record */
};

/* The keys of TLS 1.2 with AES-128-GCM and SHA-256, as RFC 5246, 6.3, derives them; the client's Finished was record 0. */
static struct writer writer_of(const SSL *ssl)
{
	unsigned char secret[48], seed[64], block[40];
	struct writer writer = { .number = 1 };
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	SSL_SESSION_get_master_key(SSL_get_session(ssl), secret, sizeof(secret));
	SSL_get_server_random(ssl, seed, 32);
	SSL_get_client_random(ssl, seed + 32, 32);
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string("digest", "SHA256", 0),
		OSSL_PARAM_octet_string("secret", secret, sizeof(secret)),
		OSSL_PARAM_octet_string("seed", "key expansion", 13),
		OSSL_PARAM_octet_string("seed", seed, sizeof(seed)),
		OSSL_PARAM_END,
	};
	CU_ASSERT_EQUAL_FATAL(EVP_KDF_derive(context, block, sizeof(block), params), 1);
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
	memcpy(writer.key, block, 16);
	memcpy(writer.salt, block + 32, 4);
	return writer;
}

static void write_record(struct writer *writer, uint8_t type, const void *data, uint8_t len)
{
	uint8_t number[8] = { 0, 0, 0, 0, 0, 0, 0, writer->number++ }, nonce[12];
	uint8_t aad[13] = { [8] = type, 3, 3, 0, len };
	uint8_t record[13 + 255 + 16] = { type, 3, 3, 0, (uint8_t)(8 + len + 16) };
	int size;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	memcpy(aad, number, 8);
	memcpy(nonce, writer->salt, 4);
	memcpy(nonce + 4, number, 8);
	memcpy(record + 5, number, 8);
	EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, writer->key, nonce);
	EVP_EncryptUpdate(context, NULL, &size, aad, sizeof(aad));
	EVP_EncryptUpdate(context, record + 13, &size, data, len);
	EVP_EncryptFinal_ex(context, record + 13 + len, &size);
	EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, record + 13 + len);
	EVP_CIPHER_CTX_free(context);
	ssize_t all = 13 + len + 16;
	CU_ASSERT_EQUAL_FATAL(send(transport_fd(&pair.client), record, (size_t)all, 0), all);
}

static void an_attempt_to_renegotiate_is_the_end(void)
{
	static const uint8_t hello[] = { SSL3_MT_CLIENT_HELLO, 0, 0, 0 };
	const char *text;
	greet(TLS1_2_VERSION);
	CU_ASSERT_STRING_EQUAL_FATAL(SSL_get_cipher(client_ssl()), "ECDHE-ECDSA-AES128-GCM-SHA256");
	const struct tls_conn *conn = pair.server.handle;
	struct writer writer = writer_of(client_ssl());
	write_record(&writer, SSL3_RT_APPLICATION_DATA, "before", 6);
	CU_ASSERT_EQUAL(hear(&pair.server), 6);
	uint64_t sent = BIO_number_written(SSL_get_wbio(conn->ssl));
	for (int i = 0; i < 200; i++)
		write_record(&writer, SSL3_RT_HANDSHAKE, hello, sizeof(hello));
	CU_ASSERT_EQUAL(hear(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_PROTOCOL);
	CU_ASSERT_STRING_EQUAL(text, "an attempt to renegotiate");
	CU_ASSERT_EQUAL(BIO_number_written(SSL_get_wbio(conn->ssl)), sent);
	done();
}

/* ---- what OpenSSL bounds itself: shown, for we rely on it ---- */

static int records_until_the_end(uint8_t type, const void *data, uint8_t len)
{
	int count = 0;
	greet(TLS1_2_VERSION);
	struct writer writer = writer_of(client_ssl());
	for (ssize_t answer = TRANSPORT_WANT_READ; count < 200 && answer != TRANSPORT_FAILED; count++) {
		write_record(&writer, type, data, len);
		answer = hear(&pair.server);
	}
	done();
	return count;
}

static void empty_records_end(void)
{
	CU_ASSERT(records_until_the_end(SSL3_RT_APPLICATION_DATA, "", 0) <= 33);
}

static void warnings_end(void)
{
	static const uint8_t warning[] = { SSL3_AL_WARNING, SSL_AD_USER_CANCELLED };
	CU_ASSERT(records_until_the_end(SSL3_RT_ALERT, warning, sizeof(warning)) <= 5);
}

static void other_messages_of_the_handshake_end(void)
{
	static const uint8_t finished[] = { SSL3_MT_FINISHED, 0, 0, 0 };
	CU_ASSERT_EQUAL(records_until_the_end(SSL3_RT_HANDSHAKE, finished, sizeof(finished)), 1);
}

/* ---- the ClientHello ---- */

static ssize_t offer(const void *data, size_t len)
{
	CU_ASSERT_EQUAL_FATAL(send(transport_fd(&pair.client), data, len, 0), (ssize_t)len);
	return pair.server.ops->handshake(&pair.server);
}

static void a_long_hello_is_refused_when_it_is_announced(void)
{
	static const uint8_t longest[] = { 22, 3, 1, 0x40, 0, SSL3_MT_CLIENT_HELLO, 0, 0x40, 0 };
	static const uint8_t longer[] = { 22, 3, 1, 0x40, 0, SSL3_MT_CLIENT_HELLO, 0, 0x40, 1 };
	const char *text;
	open_pair();
	CU_ASSERT_EQUAL(offer(longest, sizeof(longest)), TRANSPORT_WANT_READ);
	done();
	open_pair();
	CU_ASSERT_EQUAL(offer(longer, sizeof(longer)), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_failure(&text), PLAIT_REASON_TLS_HANDSHAKE);
	CU_ASSERT_STRING_EQUAL(text, "a ClientHello of 16385 bytes; at most 16384 are read");
	CU_ASSERT_EQUAL(transport_handshake_failure(), HANDSHAKE_MALFORMED);
	done();
}

static void also_in_pieces(void)
{
	static const uint8_t longer[] = { 22, 3, 1, 0, 2, SSL3_MT_CLIENT_HELLO, 1, 22, 3, 1, 0, 9, 0, 0, 0 };
	ssize_t answer = TRANSPORT_WANT_READ;
	open_pair();
	for (size_t i = 0; i < 14; i++) {
		CU_ASSERT_EQUAL_FATAL(answer, TRANSPORT_WANT_READ);
		answer = offer(longer + i, 1);
	}
	CU_ASSERT_EQUAL(answer, TRANSPORT_FAILED);
	done();
}

/* What the client would send next, taken off the wire. */
static size_t intercept(uint8_t *wire, size_t size)
{
	pair.client.ops->handshake(&pair.client);
	ssize_t len = recv(transport_fd(&pair.server), wire, size, 0);
	CU_ASSERT_FATAL(len > 0);
	return (size_t)len;
}

/* Of the second ClientHello too much is announced, behind records that OpenSSL passes over. */
static void second_hello(const void *data, size_t len)
{
	static uint8_t wire[4096];
	const char *text;
	open_pair();
	SSL_set1_groups_list(client_ssl(), "P-521:X25519"); /* a share of one that is not allowed */
	size_t first = intercept(wire, sizeof(wire));
	CU_ASSERT_EQUAL_FATAL(offer(wire, first), TRANSPORT_WANT_READ);
	CU_ASSERT_EQUAL(offer(data, len), TRANSPORT_FAILED);
	transport_failure(&text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "a ClientHello of 65536 bytes"));
	done();
}

static void the_second_hello_is_looked_at_too(void)
{
#define LONGER 22, 3, 3, 1, 0, SSL3_MT_CLIENT_HELLO, 1, 0, 0
	static const uint8_t behind_change[] = { 20, 3, 3, 0, 1, 1, LONGER };
	static const uint8_t behind_warning[] = { 21,    3, 3, 0, 2, SSL3_AL_WARNING, SSL_AD_USER_CANCELLED,
						  LONGER };
#undef LONGER
	second_hello(behind_change, sizeof(behind_change));
	second_hello(behind_warning, sizeof(behind_warning));
}

/* ---- kinds ---- */

static enum handshake_failure refused(const void *data, size_t len)
{
	open_pair();
	CU_ASSERT_EQUAL(offer(data, len), TRANSPORT_FAILED);
	enum handshake_failure kind = transport_handshake_failure();
	done();
	return kind;
}

static enum handshake_failure disagreed(void (*spoil)(SSL *))
{
	open_pair();
	spoil(client_ssl());
	CU_ASSERT_FALSE(tls_pair_handshake(&pair));
	enum handshake_failure kind = transport_handshake_failure(); /* the server failed last */
	done();
	return kind;
}

static void old_version(SSL *ssl)
{
	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
}

static void odd_cipher(SSL *ssl)
{
	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	SSL_set_cipher_list(ssl, "AES128-SHA");
}

static void odd_group(SSL *ssl)
{
	SSL_set_min_proto_version(ssl, TLS1_3_VERSION);
	const struct tls_conn *conn = pair.server.handle;
	SSL_set1_groups_list(conn->ssl, "X25519:P-256");
	SSL_set1_groups_list(ssl, "X448");
}

/* It trusts nobody. */
static void suspicious(SSL *ssl)
{
	SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
}

static void odd_signature(SSL *ssl)
{
	SSL_set1_sigalgs_list(ssl, "ed448");
}

static void failures_are_of_kinds(void)
{
	static const uint8_t broken[] = { 22, 3, 1, 0, 6, SSL3_MT_CLIENT_HELLO, 0, 0, 2, 3, 3 };
	CU_ASSERT_EQUAL(refused("GET / HTTP/1.0\r\n\r\n", 18), HANDSHAKE_HTTP);
	CU_ASSERT_EQUAL(refused("CONNECT a:1 HTTP/1.1\r\n\r\n", 24), HANDSHAKE_HTTP);
	CU_ASSERT_EQUAL(refused("SSH-2.0-OpenSSH_9.2\r\n", 21), HANDSHAKE_NO_TLS);
	CU_ASSERT_EQUAL(refused(broken, sizeof(broken)), HANDSHAKE_MALFORMED);
	CU_ASSERT_EQUAL(disagreed(suspicious), HANDSHAKE_REFUSED);
	CU_ASSERT_EQUAL(disagreed(old_version), HANDSHAKE_VERSION);
	CU_ASSERT_EQUAL(disagreed(odd_cipher), HANDSHAKE_CIPHER);
	CU_ASSERT_EQUAL(disagreed(odd_group), HANDSHAKE_GROUP);
	CU_ASSERT_EQUAL(disagreed(odd_signature), HANDSHAKE_SIGNATURE);
}

static void who_goes_in_the_middle_is_told_from_who_only_looks(void)
{
	open_pair();
	offer("\x16\x03\x01", 3);
	shutdown(transport_fd(&pair.client), SHUT_WR);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_handshake_failure(), HANDSHAKE_TRUNCATED);
	done();
	open_pair();
	shutdown(transport_fd(&pair.client), SHUT_WR);
	CU_ASSERT_EQUAL(pair.server.ops->handshake(&pair.server), TRANSPORT_FAILED);
	CU_ASSERT_EQUAL(transport_handshake_failure(), HANDSHAKE_NO_FAILURE);
	done();
}

static void every_kind_has_a_name_and_a_text(void)
{
	for (unsigned i = 0; i < HANDSHAKE_FAILURE_COUNT; i++) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(handshake_failure_name((enum handshake_failure)i));
		CU_ASSERT(strlen(handshake_failure_text((enum handshake_failure)i)) > 5);
		for (unsigned k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(handshake_failure_name((enum handshake_failure)i),
						   handshake_failure_name((enum handshake_failure)k));
	}
}

SUITE_MAIN("tls_guard", SUITE_TEST(a_flood_of_key_updates_ends), SUITE_TEST(a_flood_in_one_piece_ends),
	   SUITE_TEST(updates_among_data_are_no_flood), SUITE_TEST(updates_now_and_then_are_no_flood),
	   SUITE_TEST(a_client_is_guarded_too), SUITE_TEST(an_attempt_to_renegotiate_is_the_end),
	   SUITE_TEST(empty_records_end), SUITE_TEST(warnings_end),
	   SUITE_TEST(other_messages_of_the_handshake_end),
	   SUITE_TEST(a_long_hello_is_refused_when_it_is_announced), SUITE_TEST(also_in_pieces),
	   SUITE_TEST(the_second_hello_is_looked_at_too), SUITE_TEST(failures_are_of_kinds),
	   SUITE_TEST(who_goes_in_the_middle_is_told_from_who_only_looks),
	   SUITE_TEST(every_kind_has_a_name_and_a_text))
