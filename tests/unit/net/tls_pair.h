/* Two TLS transports that talk over a socket pair, both ends in the test's hands. */
#ifndef TESTS_UNIT_NET_TLS_PAIR_H
#define TESTS_UNIT_NET_TLS_PAIR_H

#include "core/loop/loop.h"
#include "core/net/tls/tls.h"
#include "core/net/transport/transport.h"

#define TLS_PAIR_PATH 1024

/* The path of one of the files that certs/make made. */
void tls_pair_file(const char *name, char path[TLS_PAIR_PATH]);

/* A server's context and role, as its settings say. */
struct tls_pair_server {
	struct tls_context *context;
	struct tls_server *server;
};

/* With localhost's ECDSA certificate. */
struct tls_pair_server tls_pair_server(void);

/* NULL members with error filled when the settings are not good. */
struct tls_pair_server tls_pair_server_with(const struct tls_settings *settings, struct problems *problems);
void tls_pair_server_free(struct tls_pair_server *server);

/* What a configuration that names just these files says. */
struct tls_settings tls_pair_settings(const char *certificate, const char *key);
struct tls_client *tls_pair_client(const struct tls_client_settings *settings);

struct tls_pair {
	struct plait_loop *loop;
	uint64_t now_ms; /* the loop's clock */
	struct transport server, client;
};

/* Opens both ends; the handshake is not begun. */
void tls_pair_open(struct tls_pair *pair, const struct tls_pair_server *server, struct tls_client *client);

/* The same over sockets of that type: on SOCK_SEQPACKET one receive takes what one send sent. */
void tls_pair_open_type(struct tls_pair *pair, const struct tls_pair_server *server,
			struct tls_client *client, int type);
void tls_pair_close(struct tls_pair *pair);

/* The clock moves, and the loop turns. */
void tls_pair_advance(struct tls_pair *pair, uint64_t ms);

/* Both ends in turn, until both are done (true) or one failed or both wait for ever (false). */
bool tls_pair_handshake(struct tls_pair *pair);

/* Writes all of it at one end and reads it at the other; whether it arrived as it was. */
bool tls_pair_carry(struct transport *from, struct transport *to, const void *data, size_t len);

#endif
