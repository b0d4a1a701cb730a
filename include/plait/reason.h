/* Why a connection ended: the one word its protocol, the log and the counters agree on. */
#ifndef PLAIT_REASON_H
#define PLAIT_REASON_H

#include <stdbool.h>

#include <plait/abi.h>

/* New reasons are added at the end; treat one you do not know by plait_reason_is_error. */
enum plait_reason {
	PLAIT_REASON_NONE = 0,
	PLAIT_REASON_CLOSED,            /* plait_close: everything written was sent */
	PLAIT_REASON_ABORTED,           /* plait_abort */
	PLAIT_REASON_PEER_CLOSED,       /* the peer ended its side in order */
	PLAIT_REASON_RESET,             /* the peer reset the connection, or it broke */
	PLAIT_REASON_REFUSED,           /* the protocol's accept said no */
	PLAIT_REASON_TIMEOUT_HANDSHAKE, /* TLS handshake not done in time */
	PLAIT_REASON_TIMEOUT_IDLE,      /* nothing moved in either direction for too long */
	PLAIT_REASON_TIMEOUT_CLOSE,     /* closing, and the peer took nothing for too long: bytes were lost */
	PLAIT_REASON_LIMIT_CONNECTIONS, /* the listener is full */
	PLAIT_REASON_LIMIT_ADDRESS,     /* too many connections from one address */
	PLAIT_REASON_LIMIT_INPUT,       /* the protocol left more input unread than the bound allows */
	PLAIT_REASON_TLS_HANDSHAKE,     /* the TLS handshake failed */
	PLAIT_REASON_TLS_PROTOCOL,      /* a broken TLS record, or a renegotiation */
	PLAIT_REASON_TLS_TRUNCATED, /* the peer ended the stream without close_notify: bytes may be missing */
	PLAIT_REASON_PROTOCOL_ERROR,   /* the peer broke the plugin's protocol */
	PLAIT_REASON_MESSAGE_TOO_LONG, /* a message longer than the framing allows */
	PLAIT_REASON_OVERFLOW,         /* output grew beyond the cap */
	PLAIT_REASON_DRAIN,            /* the server is stopping */
	PLAIT_REASON_INTERNAL,         /* no memory, or a refusal by the system */
	PLAIT_REASON_TIMEOUT_PROTOCOL, /* plait_set_timeout's time passed, and the protocol has no timed_out */
	PLAIT_REASON_TLS_CERTIFICATE,  /* the peer's certificate is not good */
	PLAIT_REASON_TLS_EARLY,        /* the peer sent bytes before plait_start_tls began TLS */
	PLAIT_REASON_LIMIT_HANDSHAKES,   /* the listener has as many TLS handshakes under way as allowed */
	PLAIT_REASON_TIMEOUT_PREAMBLE,   /* the PROXY header did not come in time */
	PLAIT_REASON_PROXY_HEADER,       /* a PROXY header that is none, is missing, or is nobody's to send */
	PLAIT_REASON_KICKED,             /* an operator ended it */
	PLAIT_REASON_TIMEOUT_FIRST_BYTE, /* open, and the peer said nothing for too long */
	PLAIT_REASON_TIMEOUT_MESSAGE,    /* the peer began a message and did not end it in time */
	PLAIT_REASON_TIMEOUT_WRITE,      /* the peer took nothing of what waits for it for too long */
	PLAIT_REASON_LIFETIME,           /* it was open for as long as a connection may be */
	PLAIT_REASON_DENIED,             /* the listener does not let its address in */
	PLAIT_REASON_LIMIT_SERVER,       /* the server has as many connections as allowed */
	PLAIT_REASON_LIMIT_PREFIX,       /* too many connections from one block of addresses */
	PLAIT_REASON_LIMIT_RATE,         /* newcomers came too fast to the listener */
	PLAIT_REASON_LIMIT_ADDRESS_RATE, /* newcomers came too fast from one address */
	PLAIT_REASON_SHED, /* the server held too much for its peers, and for this one more than for others */
	PLAIT_REASON_COUNT_, /* how many this library knows; grows */
};

/* "peer-closed": the name in logs and counters. Any thread; static storage; "unknown" for what it does not know. */
PLAIT_EXPORT const char *plait_reason_name(enum plait_reason reason);

/* One sentence for a person. Any thread; static storage. */
PLAIT_EXPORT const char *plait_reason_text(enum plait_reason reason);

/* False for an orderly end. Any thread. */
PLAIT_EXPORT bool plait_reason_is_error(enum plait_reason reason);

#endif
