/* The table of the kinds in which handshakes fail. */
#include "core/net/handshake.h"

#include "core/base/log.h"
#include "core/net/net.h"

static const struct {
	const char *name, *text;
} kinds[HANDSHAKE_FAILURE_COUNT] = {
	[HANDSHAKE_NO_FAILURE] = { "none", "nothing is wrong" },
	[HANDSHAKE_HTTP] = { "http", "the peer speaks plain HTTP where TLS is expected" },
	[HANDSHAKE_NO_TLS] = { "no-tls", "the peer does not speak TLS" },
	[HANDSHAKE_VERSION] = { "version", "the peer speaks no version of TLS that is allowed here" },
	[HANDSHAKE_CIPHER] = { "cipher", "the peer offers no cipher that is allowed here" },
	[HANDSHAKE_GROUP] = { "group", "the peer offers no group that is allowed here" },
	[HANDSHAKE_SIGNATURE] = { "signature",
				  "the peer accepts no signature that a certificate of ours can make" },
	[HANDSHAKE_NAME] = { "name", "the peer asks for a name that is not served here" },
	[HANDSHAKE_ALPN] = { "alpn", "the peer offers no protocol that is served here" },
	[HANDSHAKE_CERTIFICATE_MISSING] = { "certificate-missing",
					    "the peer shows no certificate, and must" },
	[HANDSHAKE_CERTIFICATE_EXPIRED] = { "certificate-expired",
					    "the peer's certificate is expired, or not yet valid" },
	[HANDSHAKE_CERTIFICATE_REVOKED] = { "certificate-revoked", "the peer's certificate is revoked" },
	[HANDSHAKE_CERTIFICATE_ISSUER] = { "certificate-issuer",
					   "the peer's certificate is of an issuer that is not trusted" },
	[HANDSHAKE_CERTIFICATE] = { "certificate", "the peer's certificate is not good" },
	[HANDSHAKE_REFUSED] = { "refused", "the peer refused our certificate" },
	[HANDSHAKE_ALERT] = { "alert", "the peer gave up" },
	[HANDSHAKE_MALFORMED] = { "malformed", "what the peer sends is no sound handshake" },
	[HANDSHAKE_TRUNCATED] = { "truncated", "the peer went away in the middle" },
	[HANDSHAKE_TIMEOUT] = { "timeout", "the peer took too long" },
	[HANDSHAKE_TOO_MANY] = { "too-many", "there are as many handshakes under way as allowed" },
	[HANDSHAKE_INTERNAL] = { "internal", "this side is short of a resource, or set up wrongly" },
};

const char *handshake_failure_name(enum handshake_failure failure)
{
	return kinds[failure].name;
}

const char *handshake_failure_text(enum handshake_failure failure)
{
	return kinds[failure].text;
}

enum handshake_failure handshake_failure_of(enum plait_reason reason)
{
	switch (reason) {
	case PLAIT_REASON_TIMEOUT_HANDSHAKE: return HANDSHAKE_TIMEOUT;
	case PLAIT_REASON_LIMIT_HANDSHAKES: return HANDSHAKE_TOO_MANY;
	case PLAIT_REASON_INTERNAL: return HANDSHAKE_INTERNAL;
	default: return HANDSHAKE_NO_FAILURE;
	}
}

void handshake_failed(struct net *net, const char *listener, const struct plait_addr *peer,
		      enum handshake_failure failure, const char *detail)
{
	struct log_subject subject = { .listener = listener, .peer = peer };
	counter_add(&net->counters.handshakes_failed[failure], 1);
	log_write_once(PLAIT_LOG_INFO, &subject, "TLS handshake failed: %s (%s%s%s)",
		       handshake_failure_name(failure), handshake_failure_text(failure), detail ? ": " : "",
		       detail ? detail : "");
}
