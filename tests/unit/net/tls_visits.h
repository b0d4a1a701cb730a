/* Clients that come to a server and come back, on clocks that the test sets. */
#ifndef TESTS_UNIT_NET_TLS_VISITS_H
#define TESTS_UNIT_NET_TLS_VISITS_H

#include "core/net/tls/conn.h"
#include "core/net/tls/context.h"
#include "tests/unit/net/tls_pair.h"

#define HOUR 3600

/* Sessions are dated by the system's clock, which goes on while a slow machine makes handshakes. */
#define SLACK_S 60

extern struct tls_pair_server server;
extern struct tls_client *client;
extern struct tls_pair pair;
extern struct tls_settings settings; /* of the next server */
extern char certificate[TLS_PAIR_PATH], key[TLS_PAIR_PATH], ca[TLS_PAIR_PATH];
extern uint64_t now_ms;
extern int64_t now_s;
extern int version;      /* the client's newest */
extern bool no_tickets;  /* the client wants none */
extern const char *host; /* what it asks for */

/* What the last visit came to. */
extern struct seen {
	bool entered, resumed, ticket;
	unsigned char name[16]; /* of the ticket's key */
	unsigned long hint;
	char subject[200];
	bool verified;
} seen;

/* Settings with localhost's certificate, and everything else as it is by itself. */
void prepare(void);

struct tls_pair_server make_server(const char *path);

/* The server of the settings, and a client; pem and pem_key: its own, or NULL. */
void serve(const char *pem, const char *pem_key);
void done(void);

/* The server reads its files anew. */
void renew(void);

/* The client comes to a server, and leaves with what that gave it. Whether its session was resumed. */
bool visit_at(const struct tls_pair_server *where, struct tls_client *who);
bool visit(void);

/* The next server has its tickets' keys from a file, which the test writes, and removes. */
extern char keys_file[];
void begin_keys(void);
void write_keys(const char *text);

/* A line of it. Good until the third one from here. */
const char *key_line(unsigned char with);

extern const int versions[2];

#define EACH_VERSION for (size_t v = 0; v < 2; v++)

#endif
