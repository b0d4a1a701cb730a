/* Sending datagrams with sendmmsg and, where the kernel has it, generic segmentation offload. */
#include "core/net/datagram/out.h"

#include <errno.h>
#include <netinet/udp.h>

#include "core/net/net.h"

/* What a train carries at most: IPv6's datagram is the shortest, with a few options to spare. */
#define TRAIN_BYTES 65000

void datagram_out_init(struct datagram_out *out)
{
	for (unsigned i = 0; i < DATAGRAM_TRAINS; i++)
		out->headers[i].msg_hdr = (struct msghdr){ .msg_name = &out->names[i].u,
							   .msg_control = &out->controls[i] };
}

void datagram_socket_init(struct datagram_socket *socket, int fd, struct net_counters *counters)
{
	int size;
	socklen_t len = sizeof(size);
	/* A kernel that does not know segmentation would send a train as one datagram. */
	bool trains = getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, &len) == 0;
	*socket = (struct datagram_socket){ .fd = fd,
					    .train_max = trains ? TRAIN_BYTES / 2 : 0,
					    .counters = counters };
}

/* What the kernel says to a datagram of a connected socket may be an earlier one's fault, told once; it is tried again. */
#define TRIES 4

static void count_datagrams(const struct datagram_out *out, atomic_ullong *counter, unsigned first,
			    unsigned trains)
{
	unsigned datagrams = 0;
	for (unsigned i = first; i < first + trains; i++)
		datagrams += out->train[i].count;
	counter_add(counter, datagrams);
}

static bool send_one(struct datagram_socket *socket, const struct msghdr *message)
{
	unsigned tries = socket->connected ? TRIES : 1;
	bool went = false;
	for (; !went && tries > 0; tries--) {
		do
			went = sendmsg(socket->fd, message, MSG_NOSIGNAL) >= 0;
		while (!went && errno == EINTR);
		socket->failed |= !went;
	}
	return went;
}

/* Sends the datagrams of a train one by one. Returns whether any went. */
static bool send_apart(struct datagram_out *out, unsigned which)
{
	const struct datagram_train *train = &out->train[which];
	struct msghdr message = out->headers[which].msg_hdr;
	const struct iovec *part = message.msg_iov;
	size_t offset = 0;
	struct iovec one;
	bool any = false;
	message.msg_controllen = train->source_len;
	message.msg_control = train->source_len > 0 ? message.msg_control : NULL;
	message.msg_iov = &one;
	message.msg_iovlen = 1;
	for (size_t left = train->bytes; left > 0; left -= one.iov_len) {
		one.iov_base = (uint8_t *)part->iov_base + offset;
		one.iov_len = left < train->segment ? left : train->segment;
		bool went = send_one(out->socket, &message);
		counter_add(went ? &out->socket->counters->datagrams_out
				 : &out->socket->counters->datagrams_dropped,
			    1);
		any |= went;
		offset += one.iov_len;
		if (offset == part->iov_len) {
			part++;
			offset = 0;
		}
	}
	return any;
}

/* What the kernel says to a train may be true of the train alone; when it is, no more are tried in vain: none where a
 * device cannot sum (EIO), none of datagrams that do not fit a path in one piece (EINVAL, EMSGSIZE). */
static void refused(struct datagram_out *out, unsigned which, int code)
{
	const struct datagram_train *train = &out->train[which];
	if (train->count == 1)
		counter_add(&out->socket->counters->datagrams_dropped, 1);
	else if (send_apart(out, which) && code != ECONNREFUSED)
		out->socket->train_max = code == EIO ? 0 : train->segment - 1u;
}

void datagram_out_flush(struct datagram_out *out)
{
	unsigned done = 0, trains = out->trains, tries = 0;
	struct net_counters *counters = trains > 0 ? out->socket->counters : NULL;
	while (done < trains) {
		int took = sendmmsg(out->socket->fd, out->headers + done, trains - done, MSG_NOSIGNAL);
		if (took > 0) {
			count_datagrams(out, &counters->datagrams_out, done, (unsigned)took);
			done += (unsigned)took;
			tries = 0;
			if (done < trains)
				out->socket->failed = true;
		} else if (took < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			count_datagrams(out, &counters->datagrams_dropped, done, trains - done);
			break;
		} else if (took < 0 && errno == EINTR) {
			continue;
		} else if (took < 0 && out->socket->connected && ++tries < TRIES) {
			out->socket->failed = true;
		} else if (took < 0) {
			refused(out, done++, errno);
			tries = 0;
		}
	}
	out->trains = out->parts_used = 0;
	out->bytes_used = 0;
}

/* Whether the datagram may travel behind the ones added last. */
static bool joins(const struct datagram_out *out, const struct datagram_name *to,
		  const struct datagram_source *from, size_t len)
{
	if (out->trains == 0)
		return false;
	unsigned last = out->trains - 1;
	const struct datagram_train *train = &out->train[last];
	return train->open && len > 0 && len <= train->segment && train->bytes + len <= TRAIN_BYTES &&
	       datagram_name_equal(&out->names[last], to) && train->source_len == from->len &&
	       (from->len == 0 || memcmp(out->controls[last].bytes, from->u.bytes, from->len) == 0);
}

static void begin(struct datagram_out *out, const struct datagram_name *to,
		  const struct datagram_source *from, size_t len)
{
	unsigned i = out->trains++;
	struct msghdr *message = &out->headers[i].msg_hdr;
	out->train[i] = (struct datagram_train){ .bytes = (uint32_t)len,
						 .segment = (uint16_t)len,
						 .count = 1,
						 .source_len = (uint8_t)from->len,
						 .open = len > 0 && len <= out->socket->train_max };
	out->names[i] = *to;
	message->msg_namelen = to->len;
	if (from->len > 0)
		memcpy(out->controls[i].bytes, from->u.bytes, from->len);
	message->msg_controllen = from->len;
	message->msg_iov = &out->parts[out->parts_used];
	message->msg_iovlen = 0;
}

static void join(struct datagram_out *out, size_t len)
{
	unsigned i = out->trains - 1;
	struct datagram_train *train = &out->train[i];
	if (train->count++ == 1) {
		struct cmsghdr *control = (struct cmsghdr *)(void *)(out->controls[i].bytes +
								     train->source_len);
		*control = (struct cmsghdr){ .cmsg_level = IPPROTO_UDP,
					     .cmsg_type = UDP_SEGMENT,
					     .cmsg_len = CMSG_LEN(sizeof(train->segment)) };
		memcpy(CMSG_DATA(control), &train->segment, sizeof(train->segment));
		out->headers[i].msg_hdr.msg_controllen = train->source_len +
							 CMSG_SPACE(sizeof(train->segment));
	}
	train->bytes += (uint32_t)len;
	train->open = len == train->segment && train->count < DATAGRAM_SEGMENTS_MAX;
}

static void add_part(struct datagram_out *out, const uint8_t *bytes, size_t len)
{
	struct msghdr *message = &out->headers[out->trains - 1].msg_hdr;
	if (message->msg_iovlen > 0) {
		struct iovec *last = &message->msg_iov[message->msg_iovlen - 1];
		if ((const uint8_t *)last->iov_base + last->iov_len == bytes) {
			last->iov_len += len;
			return;
		}
	}
	out->parts[out->parts_used++] = (struct iovec){ (void *)bytes, len };
	message->msg_iovlen++;
}

void datagram_out_add(struct datagram_out *out, struct datagram_socket *socket,
		      const struct datagram_name *to, const struct datagram_source *from, const void *data,
		      size_t len, bool stays)
{
	if (out->socket != socket || out->trains == DATAGRAM_TRAINS || out->parts_used == DATAGRAM_PARTS ||
	    (!stays && len > sizeof(out->bytes) - out->bytes_used))
		datagram_out_flush(out);
	out->socket = socket;
	if (!stays && len > 0) {
		data = memcpy(out->bytes + out->bytes_used, data, len);
		out->bytes_used += len;
	}
	if (joins(out, to, from, len))
		join(out, len);
	else
		begin(out, to, from, len);
	add_part(out, data, len);
}
