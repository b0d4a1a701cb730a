/* A TLS connection from the inside. Its parts: transport.c, output.c, socket.c, kernel.c, hello.c, guard.c, warm.c, ask.c,
 * peer.c. */
#ifndef NET_TLS_CONN_H
#define NET_TLS_CONN_H

#include <openssl/types.h>

#include "core/net/tls/greeting.h"
#include "core/net/tls/socket.h"
#include "core/net/tls/warm.h"
#include "core/net/transport/transport.h"

struct tls_role;

/* How far a client's ClientHello has come, on a server's side. */
enum tls_hello {
	TLS_HELLO_AWAITED,
	TLS_HELLO_SEEN,
	TLS_HELLO_REFUSED, /* transport_failure tells why */
};

/* Long enough that no two names with the same digest are to be found. */
#define TLS_ASKED_SIZE 16

struct tls_conn {
	SSL *ssl; /* its app data is the connection */
	struct tls_role *role;
	struct tls_socket socket;

	/* warm.c */
	struct tls_warm *warm; /* the loop's; NULL: it has none */
	uint32_t used_ms;      /* the lower half of the loop's clock */
	uint16_t slot;         /* 0: none of the loop's */

	uint8_t hello; /* enum tls_hello */
	bool more;     /* reading may go on without an event */
	bool part;     /* it was told that the begin of a record has come */

	/* guard.c */
	const char *beyond;  /* what the peer did that is beyond a bound; NULL: nothing */
	uint8_t requests;    /* of such kind, since the marks */
	uint32_t marked_kib; /* what had been received and sent */
	uint32_t marked_ms;  /* the lower half of the loop's clock */
	struct tls_greeting greeting;

	struct tls_failure *failure; /* behind bytes that are delivered first; NULL: none */

	/* output.c */
	uint16_t retry;       /* length of what OpenSSL could not send yet; 0: nothing */
	uint16_t burst_owed;  /* bytes of a burst that is held; they count as taken when it is sent */
	uint32_t large_bytes; /* written in large pieces since the last pause between such */
	uint32_t large_ms;    /* when the last one was */

	unsigned char asked[TLS_ASKED_SIZE]; /* hello.c: a digest of the name in the ClientHello */
};

/* Turns OpenSSL's answer to a call that did not succeed into the transport's. Leaves its queue of errors empty. */
ssize_t tls_translate(struct tls_conn *conn, int result, enum plait_reason reason);

/* The same for what only the socket has a say in. */
ssize_t tls_translate_socket(const struct tls_conn *conn);

ssize_t tls_write(struct transport *transport, const void *data, size_t len);
ssize_t tls_writev(struct transport *transport, const struct iovec *parts, int count);

/* ask.c: what protocols ask for, and the protocol that was agreed on; *index: its place in the role's list. NULL and -1:
 * none was. */
const char *tls_alpn_selected(const struct tls_conn *conn, int *index);
void tls_describe(struct transport *transport, struct plait_tls *tls);
int tls_export(struct transport *transport, const char *label, const void *context, size_t context_len,
	       void *out, size_t len);
int tls_bind(struct transport *transport, uint8_t out[PLAIT_TLS_BINDING_SIZE]);

/* peer.c */
struct plait_certificate *tls_peer_certificate(const struct transport *transport);

#endif
