/* One end of a datagram as the kernel writes it, and which of our addresses it concerns. */
#ifndef NET_DATAGRAM_H
#define NET_DATAGRAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* The largest buffer that one call to the kernel fills or empties. */
#define DATAGRAM_MAX 65536

/* How many datagrams a coalesced buffer may hold either way; the kernel's own bound. */
#define DATAGRAM_SEGMENTS_MAX 64

struct datagram_name {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len;
};
_Static_assert(sizeof(struct datagram_name) == 32, "no padding: names are compared whole");

/* The control message that makes an answer leave from the address its question came to; len 0: none is needed. */
struct datagram_source {
	size_t len;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} u;
};

/* False, too, for one name behind which different bytes were left by longer ones: that costs a little, never harms. */
static inline bool datagram_name_equal(const struct datagram_name *a, const struct datagram_name *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
