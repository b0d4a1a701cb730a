/* What a reason means for the socket. */
#ifndef NET_REASON_H
#define NET_REASON_H

#include <plait/reason.h>

/* True when the peer must see a reset, for it would else take the cut for an orderly end. After a TLS failure it must
 * not: the alert is still on its way. */
bool reason_resets(enum plait_reason reason);

/* One of those of who was not let in, or not on, because there were too many. */
bool reason_is_limit(enum plait_reason reason);

#endif
