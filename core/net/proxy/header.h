/* The PROXY protocol's headers, versions 1 and 2, as they come: a function of bytes, without I/O. */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <plait/addr.h>

/* The specification's bound of a line, its CRLF included. */
#define PROXY_LINE_MAX 107

/* Of version 2 as a whole. The specification wants a header to fit a segment of 536 bytes; proxies that hand on a client's
 * certificate need about 2 KiB. The length field alone would let a sender ask for 64 KiB before a byte is checked. */
#define PROXY_HEADER_MAX 4096

#define PROXY_PATH_MAX 108 /* of a UNIX socket, not always ended by a NUL */

enum proxy_verdict {
	PROXY_MORE,   /* so far it is good */
	PROXY_DONE,   /* the first len bytes are a header */
	PROXY_NONE,   /* it does not begin as a header does */
	PROXY_BROKEN, /* it does, and is none: fault tells why */
};

struct proxy_header {
	size_t len;
	const char *fault;
	bool begun;      /* MORE: whatever follows, it is a header or a broken one */
	uint8_t version; /* 1 or 2 */
	bool addressed;  /* it names who is connected to whom; else these are who they seem to be */
	struct plait_addr source, destination;
	size_t paths; /* where the source's path begins, and behind it the destination's; 0: there are none */
	size_t tlvs, tlvs_len; /* where they begin, and their length; sound */
};

/* What the first len bytes of a connection are. Ask again with more of them as long as that is MORE: the answer does not
 * depend on how they were cut. */
enum proxy_verdict proxy_header_read(const uint8_t *data, size_t len, struct proxy_header *header);

/* For header.c: it begins with the version's signature, as far as it goes. */
enum proxy_verdict proxy_line_read(const uint8_t *data, size_t len, struct proxy_header *header);
enum proxy_verdict proxy_binary_read(const uint8_t *data, size_t len, struct proxy_header *header);

#define PROXY_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_SIGNATURE_LEN 12

static inline enum proxy_verdict proxy_broken(struct proxy_header *header, const char *fault)
{
	header->fault = fault;
	return PROXY_BROKEN;
}

#endif
