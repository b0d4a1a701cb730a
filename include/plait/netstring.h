/* Netstrings: "5:hello,"; after Twisted's NetstringReceiver. */
#ifndef PLAIT_NETSTRING_H
#define PLAIT_NETSTRING_H

#include <plait/frame.h>

/* Settings of plait_netstring_framing. */
struct plait_netstring {
	uint64_t max_length; /* of a message, in bytes */
};

/* Strict: a length has no leading zero, and a message that does not end in a comma is the end of the connection. What
 * is too long is known while its length arrives: plait_message_length is then what its first digits say, and it is at
 * least that long. Default: 99999 bytes. */
PLAIT_EXPORT extern const struct plait_framing plait_netstring_framing;

#endif
