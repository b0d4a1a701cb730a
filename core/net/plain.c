/* The plain transport: a stream socket as it is. */
#include <errno.h>
#include <sys/socket.h>

#include "core/net/transport.h"

static int plain_open(struct transport *transport, int fd, void *context)
{
	(void)context;
	transport_socket_open(transport, fd);
	return 0;
}

static ssize_t plain_read(struct transport *transport, void *buffer, size_t size)
{
	for (;;) {
		ssize_t got = recv(transport->fd, buffer, size, 0);
		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			return TRANSPORT_WANT_READ;
		if (errno != EINTR)
			return transport_fail_errno("recv");
	}
}

static ssize_t plain_writev(struct transport *transport, const struct iovec *parts, int count)
{
	for (;;) {
		ssize_t sent;
		if (count == 1) {
			sent = send(transport->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
		} else {
			struct msghdr message = { .msg_iov = (struct iovec *)parts,
						  .msg_iovlen = (size_t)count };
			sent = sendmsg(transport->fd, &message, MSG_NOSIGNAL);
		}
		if (sent > 0)
			return sent;
		if (sent == 0 || errno == EAGAIN)
			return TRANSPORT_WANT_WRITE;
		if (errno != EINTR)
			return transport_fail_errno("send");
	}
}

static bool plain_pending(const struct transport *transport)
{
	(void)transport;
	return false;
}

static ssize_t plain_shutdown(struct transport *transport)
{
	if (shutdown(transport->fd, SHUT_WR) < 0)
		return transport_fail_errno("shutdown");
	return TRANSPORT_END;
}

const struct transport_ops transport_plain = {
	.name = "plain",
	.open = plain_open,
	.read = plain_read,
	.writev = plain_writev,
	.pending = plain_pending,
	.shutdown = plain_shutdown,
	.close = transport_socket_close,
	.unacknowledged = transport_socket_unacknowledged,
	.want = transport_socket_want,
};
