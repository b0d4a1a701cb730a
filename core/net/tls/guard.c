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

/* Beyond the bound OpenSSL finds the socket gone, and stops. */
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
	conn->flooded = true;
	conn->socket.fd = -1;
}

/* Messages that a peer may send at any time after the handshake. */
static bool is_request(OSSL_HANDSHAKE_STATE state)
{
	return state == TLS_ST_SR_KEY_UPDATE || state == TLS_ST_CR_KEY_UPDATE ||
	       state == TLS_ST_CR_SESSION_TICKET;
}

static void on_info(const SSL *ssl, int where, int value)
{
	struct tls_conn *conn = SSL_get_app_data(ssl);
	if (where == SSL_CB_WRITE_ALERT) {
		if ((value & 0xff) == SSL_AD_NO_RENEGOTIATION)
			count_request(conn);
	} else if ((where & SSL_CB_LOOP) && is_request(SSL_get_state(ssl))) {
		count_request(conn);
	}
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
	if (conn->flooded)
		return transport_fail(PLAIT_REASON_TLS_PROTOCOL,
				      "too many key updates, or attempts to renegotiate, for so little data");
	if (conn->greeting.refused) {
		transport_fail(PLAIT_REASON_TLS_HANDSHAKE, "a ClientHello of %u bytes; at most %u are read",
			       (unsigned)conn->greeting.message_left, TLS_GREETING_MAX);
		return transport_fail_handshake(HANDSHAKE_MALFORMED);
	}
	return 0;
}
