/* The kernel's TLS. */
#include "core/net/tls/kernel.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/pipe_signal.h"
#include "core/net/tls/generation.h"
#include "core/net/tls/socket.h"

static BIO_METHOD *method;

/* ---- what the socket is asked for ---- */

/* By the guard, from this BIO; the one behind it has a descriptor of its own. */
static bool is_taken_away(struct tls_socket *socket)
{
	if (socket->fd < 0)
		socket->error = EBADF;
	return socket->fd < 0;
}

/* A record at a time where the kernel decrypts: then a short one does not say that there is no other. */
static ssize_t receive(BIO *next, struct tls_socket *socket, void *data, size_t size)
{
	if (is_taken_away(socket))
		return -1;
	while (!socket->dry) {
		int got = BIO_read(next, data, size > INT_MAX ? INT_MAX : (int)size);
		if (got >= 0) {
			socket->ended = got == 0;
			socket->dry = (size_t)got < size && !BIO_get_ktls_recv(next);
			return got;
		}
		if (!tls_socket_again(socket, WATCH_READ))
			return -1;
	}
	socket->blocked = WATCH_READ;
	return -1;
}

static int on_read(BIO *bio, char *data, size_t size, size_t *got)
{
	struct tls_socket *socket = BIO_get_data(bio);
	return tls_socket_after_read(bio, receive(BIO_next(bio), socket, data, size), data, got);
}

/* A message of TLS's own, whole or not at all. */
static ssize_t send_message(BIO *next, struct tls_socket *socket, const void *data, size_t len)
{
	sigset_t before;
	int sent;
	if (is_taken_away(socket))
		return -1;
	pipe_signal_block(&before);
	do
		sent = BIO_write(next, data, len > INT_MAX ? INT_MAX : (int)len);
	while (sent < 0 && tls_socket_again(socket, WATCH_WRITE));
	pipe_signal_restore(&before, sent);
	return sent;
}

static int on_write(BIO *bio, const char *data, size_t len, size_t *written)
{
	BIO *next = BIO_next(bio);
	if (!BIO_get_ktls_send(next))
		return tls_socket_on_write(bio, data, len, written);
	return tls_socket_after_write(bio, send_message(next, BIO_get_data(bio), data, len), written);
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	switch (command) {
	case BIO_CTRL_EOF: return ((const struct tls_socket *)BIO_get_data(bio))->ended;
	case BIO_CTRL_FLUSH: return 1;
	default: return BIO_ctrl(BIO_next(bio), command, number, pointer);
	}
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "plait's socket, by OpenSSL's");
	if (!method)
		return;
	BIO_meth_set_read_ex(method, on_read);
	BIO_meth_set_write_ex(method, on_write);
	BIO_meth_set_ctrl(method, on_control);
}

struct bio_st *tls_kernel_bio(struct tls_socket *socket)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_method);
	BIO *bio = tls_socket_bio_of(method, socket);
	BIO *next = bio ? BIO_new_socket(socket->fd, BIO_NOCLOSE) : NULL;
	if (!next) {
		BIO_free(bio);
		return NULL;
	}
	return BIO_push(bio, next);
}

/* ---- who has it ---- */

bool tls_kernel_is_wanted(const SSL *ssl)
{
	return SSL_get_options(ssl) & SSL_OP_ENABLE_KTLS;
}

bool tls_kernel_encrypts(const SSL *ssl)
{
	return BIO_get_ktls_send(SSL_get_wbio(ssl));
}

static bool available;

/* Who is not connected is told so only where there is TLS to be had. */
static void ask_kernel(void)
{
	static const char name[] = "tls";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = fd >= 0 ? setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)) : -1;
	int code = errno;
	if (fd >= 0)
		close(fd);
	available = result == 0 || code == ENOTCONN;
	if (available)
		log_write(PLAIT_LOG_INFO, NULL, "ktls: the kernel encrypts, with the ciphers that it knows");
	else
		log_write(PLAIT_LOG_INFO, NULL,
			  "ktls: OpenSSL encrypts, for this kernel has no TLS (%s); its module is called tls",
			  strerror(code));
}

int tls_kernel_apply(struct tls_generation *generation, const struct tls_settings *settings, const char *path,
		     struct problems *problems)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	(void)path;
	(void)problems;
	if (settings->ktls != TLS_KTLS_AUTO)
		return 0;
	pthread_once(&once, ask_kernel);
	if (available)
		SSL_CTX_set_options(generation->ssl, SSL_OP_ENABLE_KTLS);
	return 0;
}
