/* Datagrams: received and sent many at a time. */
#include "core/net/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait/error.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/net.h"

#define BATCH 32
#define DATAGRAM_MAX 65536
/* What one event may receive before the loop's others have their turn. */
#define ROUNDS_MAX 4

/* Room for both: of an IPv4 datagram, an IPv6 socket gives both. */
union pktinfo {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo))];
};

struct incoming {
	struct mmsghdr headers[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage names[BATCH];
	union pktinfo controls[BATCH];
	uint8_t bytes[BATCH][DATAGRAM_MAX];
};

struct outgoing {
	struct mmsghdr headers[BATCH];
	struct iovec parts[BATCH];
	struct sockaddr_storage names[BATCH];
	union pktinfo controls[BATCH];
	struct plait_port *port; /* whose datagrams these are */
	unsigned count;
	size_t used;
	uint8_t bytes[4 * DATAGRAM_MAX]; /* sent when it is full */
};

/* One a loop: ports take turns. */
struct datagram_batch {
	struct incoming in;
	struct outgoing out;
};

struct plait_port {
	struct watch watch;
	struct plait_loop *loop;
	struct plait_factory *factory;
	struct plait_addr local;
	int fd, family;
	const struct plait_addr *answering; /* the sender of the datagram in whose callback we are */
	const struct msghdr *question;
};

void datagram_batch_free(struct datagram_batch **batch)
{
	free(*batch);
	*batch = NULL;
}

static struct datagram_batch *batch_of(struct plait_loop *loop)
{
	if (!loop->net->datagrams)
		loop->net->datagrams = calloc(1, sizeof(struct datagram_batch));
	if (!loop->net->datagrams) {
		fputs("plait: no memory for datagrams\n", stderr);
		abort();
	}
	return loop->net->datagrams;
}

static void drop(struct plait_port *port, unsigned count)
{
	counter_add(&port->loop->net->counters.datagrams_dropped, count);
}

/* A datagram the kernel refuses is dropped alone; when it takes no more at all, the rest goes too: datagrams are
 * better lost than late, and memory stays bounded. */
static void flush(struct outgoing *out)
{
	struct plait_port *port = out->port;
	unsigned done = 0;
	while (done < out->count) {
		int sent = sendmmsg(port->fd, out->headers + done, out->count - done, MSG_NOSIGNAL);
		if (sent > 0) {
			done += (unsigned)sent;
			counter_add(&port->loop->net->counters.datagrams_out, (unsigned)sent);
		} else if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			drop(port, out->count - done);
			break;
		} else if (sent < 0 && errno != EINTR) {
			drop(port, 1);
			done++;
		}
	}
	out->count = 0;
	out->used = 0;
}

/* Writes the control message for an answer to the question that came with this one; 0 when it is of another kind. No
 * interface is asked for: the way back is the routing table's to find, but for addresses that mean nothing without. */
static size_t write_source(const struct cmsghdr *asked, struct cmsghdr *control)
{
	if (asked->cmsg_level == IPPROTO_IP && asked->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;
		memcpy(&info, CMSG_DATA(asked), sizeof(info));
		info.ipi_ifindex = 0;
		*control = *asked;
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	if (asked->cmsg_level == IPPROTO_IPV6 && asked->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;
		memcpy(&info, CMSG_DATA(asked), sizeof(info));
		if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			info.ipi6_ifindex = 0;
		*control = *asked;
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}
	return 0;
}

/* The address a question came to is the one its answer leaves from. Where IPv4's own message is there it counts: it
 * alone names an address of ours when the question was a broadcast. */
static void answer_from(const struct msghdr *question, struct msghdr *answer, union pktinfo *control)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(question); header;
	     header = CMSG_NXTHDR((struct msghdr *)question, header)) {
		size_t size = write_source(header, &control->header);
		if (size == 0)
			continue;
		answer->msg_control = control;
		answer->msg_controllen = size;
		if (header->cmsg_level == IPPROTO_IP)
			return;
	}
}

int plait_send(struct plait_port *port, const struct plait_addr *to, const void *data, size_t len)
{
	loop_assert_here(port->loop);
	if (port->fd < 0)
		return PLAIT_ERROR_CLOSING;
	struct outgoing *out = &batch_of(port->loop)->out;
	if (len > DATAGRAM_MAX - 29) /* what is left of 64 KiB behind the shortest headers */
		return PLAIT_ERROR_INVALID;
	if (out->port != port || out->count == BATCH || len > sizeof(out->bytes) - out->used)
		flush(out);
	out->port = port;
	unsigned i = out->count;
	socklen_t name_len = addr_to_sockaddr(to, port->family, &out->names[i]);
	if (name_len == 0)
		return PLAIT_ERROR_INVALID;
	uint8_t *bytes = out->bytes + out->used;
	if (len > 0)
		memcpy(bytes, data, len);
	out->parts[i] = (struct iovec){ bytes, len };
	out->headers[i].msg_hdr = (struct msghdr){ .msg_name = &out->names[i],
						   .msg_namelen = name_len,
						   .msg_iov = &out->parts[i],
						   .msg_iovlen = 1 };
	if (port->answering && plait_addr_equal(port->answering, to))
		answer_from(port->question, &out->headers[i].msg_hdr, &out->controls[i]);
	out->count++;
	out->used += len;
	if (!port->question) /* no end of a batch is near */
		flush(out);
	return 0;
}

static void prepare(struct incoming *in)
{
	for (unsigned i = 0; i < BATCH; i++) {
		in->parts[i] = (struct iovec){ in->bytes[i], DATAGRAM_MAX };
		in->headers[i].msg_hdr = (struct msghdr){ .msg_name = &in->names[i],
							  .msg_namelen = sizeof(in->names[i]),
							  .msg_iov = &in->parts[i],
							  .msg_iovlen = 1,
							  .msg_control = &in->controls[i],
							  .msg_controllen = sizeof(in->controls[i]) };
	}
}

static void receive(struct plait_port *port, struct incoming *in, unsigned count)
{
	counter_add(&port->loop->net->counters.datagrams_in, count);
	for (unsigned i = 0; i < count && port->fd >= 0; i++) {
		struct msghdr *header = &in->headers[i].msg_hdr;
		struct plait_addr from;
		addr_from_sockaddr(header->msg_name, header->msg_namelen, &from);
		port->answering = &from;
		port->question = header;
		port->factory->protocol->datagram(port, &from, in->bytes[i], in->headers[i].msg_len);
		port->answering = NULL;
	}
	flush(&batch_of(port->loop)->out);
	port->question = NULL;
}

static void on_readable(struct watch *watch, unsigned ready)
{
	struct plait_port *port = CONTAINER_OF(watch, struct plait_port, watch);
	struct incoming *in = &batch_of(port->loop)->in;
	(void)ready;
	for (unsigned round = 0; round < ROUNDS_MAX && port->fd >= 0; round++) {
		prepare(in);
		int got = recvmmsg(port->fd, in->headers, BATCH, 0, NULL);
		if (got <= 0)
			return; /* EAGAIN, or an error of an earlier send, which is nobody's */
		receive(port, in, (unsigned)got);
		if (got < BATCH)
			return;
	}
}

struct plait_port *port_new(struct plait_loop *loop, struct plait_factory *factory, int fd)
{
	struct plait_port *port = calloc(1, sizeof(*port));
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	if (!port) {
		close(fd);
		return NULL;
	}
	port->loop = loop;
	port->factory = factory;
	port->fd = fd;
	if (getsockname(fd, (struct sockaddr *)&sa, &len) == 0) {
		port->family = sa.ss_family;
		addr_from_sockaddr((struct sockaddr *)&sa, len, &port->local);
	}
	return port;
}

void port_start(struct plait_port *port)
{
	batch_of(port->loop);
	watch_init(&port->watch, port->loop, port->fd, on_readable);
	watch_set(&port->watch, WATCH_READ);
}

void port_stop(struct plait_port *port)
{
	if (port->fd < 0)
		return;
	watch_set(&port->watch, WATCH_NONE);
	close(port->fd);
	port->fd = -1;
}

void port_free(struct plait_port **port_at)
{
	struct plait_port *port = *port_at;
	*port_at = NULL;
	if (port && port->fd >= 0)
		close(port->fd);
	free(port);
}

struct plait_factory *plait_port_factory(const struct plait_port *port)
{
	return port->factory;
}

const void *plait_port_options(const struct plait_port *port)
{
	return port->factory->options;
}

struct plait_loop *plait_port_loop(const struct plait_port *port)
{
	return port->loop;
}

const struct plait_addr *plait_port_local(const struct plait_port *port)
{
	return &port->local;
}
