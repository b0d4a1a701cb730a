/* Receiving datagrams: many at a time, each slot perhaps several datagrams of one sender that the kernel coalesced. */
#ifndef NET_DATAGRAM_IN_H
#define NET_DATAGRAM_IN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/net/datagram/datagram.h"

#define DATAGRAM_SLOTS 32

/* Slots that are 64 KiB apart share one set of every cache; these are a page and a few lines further apart, so that
 * the beginnings of small datagrams do not drive each other out. */
#define DATAGRAM_SLOT_SPACING (DATAGRAM_MAX + 4096 + 256)

/* Room for what may come with a datagram: where it came to (an IPv4 one on an IPv6 socket says it twice), and the size
 * of its parts. */
union datagram_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
		   CMSG_SPACE(sizeof(int))];
};

struct datagram_in {
	struct mmsghdr headers[DATAGRAM_SLOTS];
	struct iovec parts[DATAGRAM_SLOTS];
	struct datagram_name names[DATAGRAM_SLOTS];
	union datagram_control controls[DATAGRAM_SLOTS];
	unsigned filled; /* slots whose headers the kernel has changed */
	uint8_t bytes[(size_t)DATAGRAM_SLOTS * DATAGRAM_SLOT_SPACING];
};

/* Once, on zeroed memory. */
void datagram_in_init(struct datagram_in *in);

/* Asks the kernel to hand over coalesced what came coalesced, where it can. */
void datagram_in_coalesce(int fd);

/* Fills slots from the socket; what was in them is gone. Returns how many; 0: there is nothing, or an error of an
 * earlier send, which is nobody's. */
unsigned datagram_in_receive(struct datagram_in *in, int fd);

static inline const uint8_t *datagram_in_bytes(const struct datagram_in *in, unsigned slot)
{
	return in->bytes + (size_t)slot * DATAGRAM_SLOT_SPACING;
}

/* Whether data lies in a slot: it stays there until the next datagram_in_receive. */
static inline bool datagram_in_holds(const struct datagram_in *in, const void *data)
{
	return (uintptr_t)data - (uintptr_t)in->bytes < sizeof(in->bytes);
}

/* The size of the datagrams in a slot, the last of which may be shorter. */
size_t datagram_in_segment(const struct datagram_in *in, unsigned slot);

/* What an answer to what is in the slot needs to leave from the address that it came to. */
void datagram_in_source(const struct datagram_in *in, unsigned slot, struct datagram_source *source);

#endif
