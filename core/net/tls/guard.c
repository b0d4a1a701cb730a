/* What a peer asks for that brings no data is counted as OpenSSL does it: nothing is added to any record of data.
 * OpenSSL itself bounds empty records (32 in a row), warning alerts (5 in a row) and messages of the handshake. */
#include "core/net/tls/guard.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "core/net/tls/conn.h"
#include "core/net/transport/transport.h"

/* A key update costs us as much as encrypting 16 KB, and, when it asks for one of ours, a send. Who updates after each
 * 32 KB or twice a minute is never cut. */
#define REQUESTS_MAX 32
#define WINDOW_KIB 1024
#define WINDOW_MS 60000

/* A chain of the allowed depth has 10 KB, and OpenSSL takes what is announced at once. */
#define CERTIFICATES_MAX 32768

/* Received and sent. */
static uint32_t moved_kib(const SSL *ssl)
{
	return (uint32_t)((BIO_number_read(SSL_get_rbio(ssl)) + BIO_number_written(SSL_get_wbio(ssl))) >> 10);
}

static uint32_t now_ms(const struct tls_conn *conn)
{
	return conn->warm ? (uint32_t)tls_warm_now(conn->warm) : 0;
}

/* OpenSSL finds the socket gone, and stops. */
static void cut(struct tls_conn *conn, const char *why)
{
	conn->beyond = why;
	conn->socket.fd = -1;
}

static void count_request(struct tls_conn *conn)
{
	uint32_t kib = moved_kib(conn->ssl), now = now_ms(conn);
	if (kib - conn->marked_kib >= WINDOW_KIB || now - conn->marked_ms >= WINDOW_MS) {
		conn->requests = 0;
		conn->marked_kib = kib;
		conn->marked_ms = now;
	}
	if (conn->requests++ < REQUESTS_MAX)
		return;
	conn->requests = REQUESTS_MAX;
	cut(conn, "too many key updates, tickets or wishes to renegotiate for so little data");
}

/* Messages that a peer may send at any time after the handshake. */
static bool is_request(OSSL_HANDSHAKE_STATE state)
{
	return state == TLS_ST_SR_KEY_UPDATE || state == TLS_ST_CR_KEY_UPDATE ||
	       state == TLS_ST_CR_SESSION_TICKET || state == TLS_ST_CR_HELLO_REQ;
}

/* OpenSSL would refuse it with a warning, any number of times, and only when all of the ClientHello has come, for which it
 * takes up to 128 KB. */
static bool is_renegotiation(const SSL *ssl, int where)
{
	return (where & SSL_CB_HANDSHAKE_START) && SSL_is_server(ssl) && SSL_get_state(ssl) == TLS_ST_OK;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_conn *conn = SSL_get_app_data(ssl);
	(void)value;
	if (is_renegotiation(ssl, where))
		cut(conn, "an attempt to renegotiate");
	else if ((where & SSL_CB_LOOP) && is_request(SSL_get_state(ssl)))
		count_request(conn);
}

void tls_guard_install(SSL_CTX *ssl)
{
	SSL_CTX_set_info_callback(ssl, on_info);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_MAX);
}

void tls_guard_open(struct tls_conn *conn)
{
	conn->marked_ms = now_ms(conn);
	if (SSL_is_server(conn->ssl))
		conn->socket.greeting = &conn->greeting;
}

/* A second ClientHello may follow a HelloRetryRequest, after which OpenSSL is where it awaits early data. */
void tls_guard_greeting(struct tls_conn *conn)
{
	OSSL_HANDSHAKE_STATE state = SSL_get_state(conn->ssl);
	if (state != TLS_ST_BEFORE && state != TLS_ST_EARLY_DATA)
		conn->socket.greeting = NULL;
}

ssize_t tls_guard_verdict(const struct tls_conn *conn)
{
	if (conn->beyond)
		return transport_fail(PLAIT_REASON_TLS_PROTOCOL, "%s", conn->beyond);
	if (conn->greeting.refused) {
		transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "a ClientHello of %u bytes; at most %u are read",
			       (unsigned)conn->greeting.message_left, TLS_GREETING_MAX);
		return transport_fail_handshake(HANDSHAKE_MALFORMED);
	}
	return 0;
}
