/* The raw epoll server's loop: raw KIND tcp|tls|udp [CERTIFICATE KEY] serves on a free port, and says which. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/raw.h"

#define EVENTS 256

static int epoll_fd;
static const struct raw_kind *kind;
static SSL_CTX *tls;
static struct raw_peer *dead_peers;

void raw_fail(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(struct raw_peer *peer, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = peer };
	if (epoll_ctl(epoll_fd, operation, peer->fd, &event) < 0)
		raw_fail("epoll_ctl");
}

void raw_end(struct raw_peer *peer)
{
	if (peer->dead)
		return;
	peer->dead = true;
	if (kind->lost && peer->made)
		kind->lost(peer);
	peer->next_dead = dead_peers;
	dead_peers = peer;
}

/* Events of the same turn may still point to the dead, so they go when it is over. */
static void bury(void)
{
	while (dead_peers) {
		struct raw_peer *peer = dead_peers;
		dead_peers = peer->next_dead;
		peer->io->close(peer);
		free(peer->kept);
		free(peer->owed);
		free(peer);
	}
}

static void owe(struct raw_peer *peer, const char *data, size_t len)
{
	size_t need = peer->owed_len + len;
	if (need > RAW_OWED_MAX) {
		raw_end(peer);
		return;
	}
	if (need > peer->owed_size) {
		peer->owed_size = need * 2;
		peer->owed = realloc(peer->owed, peer->owed_size);
		if (!peer->owed)
			raw_fail("realloc");
	}
	memcpy(peer->owed + peer->owed_len, data, len);
	peer->owed_len = need;
	/* A peer that does not read is not listened to either. */
	if (!peer->waits_to_write)
		watch(peer, EPOLL_CTL_MOD, EPOLLOUT);
	peer->waits_to_write = true;
}

void raw_send(struct raw_peer *peer, const void *data, size_t len)
{
	if (peer->dead)
		return;
	ssize_t sent = peer->owed_len ? 0 : peer->io->write(peer, data, len);
	if (sent == RAW_FAILED) {
		raw_end(peer);
		return;
	}
	size_t done = sent > 0 ? (size_t)sent : 0;
	if (done < len)
		owe(peer, (const char *)data + done, len - done);
}

static void pay(struct raw_peer *peer)
{
	size_t done = 0;
	while (done < peer->owed_len) {
		ssize_t sent = peer->io->write(peer, peer->owed + done, peer->owed_len - done);
		if (sent == RAW_FAILED) {
			raw_end(peer);
			return;
		}
		if (sent <= 0)
			break;
		done += (size_t)sent;
	}
	memmove(peer->owed, peer->owed + done, peer->owed_len - done);
	peer->owed_len -= done;
	if (peer->owed_len)
		return;
	peer->waits_to_write = false;
	watch(peer, EPOLL_CTL_MOD, EPOLLIN);
}

/* Whether the handshake is over and the protocol knows the peer. */
static bool make(struct raw_peer *peer)
{
	int done = peer->io->handshake(peer);
	if (done == RAW_FAILED)
		raw_end(peer);
	if (done != 1)
		return false;
	peer->made = true;
	if (kind->made)
		kind->made(peer);
	return true;
}

static void serve(struct raw_peer *peer, uint32_t events)
{
	if (peer->dead || (!peer->made && !make(peer)))
		return;
	if (peer->waits_to_write) {
		if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			pay(peer);
		if (peer->dead || peer->waits_to_write)
			return;
	}
	do
		kind->readable(peer);
	while (!peer->dead && !peer->waits_to_write && peer->io->pending(peer));
}

static void welcome_all(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		struct raw_peer *peer = calloc(1, sizeof(*peer));
		if (!peer)
			raw_fail("calloc");
		peer->fd = fd;
		peer->io = tls ? &raw_tls_io : &raw_plain_io;
		if (peer->io->open(peer, tls) < 0)
			raw_fail("SSL_new");
		watch(peer, EPOLL_CTL_ADD, EPOLLIN);
		make(peer);
	}
}

_Noreturn static void serve_all(int listener)
{
	struct raw_peer listening = { .fd = listener };
	struct epoll_event events[EVENTS];

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		raw_fail("epoll_create1");
	watch(&listening, EPOLL_CTL_ADD, EPOLLIN);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == &listening)
				welcome_all(listener);
			else
				serve(events[i].data.ptr, events[i].events);
		}
		bury();
	}
}

static SSL_CTX *tls_context(const char *certificate, const char *key)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context || SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		fprintf(stderr, "raw: cannot use %s with %s\n", certificate, key);
		exit(1);
	}
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_id_context(context, (const unsigned char *)"raw", 3);
	return context;
}

static int bound(const char *scheme)
{
	bool datagrams = strcmp(scheme, "udp") == 0;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int on = 1;
	int fd = socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		raw_fail("bind");
	/* Accepted sockets inherit TCP_NODELAY. */
	if (!datagrams &&
	    (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 || listen(fd, 4096) < 0))
		raw_fail("listen");
	printf("listening on %s://127.0.0.1:%u\n", scheme, ntohs(address.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	static const struct raw_kind *const kinds[] = { &raw_echo, &raw_line, &raw_broadcast };

	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(argv[1], kinds[i]->name) == 0)
			kind = kinds[i];
	if (!kind || argc != (argc > 2 && strcmp(argv[2], "tls") == 0 ? 5 : 3)) {
		fputs("usage: raw echo|line|broadcast tcp | raw echo|line|broadcast tls CERTIFICATE KEY | raw echo udp\n",
		      stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5)
		tls = tls_context(argv[3], argv[4]);
	int fd = bound(argv[2]);
	if (strcmp(argv[2], "udp") == 0)
		raw_udp_serve(fd);
	serve_all(fd);
}
