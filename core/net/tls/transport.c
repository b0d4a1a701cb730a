/* The TLS transport: a stream socket under OpenSSL. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/compiler.h"
#include "core/net/famine.h"
#include "core/net/tls/conn.h"
#include "core/net/tls/failure.h"
#include "core/net/tls/generation.h"
#include "core/net/tls/guard.h"
#include "core/net/tls/kernel.h"
#include "core/net/tls/role.h"
#include "core/net/tls/tls.h"
#include "core/net/transport/plain.h"

/* Short records are read together up to about so much, for one delivery. Long ones are not: an echo of two in one is read
 * only in part by clients who do not know that a record can be longer than their buffer (ncat). */
#define READ_TOGETHER 4096

struct tls_failure {
	enum plait_reason reason;
	char text[];
};

static void conn_free(struct tls_conn *conn)
{
	/* Else OpenSSL takes the context's lock, to forget the session of whoever did not end in order. */
	if (conn->ssl) {
		SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		LETS_GO(tls_generation_of(conn->ssl));
	}
	SSL_free(conn->ssl);
	tls_socket_fini(&conn->socket);
	free(conn->failure);
	free(conn);
}

static int attach(struct transport *transport, int fd, struct tls_role *role)
{
	struct tls_conn *conn = calloc(1, sizeof(*conn));
	if (!conn)
		goto fail;
	conn->socket.fd = fd;
	conn->warm = tls_warm_of(plait_loop_current());
	conn->role = role;
	conn->ssl = conn->role->make(conn->role);
	if (!conn->ssl)
		goto fail;
	BIO *bio = tls_kernel_is_wanted(conn->ssl) ? tls_kernel_bio(&conn->socket)
						   : tls_socket_bio(&conn->socket);
	if (!bio)
		goto fail;
	SSL_set_bio(conn->ssl, bio, bio);
	if (SSL_set_app_data(conn->ssl, conn) != 1)
		goto fail;
	tls_guard_open(conn);
	transport->handle = conn;
	transport_socket_open(transport, fd);
	return 0;
fail:
	if (conn)
		conn_free(conn);
	ERR_clear_error();
	return -1;
}

static int tls_open(struct transport *transport, int fd, void *context)
{
	if (attach(transport, fd, context) == 0)
		return 0;
	famine_close(fd);
	return -1;
}

static int tls_take_over(struct transport *transport, void *context)
{
	return attach(transport, transport_fd(transport), context);
}

ssize_t tls_translate_socket(const struct tls_conn *conn)
{
	if (conn->socket.error) {
		errno = conn->socket.error;
		return transport_fail_errno("tls");
	}
	switch (conn->socket.blocked) {
	case WATCH_READ: return TRANSPORT_WANT_READ;
	case WATCH_WRITE: return TRANSPORT_WANT_WRITE;
	default: return TRANSPORT_END;
	}
}

static ssize_t translate_ssl(const struct tls_conn *conn, int result, enum plait_reason reason)
{
	int kind = SSL_get_error(conn->ssl, result);
	if (conn->hello == TLS_HELLO_REFUSED)
		return TRANSPORT_FAILED;
	if (kind == SSL_ERROR_SYSCALL) {
		errno = conn->socket.error ? conn->socket.error : ECONNRESET;
		return transport_fail_errno("tls");
	}
	if (kind != SSL_ERROR_SSL)
		return tls_translate_socket(conn);
	return tls_failure_tell(conn, reason);
}

/* OpenSSL is in its handshake until that is done; and again when the connection is broken, or while it answers a
 * message of the handshake's kind. Else a call did not succeed for the socket's sake only. */
ssize_t tls_translate(struct tls_conn *conn, int result, enum plait_reason reason)
{
	ssize_t answer = tls_guard_verdict(conn);
	if (answer == 0)
		answer = SSL_in_init(conn->ssl) ? translate_ssl(conn, result, reason)
						: tls_translate_socket(conn);
	ERR_clear_error();
	return answer;
}

/* Whoever connects and goes, like a health check, did nothing wrong; but who goes in the middle did. */
static void blame(const struct tls_conn *conn)
{
	if (transport_handshake_failure() == HANDSHAKE_NO_FAILURE &&
	    BIO_number_read(SSL_get_rbio(conn->ssl)) > 0)
		transport_fail_handshake(HANDSHAKE_TRUNCATED);
}

static const struct transport_ops kernel_encrypts;

static ssize_t tls_handshake(struct transport *transport)
{
	struct tls_conn *conn = transport->handle;
	conn->socket.dry = false;
	tls_socket_begin(&conn->socket);
	int result = SSL_do_handshake(conn->ssl);
	if (result == 1) {
		conn->more = SSL_has_pending(conn->ssl);
		conn->socket.greeting = NULL;
		if (tls_kernel_encrypts(conn->ssl))
			transport->ops = &kernel_encrypts;
		return TRANSPORT_END;
	}
	ssize_t answer = tls_translate(conn, result, PLAIT_REASON_TLS_HANDSHAKE);
	if (answer == TRANSPORT_END)
		answer = transport_fail(PLAIT_REASON_PEER_CLOSED, "during the TLS handshake");
	if (answer == TRANSPORT_FAILED)
		blame(conn);
	else
		tls_guard_greeting(conn);
	return answer;
}

/* The answer to a read that brought nothing. */
static ssize_t read_failed(struct tls_conn *conn, int result)
{
	ssize_t answer = tls_translate(conn, result, PLAIT_REASON_TLS_PROTOCOL);
	/* A FIN without close_notify: whoever cut the connection may have cut bytes with it. */
	if (answer == TRANSPORT_END && conn->socket.ended)
		return transport_fail(PLAIT_REASON_TLS_TRUNCATED, "end of stream without close_notify");
	return answer;
}

/* Bytes that were read are delivered before the failure behind them, which the next read tells. */
static void keep_failure(struct tls_conn *conn)
{
	const char *text;
	enum plait_reason reason = transport_failure(&text);
	size_t size = strlen(text) + 1;
	conn->failure = malloc(sizeof(*conn->failure) + size);
	if (!conn->failure)
		return; /* OpenSSL will say again that it is broken, only not why */
	conn->failure->reason = reason;
	memcpy(conn->failure->text, text, size);
}

static bool tls_partial(const struct transport *transport)
{
	const struct tls_conn *conn = transport->handle;
	return conn->part;
}

/* Nothing can be read yet; each record's begin is told once. */
static ssize_t wait_for_rest(struct transport *transport)
{
	struct tls_conn *conn = transport->handle;
	bool told = conn->part;
	conn->part = SSL_has_pending(conn->ssl);
	return conn->part && !told ? TRANSPORT_PART : TRANSPORT_WANT_READ;
}

/* What is there, records that are short together. */
static ssize_t tls_read(struct transport *transport, void *buffer, size_t size)
{
	struct tls_conn *conn = transport->handle;
	size_t total = 0;
	ssize_t answer = TRANSPORT_END;
	if (conn->failure)
		return transport_fail(conn->failure->reason, "%s", conn->failure->text);
	if (!conn->more)
		conn->socket.dry = false;
	tls_socket_begin(&conn->socket);
	do {
		size_t got = 0;
		int result = SSL_read_ex(conn->ssl, (char *)buffer + total, size - total, &got);
		if (result != 1) {
			answer = read_failed(conn, result);
			conn->more = answer != TRANSPORT_WANT_READ;
			break;
		}
		total += got;
		conn->more = SSL_has_pending(conn->ssl);
	} while (conn->more && total < size && total < READ_TOGETHER);
	if (total == 0)
		return answer == TRANSPORT_WANT_READ ? wait_for_rest(transport) : answer;
	conn->part = false;
	if (answer == TRANSPORT_FAILED)
		keep_failure(conn);
	tls_warm_use(conn);
	return (ssize_t)total;
}

static bool tls_pending(const struct transport *transport)
{
	const struct tls_conn *conn = transport->handle;
	return conn->more;
}

static ssize_t tls_shutdown(struct transport *transport)
{
	struct tls_conn *conn = transport->handle;
	tls_socket_begin(&conn->socket);
	int result = SSL_shutdown(conn->ssl);
	if (result >= 0)
		return TRANSPORT_END; /* ours is sent; the peer's is awaited by reading */
	ssize_t answer = tls_translate(conn, result, PLAIT_REASON_TLS_PROTOCOL);
	return answer == TRANSPORT_WANT_READ ? TRANSPORT_END : answer;
}

static void tls_close(struct transport *transport, bool reset)
{
	struct tls_conn *conn = transport->handle;
	transport->handle = NULL;
	transport_socket_close(transport, reset);
	tls_warm_remove(conn);
	conn_free(conn);
}

static int tls_agreed(const struct transport *transport)
{
	int index;
	tls_alpn_selected(transport->handle, &index);
	return index;
}

#define SHARED                                                                                               \
	.open = tls_open, .take_over = tls_take_over, .handshake = tls_handshake, .read = tls_read,          \
	.pending = tls_pending, .partial = tls_partial, .shutdown = tls_shutdown, .close = tls_close,        \
	.unacknowledged = transport_socket_unacknowledged, .want = transport_socket_want,                    \
	.describe = tls_describe, .agreed = tls_agreed, .certificate = tls_peer_certificate,                 \
	.export = tls_export, .bind = tls_bind

const struct transport_ops transport_tls = {
	SHARED,
	.write = tls_write,
	.writev = tls_writev,
};

/* From the end of the handshake on, of connections whose records the kernel makes. */
static const struct transport_ops kernel_encrypts = {
	SHARED,
	.write = plain_write,
	.writev = plain_writev,
	.sendfile = plain_sendfile,
};
