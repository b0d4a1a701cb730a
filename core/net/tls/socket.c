/* OpenSSL's BIO on a socket: no layers, no SIGPIPE, and one send for a burst of records. */
#include "core/net/tls/socket.h"

#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/uncancelled.h"
#include "core/net/tls/greeting.h"

struct tls_held {
	size_t sent, len;
	uint8_t data[];
};

static BIO_METHOD *method;

bool tls_socket_again(struct tls_socket *socket, enum watch_interest interest)
{
	if (errno == EINTR)
		return true;
	if (errno == EAGAIN)
		socket->blocked = (uint8_t)interest;
	else
		socket->error = (uint16_t)errno;
	return false;
}

/* Returns what the kernel took, or -1 with blocked or error set. */
static ssize_t send_now(struct tls_socket *socket, const void *data, size_t len)
{
	ssize_t sent;
	do
		sent = uncancelled_send(socket->fd, data, len);
	while (sent < 0 && tls_socket_again(socket, WATCH_WRITE));
	return sent;
}

static ssize_t receive_now(struct tls_socket *socket, void *data, size_t size)
{
	while (!socket->dry) {
		ssize_t got = uncancelled_recv(socket->fd, data, size);
		if (got >= 0) {
			socket->ended = got == 0;
			socket->dry = (size_t)got < size;
			return got;
		}
		if (!tls_socket_again(socket, WATCH_READ))
			return -1;
	}
	socket->blocked = WATCH_READ;
	return -1;
}

int tls_socket_after_read(BIO *bio, ssize_t result, const char *data, size_t *got)
{
	struct tls_socket *socket = BIO_get_data(bio);
	if (socket->greeting && result > 0 &&
	    !tls_greeting_is_sound(socket->greeting, data, (size_t)result)) {
		socket->error = EMSGSIZE;
		result = -1;
	}
	if (result > 0) {
		*got = (size_t)result;
		return 1;
	}
	*got = 0;
	BIO_clear_retry_flags(bio);
	if (socket->blocked)
		BIO_set_retry_read(bio);
	return result < 0 ? -1 : 0;
}

static int on_read(BIO *bio, char *data, size_t size, size_t *got)
{
	return tls_socket_after_read(bio, receive_now(BIO_get_data(bio), data, size), data, got);
}

static bool gather(struct tls_burst *burst, const void *data, size_t len)
{
	if (len > burst->size - burst->len)
		return false;
	memcpy(burst->data + burst->len, data, len);
	burst->len += len;
	return true;
}

int tls_socket_after_write(BIO *bio, ssize_t result, size_t *written)
{
	const struct tls_socket *socket = BIO_get_data(bio);
	*written = result >= 0 ? (size_t)result : 0;
	if (result >= 0)
		return 1;
	BIO_clear_retry_flags(bio);
	if (socket->blocked)
		BIO_set_retry_write(bio);
	return -1;
}

int tls_socket_on_write(BIO *bio, const char *data, size_t len, size_t *written)
{
	struct tls_socket *socket = BIO_get_data(bio);
	ssize_t sent = -1;
	if (socket->burst)
		sent = gather(socket->burst, data, len) ? (ssize_t)len : -1;
	else if (!socket->held || tls_socket_send_held(socket))
		sent = send_now(socket, data, len);
	return tls_socket_after_write(bio, sent, written);
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	(void)number;
	(void)pointer;
	/* OpenSSL asks eight times a record whether the kernel encrypts. */
	switch (command) {
	case BIO_CTRL_EOF: return ((const struct tls_socket *)BIO_get_data(bio))->ended;
	case BIO_CTRL_FLUSH: return 1; /* a burst leaves when it ends */
	default: return 0;
	}
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plait's socket");
	if (!method)
		return;
	BIO_meth_set_read_ex(method, on_read);
	BIO_meth_set_write_ex(method, tls_socket_on_write);
	BIO_meth_set_ctrl(method, on_control);
}

struct bio_st *tls_socket_bio_of(const BIO_METHOD *kind, struct tls_socket *socket)
{
	BIO *bio = kind ? BIO_new(kind) : NULL;
	if (!bio)
		return NULL;
	BIO_set_data(bio, socket);
	BIO_set_init(bio, 1);
	return bio;
}

struct bio_st *tls_socket_bio(struct tls_socket *socket)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_method);
	return tls_socket_bio_of(method, socket);
}

bool tls_socket_end_burst(struct tls_socket *socket)
{
	const struct tls_burst *burst = socket->burst;
	socket->burst = NULL;
	ssize_t sent = send_now(socket, burst->data, burst->len);
	size_t left = burst->len - (sent > 0 ? (size_t)sent : 0);
	if (left == 0 || socket->error)
		return true;
	socket->held = malloc(sizeof(*socket->held) + left);
	if (!socket->held)
		return false;
	*socket->held = (struct tls_held){ .len = left };
	memcpy(socket->held->data, burst->data + burst->len - left, left);
	socket->blocked = WATCH_WRITE;
	return true;
}

bool tls_socket_send_held(struct tls_socket *socket)
{
	struct tls_held *held = socket->held;
	ssize_t sent = send_now(socket, held->data + held->sent, held->len - held->sent);
	if (sent < 0)
		return false;
	held->sent += (size_t)sent;
	if (held->sent < held->len) {
		socket->blocked = WATCH_WRITE;
		return false;
	}
	tls_socket_fini(socket);
	return true;
}

void tls_socket_fini(struct tls_socket *socket)
{
	free(socket->held);
	socket->held = NULL;
}
