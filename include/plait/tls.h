/* What a protocol can ask about a connection's TLS. All of it belongs on the connection's own loop, and is good from the
 * made callback until the lost callback has returned; what nobody asks for costs nothing. It is the same for connections
 * that were accepted and for those that we opened: there the peer is the server. */
#ifndef PLAIT_TLS_H
#define PLAIT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>

struct plait_conn;

/* What TLS agreed on. */
struct plait_tls {
	const char *version; /* "TLSv1.3" */
	const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
	bool resumed;        /* from an earlier session: without certificates, which are that session's */
	const char *alpn;    /* the protocol that was agreed on, "h2"; NULL: none */
	const char *
		server_name; /* the host that the client asked for (SNI), as it wrote it; NULL: none, or none that
				  * is printable ASCII */
	const char *group; /* of the exchange of keys, "x25519"; NULL: not known */
	bool ktls;         /* the kernel encrypts what is sent */
};

/* NULL on a connection without TLS. Valid while the connection is. */
PLAIT_EXPORT const struct plait_tls *plait_conn_tls(struct plait_conn *conn);

/* Bounds of what is told of a certificate; what is longer is left out, never cut: so no name is taken for another. */
#define PLAIT_CERTIFICATE_NAME_MAX 1024
#define PLAIT_CERTIFICATE_NAMES_MAX 64

enum plait_certificate_name_kind {
	PLAIT_CERTIFICATE_DNS = 1,
	PLAIT_CERTIFICATE_EMAIL,
	PLAIT_CERTIFICATE_URI,
	PLAIT_CERTIFICATE_ADDRESS, /* "192.0.2.1", "2001:db8::1" */
};

/* One of a certificate's subjectAltName. */
struct plait_certificate_name {
	int kind; /* enum plait_certificate_name_kind */
	const char *text;
};

/* The peer's certificate. All texts are printable ASCII, whatever the certificate holds: other bytes, NUL among them, are
 * written as a backslash and two hexadecimal digits, and a backslash as "\5C"; in names that RFC 2253 writes also as it
 * says. So two texts are equal only when what they were made from is. */
struct plait_certificate {
	bool verified; /* it was held against CAs that are trusted, and is good; only then believe what follows */
	const char *subject; /* "CN=client,O=plait", as RFC 2253 writes it; NULL: too long */
	const char *issuer;
	const char *serial;            /* hexadecimal, "1A2B"; NULL: too long, or negative */
	const char *fingerprint;       /* SHA-256 of all of it, 64 hexadecimal digits in lower case */
	int64_t not_before, not_after; /* seconds since 1970 */
	const struct plait_certificate_name *names;
	size_t name_count;
	size_t names_omitted; /* too long, of other kinds, or too many */
};

/* NULL when there is no TLS, or the peer showed none. Also after a resumption: the certificate of the full handshake. Made
 * when it is first asked for (NULL, too, without memory); valid while the connection is. */
PLAIT_EXPORT const struct plait_certificate *plait_conn_certificate(struct plait_conn *conn);

/* Keying material for what both ends of the connection know and nobody else (RFC 5705): len bytes, at most
 * PLAIT_TLS_EXPORT_MAX, that depend on the label and the context. Under TLS 1.2 no context (NULL) and an empty one differ.
 * 0; PLAIT_ERROR_MISSING without TLS, PLAIT_ERROR_INVALID for a label or a length that cannot be, PLAIT_ERROR_REFUSED
 * when TLS will not, as for labels of its own. */
#define PLAIT_TLS_EXPORT_MAX 1024
PLAIT_EXPORT int plait_tls_export(struct plait_conn *conn, const char *label, const void *context,
				  size_t context_len, void *out, size_t len);

/* The channel binding tls-exporter (RFC 9266), for SCRAM and its like: equal at both ends of the connection, and nowhere
 * else. 0; PLAIT_ERROR_MISSING without TLS; PLAIT_ERROR_REFUSED under TLS 1.2 without extended master secret, where
 * somebody between the ends could have made it equal. */
#define PLAIT_TLS_BINDING_SIZE 32
PLAIT_EXPORT int plait_tls_binding(struct plait_conn *conn, uint8_t out[PLAIT_TLS_BINDING_SIZE]);

#endif
