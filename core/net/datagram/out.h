/* Sending datagrams: many at a time, and those of one size to one peer as one train, where the kernel has that. */
#ifndef NET_DATAGRAM_OUT_H
#define NET_DATAGRAM_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/net/datagram/datagram.h"

#define DATAGRAM_TRAINS 32
#define DATAGRAM_PARTS 256

struct net_counters;

/* Where datagrams leave. */
struct datagram_socket {
	int fd;
	bool connected;   /* datagrams need no name; what earlier ones caused fails later ones */
	bool failed;      /* one did since this was last reset: there are errors to read */
	size_t train_max; /* the largest datagram that travels in a train; 0: none does */
	struct net_counters *counters;
};

/* Datagrams of one size, but for the last which may be shorter, from one address to one. */
struct datagram_train {
	uint32_t bytes;
	uint16_t segment;
	uint8_t count;
	uint8_t source_len; /* of the control message that names our address */
	bool open;          /* for more */
};

struct datagram_out {
	struct datagram_socket *socket; /* whose datagrams these are */
	unsigned trains, parts_used;
	size_t bytes_used;
	struct datagram_train train[DATAGRAM_TRAINS];
	struct mmsghdr headers[DATAGRAM_TRAINS];
	struct datagram_name names[DATAGRAM_TRAINS];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
	} controls[DATAGRAM_TRAINS];
	struct iovec parts[DATAGRAM_PARTS];
	uint8_t bytes[4 * DATAGRAM_MAX]; /* sent when it is full */
};

/* Once, on zeroed memory. */
void datagram_out_init(struct datagram_out *out);

/* counters: those of the loop that sends. */
void datagram_socket_init(struct datagram_socket *socket, int fd, struct net_counters *counters);

/* Adds one datagram, at most 65,507 bytes; sends first what is there when it is another socket's or too much. stays:
 * the bytes stay where they are until datagram_out_flush, else they are copied. */
void datagram_out_add(struct datagram_out *out, struct datagram_socket *socket,
		      const struct datagram_name *to, const struct datagram_source *from, const void *data,
		      size_t len, bool stays);

/* Sends what is there. A datagram the kernel refuses is dropped alone; when it takes no more at all, the rest goes
 * too: datagrams are better lost than late, and memory stays bounded. */
void datagram_out_flush(struct datagram_out *out);

#endif
