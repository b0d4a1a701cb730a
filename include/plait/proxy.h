/* What a PROXY header in front of a connection said of it, and headers for connections that we open (the PROXY protocol of
 * HAProxy, versions 1 and 2). Where a header named them, plait_conn_peer and plait_conn_local, the log, limits and lists have
 * its addresses. Believe it as far as you trust who may send it: the listener's proxy_protocol.trusted. */
#ifndef PLAIT_PROXY_H
#define PLAIT_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <plait/abi.h>
#include <plait/addr.h>

struct plait_conn;

/* Whether a listener's connections begin with a PROXY header. */
enum plait_proxy_mode {
	PLAIT_PROXY_OFF = 0,
	PLAIT_PROXY_OPTIONAL, /* those from trusted addresses may; others are served as they are */
	PLAIT_PROXY_REQUIRED, /* all do; who is not trusted is refused */
};

/* The client's TLS, which the proxy ended. A text is NULL when it was not told, or is no printable UTF-8. */
struct plait_proxy_tls {
	bool certificate;    /* the client showed one, on this connection or in the session that it resumed */
	bool verified;       /* and the proxy found it good; only then believe common_name */
	const char *version; /* "TLSv1.3" */
	const char *cipher;  /* "TLS_AES_128_GCM_SHA256" */
	const char *common_name; /* of the client's certificate */
	const char *signature;   /* how the proxy's certificate is signed, "RSA-SHA256" */
	const char *key;         /* and its key, "EC256" */
};

/* As long as the connection. */
struct plait_proxy {
	unsigned version; /* 1 or 2 */
	bool addressed; /* it named the connection's addresses; else (LOCAL, UNKNOWN, UNSPEC) they are the real ones */
	struct plait_addr real_peer, real_local; /* of the connection that the proxy made */
	const char *source_path,
		*destination_path; /* of UNIX sockets, "@NAME" without a file; NULL: none, or as above */
	const void *unique_id;     /* any bytes; NULL: none */
	size_t unique_id_len;      /* at most 128 */
	const char *authority;     /* the host that the client asked for; NULL as above */
	const char *alpn;          /* the protocol that it agreed on with the proxy; NULL as above */
	const char *netns;         /* the proxy's network namespace; NULL as above */
	const struct plait_proxy_tls *tls; /* NULL: the client spoke none, or it was not told */
};

/* NULL: the connection began without a header. On the connection's loop, from the protocol's made until lost has returned. */
PLAIT_EXPORT const struct plait_proxy *plait_conn_proxy(const struct plait_conn *conn);

/* The value of the number'th addition (TLV) of a type, from 0 on; NULL: there is none. Where any thread may look at the
 * header. */
PLAIT_EXPORT const void *plait_proxy_tlv(const struct plait_proxy *proxy, unsigned type, unsigned number,
					 size_t *len);

/* A header to send, of version 2. Zero is nothing of each. */
struct plait_proxy_send {
	/* Of IPv4 and IPv6, one of which may be the other's (IPv4 is mapped then). Both of family NONE: the connection is
	 * our own (LOCAL); both UNIX: no addresses (UNSPEC). */
	struct plait_addr source, destination;
	const void *unique_id;
	size_t unique_id_len;  /* at most 128 */
	const char *authority; /* at most 255 bytes of UTF-8 */
	bool checksum;
};

#endif
