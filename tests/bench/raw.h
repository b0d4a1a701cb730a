/* The hand-written epoll server that plait is measured against: one thread, level-triggered, recv and send directly. */
#ifndef TESTS_BENCH_RAW_H
#define TESTS_BENCH_RAW_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RAW_BUFFER 65536
#define RAW_LINE_MAX 16384
#define RAW_OWED_MAX (16 << 20)

/* What raw_io.read and .write return besides a number of bytes; a read's 0 is the peer's end. */
enum { RAW_AGAIN = -1, RAW_FAILED = -2 };

struct raw_peer;

struct raw_io {
	/* Prepares a new peer; then steps through the handshake until it returns 1. */
	int (*open)(struct raw_peer *peer, SSL_CTX *tls);
	int (*handshake)(struct raw_peer *peer);
	ssize_t (*read)(struct raw_peer *peer, void *buffer, size_t size);
	ssize_t (*write)(struct raw_peer *peer, const void *data, size_t len);
	/* Whether there is input that epoll does not know of. */
	bool (*pending)(const struct raw_peer *peer);
	void (*close)(struct raw_peer *peer);
};

extern const struct raw_io raw_plain_io, raw_tls_io;

struct raw_peer {
	int fd;
	bool made, dead, broken, waits_to_write;
	const struct raw_io *io;
	SSL *ssl;
	/* The beginning of a line. */
	char *kept;
	size_t kept_len;
	/* Output that the kernel did not take yet. */
	char *owed;
	size_t owed_len, owed_size;
	/* The room's. */
	size_t place;
	unsigned long number;
	struct raw_peer *next_dead;
};

struct raw_kind {
	const char *name;
	void (*made)(struct raw_peer *peer);
	/* There is input. */
	void (*readable)(struct raw_peer *peer);
	void (*lost)(struct raw_peer *peer);
};

extern const struct raw_kind raw_echo, raw_line, raw_broadcast;

/* Sends all of it, now or when the kernel takes more. */
void raw_send(struct raw_peer *peer, const void *data, size_t len);

/* No more events of the peer; it is freed at the end of the turn. */
void raw_end(struct raw_peer *peer);

/* Ends the program with what failed and errno's text. */
_Noreturn void raw_fail(const char *what);

/* Reads after what was kept of the last read. The input with its length, or NULL when there is none (or no more). */
char *raw_read_lines(struct raw_peer *peer, size_t *len_out);

/* The next whole line of *at, its CRLF not counted in *len_out, or NULL; moves *at behind it. */
const char *raw_next_line(const char **at, const char *end, size_t *len_out);

/* Keeps an unfinished line for the next read. */
void raw_keep(struct raw_peer *peer, const char *rest, size_t len);

/* Serves datagrams on the bound socket, for ever. */
_Noreturn void raw_udp_serve(int fd);

#endif
