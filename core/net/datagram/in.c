/* Receiving datagrams with recvmmsg and, where the kernel has it, generic receive offload. */
#include "core/net/datagram/in.h"

#include <netinet/udp.h>

void datagram_in_init(struct datagram_in *in)
{
	for (unsigned i = 0; i < DATAGRAM_SLOTS; i++) {
		in->parts[i] = (struct iovec){ (void *)datagram_in_bytes(in, i), DATAGRAM_MAX };
		in->headers[i].msg_hdr = (struct msghdr){ .msg_name = &in->names[i].u,
							  .msg_iov = &in->parts[i],
							  .msg_iovlen = 1,
							  .msg_control = &in->controls[i] };
	}
	in->filled = DATAGRAM_SLOTS;
}

void datagram_in_coalesce(int fd)
{
	int on = 1;
	/* An older kernel does not know it, and coalesces nothing. */
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

unsigned datagram_in_receive(struct datagram_in *in, int fd)
{
	for (unsigned i = 0; i < in->filled; i++) {
		in->headers[i].msg_hdr.msg_namelen = sizeof(in->names[i].u);
		in->headers[i].msg_hdr.msg_controllen = sizeof(in->controls[i]);
	}
	int got = recvmmsg(fd, in->headers, DATAGRAM_SLOTS, 0, NULL);
	in->filled = got > 0 ? (unsigned)got : 0;
	for (unsigned i = 0; i < in->filled; i++)
		in->names[i].len = in->headers[i].msg_hdr.msg_namelen;
	return in->filled;
}

size_t datagram_in_segment(const struct datagram_in *in, unsigned slot)
{
	const struct msghdr *message = &in->headers[slot].msg_hdr;
	size_t len = in->headers[slot].msg_len;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR((struct msghdr *)message, header)) {
		int size;
		if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != UDP_GRO ||
		    header->cmsg_len < CMSG_LEN(sizeof(size)))
			continue;
		memcpy(&size, CMSG_DATA(header), sizeof(size));
		if (size > 0 && (size_t)size < len)
			return (size_t)size;
	}
	return len;
}

/* Writes the control message for an answer to the question that came with this one; false when it is of another kind.
 * No interface is asked for: the way back is the routing table's to find, but for addresses that mean nothing
 * without. */
static bool write_source(const struct cmsghdr *asked, struct datagram_source *source)
{
	struct cmsghdr *control = &source->u.header;
	if (asked->cmsg_level == IPPROTO_IP && asked->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(asked), sizeof(info));
		info.ipi_ifindex = 0;
		*control = *asked;
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		source->len = CMSG_SPACE(sizeof(info));
		return true;
	}
	if (asked->cmsg_level == IPPROTO_IPV6 && asked->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(asked), sizeof(info));
		if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
			return false; /* a group is nobody's own address */
		if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			info.ipi6_ifindex = 0;
		*control = *asked;
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		source->len = CMSG_SPACE(sizeof(info));
		return true;
	}
	return false;
}

void datagram_in_source(const struct datagram_in *in, unsigned slot, struct datagram_source *source)
{
	const struct msghdr *question = &in->headers[slot].msg_hdr;
	source->len = 0;
	/* Where IPv4's own message is there it counts: it alone names an address of ours when the question was a
	 * broadcast. */
	for (struct cmsghdr *header = CMSG_FIRSTHDR(question); header;
	     header = CMSG_NXTHDR((struct msghdr *)question, header)) {
		if (write_source(header, source) && header->cmsg_level == IPPROTO_IP)
			return;
	}
}
