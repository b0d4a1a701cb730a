/* How the raw server reads and writes: recv and send, or OpenSSL straight on the socket. */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/raw.h"

static ssize_t outcome(ssize_t result)
{
	if (result >= 0)
		return result;
	return errno == EAGAIN || errno == EINTR ? RAW_AGAIN : RAW_FAILED;
}

static int plain_open(struct raw_peer *peer, SSL_CTX *tls)
{
	(void)peer;
	(void)tls;
	return 0;
}

static int plain_handshake(struct raw_peer *peer)
{
	(void)peer;
	return 1;
}

static ssize_t plain_read(struct raw_peer *peer, void *buffer, size_t size)
{
	return outcome(recv(peer->fd, buffer, size, 0));
}

static ssize_t plain_write(struct raw_peer *peer, const void *data, size_t len)
{
	return outcome(send(peer->fd, data, len, MSG_NOSIGNAL));
}

static bool plain_pending(const struct raw_peer *peer)
{
	(void)peer;
	return false;
}

static void plain_close(struct raw_peer *peer)
{
	close(peer->fd);
}

const struct raw_io raw_plain_io = {
	plain_open, plain_handshake, plain_read, plain_write, plain_pending, plain_close,
};

static int tls_open(struct raw_peer *peer, SSL_CTX *tls)
{
	peer->ssl = SSL_new(tls);
	if (!peer->ssl || SSL_set_fd(peer->ssl, peer->fd) != 1)
		return -1;
	SSL_set_accept_state(peer->ssl);
	return 0;
}

static ssize_t tls_outcome(struct raw_peer *peer, int result)
{
	if (result > 0)
		return result;
	int error = SSL_get_error(peer->ssl, result);
	ERR_clear_error();
	switch (error) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return RAW_AGAIN;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: peer->broken = true; return RAW_FAILED;
	}
}

static int tls_handshake(struct raw_peer *peer)
{
	int done = (int)tls_outcome(peer, SSL_accept(peer->ssl));
	return done == 0 ? RAW_FAILED : done;
}

static ssize_t tls_read(struct raw_peer *peer, void *buffer, size_t size)
{
	return tls_outcome(peer, SSL_read(peer->ssl, buffer, (int)size));
}

static ssize_t tls_write(struct raw_peer *peer, const void *data, size_t len)
{
	ssize_t sent = tls_outcome(peer, SSL_write(peer->ssl, data, (int)len));
	return sent == 0 ? RAW_FAILED : sent;
}

static bool tls_pending(const struct raw_peer *peer)
{
	return SSL_pending(peer->ssl) > 0;
}

static void tls_close(struct raw_peer *peer)
{
	if (!peer->broken && peer->made)
		SSL_shutdown(peer->ssl);
	ERR_clear_error();
	SSL_free(peer->ssl);
	close(peer->fd);
}

const struct raw_io raw_tls_io = {
	tls_open, tls_handshake, tls_read, tls_write, tls_pending, tls_close,
};
