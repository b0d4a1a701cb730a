/* The socket under a TLS connection: OpenSSL's BIO, which receives and sends directly and remembers what happened. */
#ifndef NET_TLS_SOCKET_H
#define NET_TLS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/loop/watch.h"

struct bio_method_st;
struct bio_st;
struct tls_greeting;
struct tls_held;

/* Records pile up here and leave in one send. */
struct tls_burst {
	uint8_t *data;
	size_t size, len;
};

struct tls_socket {
	int fd;
	uint16_t error;  /* errno of a call that failed, 0: none did */
	uint8_t blocked; /* what the last call of OpenSSL's waits for, of enum watch_interest */
	bool ended : 1;  /* the peer's FIN was read */
	bool dry : 1; /* a receive took all there was: the next one would find nothing, until there is an event */
	struct tls_burst *burst;       /* NULL: each record is sent by itself */
	struct tls_greeting *greeting; /* looks at what is received; NULL: nobody does */
	struct tls_held *held;         /* what a send left of a burst, before anything else; NULL: nothing */
};

/* Does not take the socket over. NULL: no memory. */
struct bio_st *tls_socket_bio(struct tls_socket *socket);

/* For other BIOs on such a socket. */

/* One of this kind; NULL: it could not be made. */
struct bio_st *tls_socket_bio_of(const struct bio_method_st *kind, struct tls_socket *socket);

/* A call has failed. True: it is to be made again. False: blocked, for interest, or error tells why not. */
bool tls_socket_again(struct tls_socket *socket, enum watch_interest interest);

/* What read_ex and write_ex answer when the call came to result, -1 for one that failed. */
int tls_socket_after_read(struct bio_st *bio, ssize_t result, const char *data, size_t *got);
int tls_socket_after_write(struct bio_st *bio, ssize_t result, size_t *written);

int tls_socket_on_write(struct bio_st *bio, const char *data, size_t len, size_t *written); /* write_ex */

void tls_socket_fini(struct tls_socket *socket);

/* Before a call of OpenSSL's. */
static inline void tls_socket_begin(struct tls_socket *socket)
{
	socket->blocked = 0;
	socket->error = 0;
}

/* Sends what the burst gathered; what the kernel does not take is held. False: no memory to hold it. */
bool tls_socket_end_burst(struct tls_socket *socket);

/* Sends what is held. False: blocked or error tells why some still is. */
bool tls_socket_send_held(struct tls_socket *socket);

#endif
