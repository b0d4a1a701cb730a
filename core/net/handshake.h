/* Why handshakes of a listener's peers fail: few kinds, each with a name for counters and a sentence for people. */
#ifndef NET_HANDSHAKE_H
#define NET_HANDSHAKE_H

#include <plait/addr.h>
#include <plait/reason.h>

struct net;

enum handshake_failure {
	HANDSHAKE_NO_FAILURE, /* or none of the peer's: who connects and goes did nothing wrong */
	HANDSHAKE_HTTP,
	HANDSHAKE_NO_TLS,
	HANDSHAKE_VERSION,
	HANDSHAKE_CIPHER,
	HANDSHAKE_GROUP,
	HANDSHAKE_SIGNATURE,
	HANDSHAKE_NAME,
	HANDSHAKE_ALPN,
	HANDSHAKE_CERTIFICATE_MISSING,
	HANDSHAKE_CERTIFICATE_EXPIRED,
	HANDSHAKE_CERTIFICATE_REVOKED,
	HANDSHAKE_CERTIFICATE_ISSUER,
	HANDSHAKE_CERTIFICATE,
	HANDSHAKE_REFUSED, /* the peer does not like our certificate */
	HANDSHAKE_ALERT,   /* the peer does not like something else */
	HANDSHAKE_MALFORMED,
	HANDSHAKE_TRUNCATED,
	HANDSHAKE_TIMEOUT,
	HANDSHAKE_TOO_MANY,
	HANDSHAKE_INTERNAL,
	HANDSHAKE_FAILURE_COUNT
};

/* "no-tls" */
const char *handshake_failure_name(enum handshake_failure failure);

/* "the peer does not speak TLS" */
const char *handshake_failure_text(enum handshake_failure failure);

/* What a reason that says it all stands for. */
enum handshake_failure handshake_failure_of(enum plait_reason reason);

/* Counts it, and tells the log, once a peer and minute. detail may be NULL. On the loop. */
void handshake_failed(struct net *net, const char *listener, const struct plait_addr *peer,
		      enum handshake_failure failure, const char *detail);

#endif
