/* Which IPv4 addresses are broadcast ones, so that sending to them without leave is an error, not a datagram lost. */
#ifndef NET_DATAGRAM_BROADCAST_H
#define NET_DATAGRAM_BROADCAST_H

#include <plait/addr.h>

#include "core/loop/loop.h"

struct broadcasts;
void broadcasts_free(struct broadcasts **broadcasts);

/* For broadcast_is_one. */
bool broadcast_known(struct plait_loop *loop, const struct plait_addr *addr);

/* As far as this host's interfaces say; what changed there within the last second may not be known yet. On the loop. */
static inline bool broadcast_is_one(struct plait_loop *loop, const struct plait_addr *addr)
{
	/* A network with a broadcast address has two bits of hosts at least. */
	return addr->family == PLAIT_FAMILY_IPV4 && (addr->u.bytes[3] & 3) == 3 &&
	       broadcast_known(loop, addr);
}

#endif
