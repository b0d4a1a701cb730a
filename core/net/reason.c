/* The one table of reasons. */
#include "core/net/reason.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *text;
	bool is_error;
	bool resets;
} reasons[PLAIT_REASON_COUNT_] = {
	[PLAIT_REASON_NONE] = { "none", "it has not ended", false, false },
	[PLAIT_REASON_CLOSED] = { "closed", "closed by this side", false, false },
	[PLAIT_REASON_ABORTED] = { "aborted", "aborted by this side", false, true },
	[PLAIT_REASON_PEER_CLOSED] = { "peer-closed", "closed by the peer", false, false },
	[PLAIT_REASON_RESET] = { "reset", "the connection was reset or broke", true, false },
	[PLAIT_REASON_REFUSED] = { "refused", "the protocol refused the connection", false, true },
	[PLAIT_REASON_TIMEOUT_HANDSHAKE] = { "timeout-handshake", "the TLS handshake took too long", true,
					     true },
	[PLAIT_REASON_TIMEOUT_IDLE] = { "timeout-idle", "nothing moved for too long", false, true },
	[PLAIT_REASON_TIMEOUT_CLOSE] = { "timeout-close",
					 "the peer took nothing while closing; bytes were lost", true, true },
	[PLAIT_REASON_LIMIT_CONNECTIONS] = { "limit-connections",
					     "the listener has as many connections as allowed", true, true },
	[PLAIT_REASON_LIMIT_ADDRESS] = { "limit-address", "the address has as many connections as allowed",
					 true, true },
	[PLAIT_REASON_LIMIT_INPUT] = { "limit-input", "more input waits unread than allowed", true, true },
	[PLAIT_REASON_TLS_HANDSHAKE] = { "tls-handshake", "the TLS handshake failed", true, false },
	[PLAIT_REASON_TLS_PROTOCOL] = { "tls-protocol", "the peer broke the TLS protocol", true, false },
	[PLAIT_REASON_TLS_TRUNCATED] = { "tls-truncated",
					 "the stream ended without close_notify; bytes may be missing", true,
					 false },
	[PLAIT_REASON_PROTOCOL_ERROR] = { "protocol-error", "the peer broke the protocol", true, false },
	[PLAIT_REASON_MESSAGE_TOO_LONG] = { "message-too-long", "a message was longer than allowed", true,
					    false },
	[PLAIT_REASON_OVERFLOW] = { "overflow", "more output waits than the cap allows", true, true },
	[PLAIT_REASON_DRAIN] = { "drain", "the program is stopping", false, true },
	[PLAIT_REASON_INTERNAL] = { "internal", "this side is short of a resource", true, true },
	[PLAIT_REASON_TIMEOUT_PROTOCOL] = { "timeout-protocol", "the protocol waited for too long", false,
					    true },
	[PLAIT_REASON_TLS_CERTIFICATE] = { "tls-certificate", "the peer's certificate is not good", true,
					   false },
	[PLAIT_REASON_TLS_EARLY] = { "tls-early", "bytes came before TLS began, perhaps not from the peer",
				     true, true },
	[PLAIT_REASON_LIMIT_HANDSHAKES] = { "limit-handshakes",
					    "the listener has as many handshakes under way as allowed", true,
					    true },
	[PLAIT_REASON_TIMEOUT_PREAMBLE] = { "timeout-preamble", "the PROXY header took too long", true,
					    true },
	[PLAIT_REASON_PROXY_HEADER] = { "proxy-header", "the PROXY header is not good", true, true },
	[PLAIT_REASON_KICKED] = { "kicked", "an operator ended it", false, true },
	[PLAIT_REASON_TIMEOUT_FIRST_BYTE] = { "timeout-first-byte", "the peer said nothing for too long",
					      false, true },
	[PLAIT_REASON_TIMEOUT_MESSAGE] = { "timeout-message",
					   "the peer took too long to end a message that it had begun", true,
					   true },
	[PLAIT_REASON_TIMEOUT_WRITE] = { "timeout-write",
					 "the peer took nothing for too long; bytes were lost", true, true },
	[PLAIT_REASON_DENIED] = { "denied", "the listener does not let this address in", true, true },
	[PLAIT_REASON_LIMIT_SERVER] = { "limit-server", "the server has as many connections as allowed", true,
					true },
	[PLAIT_REASON_LIMIT_PREFIX] = { "limit-prefix",
					"the block of addresses has as many connections as allowed", true,
					true },
	[PLAIT_REASON_LIMIT_RATE] = { "limit-rate", "newcomers come faster than allowed", true, true },
	[PLAIT_REASON_LIMIT_ADDRESS_RATE] = { "limit-address-rate",
					      "newcomers come faster from this address than allowed", true,
					      true },
	[PLAIT_REASON_SHED] = { "shed", "the server held more than allowed, and here more than elsewhere",
				true, true },
	[PLAIT_REASON_LIFETIME] = { "lifetime", "it was open for as long as a connection may be", false,
				    false },
};

static bool known(enum plait_reason reason)
{
	return (unsigned)reason < PLAIT_REASON_COUNT_ && reasons[reason].name;
}

const char *plait_reason_name(enum plait_reason reason)
{
	return known(reason) ? reasons[reason].name : "unknown";
}

const char *plait_reason_text(enum plait_reason reason)
{
	return known(reason) ? reasons[reason].text : "a reason this version does not know";
}

bool plait_reason_is_error(enum plait_reason reason)
{
	return known(reason) ? reasons[reason].is_error : true;
}

bool reason_resets(enum plait_reason reason)
{
	return known(reason) && reasons[reason].resets;
}

bool reason_is_limit(enum plait_reason reason)
{
	return strncmp(plait_reason_name(reason), "limit-", 6) == 0;
}
