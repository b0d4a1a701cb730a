/* The TLS transport: a stream socket under OpenSSL. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "core/net/tls.h"
#include "core/net/transport.h"

/* What one record carries; parts are gathered up to it so that each record is whole. */
#define RECORD_SIZE 16384

static int tls_open(struct transport *transport, int fd, void *context)
{
	SSL *ssl = tls_context_connection(context);
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		close(fd);
		ERR_clear_error();
		return -1;
	}
	transport->handle = ssl;
	transport_socket_open(transport, fd);
	return 0;
}

/* A FIN that came without close_notify: whoever cut the connection may have cut bytes with it. */
static bool ended_without_notify(SSL *ssl)
{
	return BIO_eof(SSL_get_rbio(ssl));
}

static ssize_t fail_tls(SSL *ssl, enum plait_reason reason)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	(void)ssl;
	ssize_t result = transport_fail(reason, "%s", text ? text : "no reason given");
	ERR_clear_error();
	return result;
}

/* Turns OpenSSL's answer to a call that did not succeed into the transport's. */
static ssize_t translate(SSL *ssl, int result, enum plait_reason reason)
{
	int saved = errno;
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ: return TRANSPORT_WANT_READ;
	case SSL_ERROR_WANT_WRITE: return TRANSPORT_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN: return TRANSPORT_END;
	case SSL_ERROR_SYSCALL:
		errno = saved ? saved : ECONNRESET;
		ERR_clear_error();
		return transport_fail_errno("tls");
	default: return fail_tls(ssl, reason);
	}
}

static ssize_t tls_handshake(struct transport *transport)
{
	SSL *ssl = transport->handle;
	ERR_clear_error();
	errno = 0;
	int result = SSL_do_handshake(ssl);
	if (result == 1)
		return TRANSPORT_END;
	ssize_t answer = translate(ssl, result, PLAIT_REASON_TLS_HANDSHAKE);
	/* Whoever connects and goes, like a health check, did nothing wrong. */
	if (answer == TRANSPORT_END || (answer == TRANSPORT_FAILED && ended_without_notify(ssl)))
		return transport_fail(PLAIT_REASON_PEER_CLOSED, "during the TLS handshake");
	return answer;
}

static ssize_t tls_read(struct transport *transport, void *buffer, size_t size)
{
	SSL *ssl = transport->handle;
	ERR_clear_error();
	errno = 0;
	int got = SSL_read(ssl, buffer, size < INT_MAX ? (int)size : INT_MAX);
	if (got > 0)
		return got;
	ssize_t answer = translate(ssl, got, PLAIT_REASON_TLS_PROTOCOL);
	if (answer == TRANSPORT_END && ended_without_notify(ssl))
		return transport_fail(PLAIT_REASON_TLS_TRUNCATED, "end of stream without close_notify");
	return answer;
}

/* As many parts as fit one record, in one piece. */
static size_t gather(uint8_t *record, const struct iovec *parts, int count)
{
	size_t len = 0;
	for (int i = 0; i < count && len < RECORD_SIZE; i++) {
		size_t take = parts[i].iov_len;
		if (take > RECORD_SIZE - len)
			take = RECORD_SIZE - len;
		memcpy(record + len, parts[i].iov_base, take);
		len += take;
	}
	return len;
}

static ssize_t write_one(SSL *ssl, const void *data, size_t len)
{
	errno = 0;
	int sent = SSL_write(ssl, data, len < INT_MAX ? (int)len : INT_MAX);
	if (sent > 0)
		return sent;
	ssize_t answer = translate(ssl, sent, PLAIT_REASON_TLS_PROTOCOL);
	return answer == TRANSPORT_END ? transport_fail(PLAIT_REASON_RESET, "write after the end") : answer;
}

static ssize_t tls_write(struct transport *transport, const void *data, size_t len)
{
	ERR_clear_error();
	return write_one(transport->handle, data, len);
}

static ssize_t tls_writev(struct transport *transport, const struct iovec *parts, int count)
{
	uint8_t record[RECORD_SIZE];
	SSL *ssl = transport->handle;
	ERR_clear_error();
	if (parts[0].iov_len >= RECORD_SIZE)
		return write_one(ssl, parts[0].iov_base, parts[0].iov_len);
	return write_one(ssl, record, gather(record, parts, count));
}

static bool tls_pending(const struct transport *transport)
{
	return SSL_has_pending(transport->handle);
}

static ssize_t tls_shutdown(struct transport *transport)
{
	SSL *ssl = transport->handle;
	ERR_clear_error();
	errno = 0;
	int result = SSL_shutdown(ssl);
	if (result >= 0)
		return TRANSPORT_END; /* ours is sent; the peer's is awaited by reading */
	ssize_t answer = translate(ssl, result, PLAIT_REASON_TLS_PROTOCOL);
	return answer == TRANSPORT_WANT_READ ? TRANSPORT_END : answer;
}

static void tls_close(struct transport *transport, bool reset)
{
	SSL *ssl = transport->handle;
	transport->handle = NULL;
	transport_socket_close(transport, reset);
	/* Else OpenSSL takes the context's lock, to forget the session of whoever did not end in order. */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
}

static void tls_describe(struct transport *transport, struct plait_tls *tls)
{
	SSL *ssl = transport->handle;
	tls->version = SSL_get_version(ssl);
	tls->cipher = SSL_get_cipher_name(ssl);
	tls->resumed = SSL_session_reused(ssl);
}

const struct transport_ops transport_tls = {
	.name = "tls",
	.open = tls_open,
	.handshake = tls_handshake,
	.read = tls_read,
	.write = tls_write,
	.writev = tls_writev,
	.pending = tls_pending,
	.shutdown = tls_shutdown,
	.close = tls_close,
	.unacknowledged = transport_socket_unacknowledged,
	.want = transport_socket_want,
	.describe = tls_describe,
};
