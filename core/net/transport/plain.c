/* The plain transport: a stream socket as it is. */
#include "core/net/transport/plain.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "core/base/pipe_signal.h"
#include "core/base/uncancelled.h"

static int plain_open(struct transport *transport, int fd, void *context)
{
	(void)context;
	transport_socket_open(transport, fd);
	return 0;
}

static ssize_t plain_read(struct transport *transport, void *buffer, size_t size)
{
	for (;;) {
		ssize_t got = uncancelled_recv(transport_fd(transport), buffer, size);
		if (got >= 0)
			return got;
		if (errno == EAGAIN)
			return TRANSPORT_WANT_READ;
		if (errno != EINTR)
			return transport_fail_errno("recv");
	}
}

static ssize_t not_sent(ssize_t sent)
{
	return sent == 0 || errno == EAGAIN ? (ssize_t)TRANSPORT_WANT_WRITE : transport_fail_errno("send");
}

ssize_t plain_write(struct transport *transport, const void *data, size_t len)
{
	for (;;) {
		ssize_t sent = uncancelled_send(transport_fd(transport), data, len);
		if (sent > 0)
			return sent;
		if (sent == 0 || errno != EINTR)
			return not_sent(sent);
	}
}

ssize_t plain_writev(struct transport *transport, const struct iovec *parts, int count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count };
	for (;;) {
		ssize_t sent = sendmsg(transport_fd(transport), &message, MSG_NOSIGNAL);
		if (sent > 0)
			return sent;
		if (sent == 0 || errno != EINTR)
			return not_sent(sent);
	}
}

static ssize_t send_unsignalled(int socket, int file, off_t offset, size_t len)
{
	sigset_t before;
	pipe_signal_block(&before);
	ssize_t sent = sendfile(socket, file, &offset, len);
	pipe_signal_restore(&before, sent);
	return sent;
}

/* What the file, and not the socket, may be the reason of. */
static bool is_about_the_file(int code)
{
	return code == EINVAL || code == ENOSYS || code == EOPNOTSUPP || code == EIO || code == EOVERFLOW ||
	       code == ESPIPE || code == EBADF;
}

ssize_t plain_sendfile(struct transport *transport, int file, uint64_t offset, size_t len)
{
	for (;;) {
		ssize_t sent = send_unsignalled(transport_fd(transport), file, (off_t)offset, len);
		if (sent >= 0)
			return sent;
		if (is_about_the_file(errno))
			return TRANSPORT_UNABLE;
		if (errno != EINTR)
			return not_sent(sent);
	}
}

static bool plain_arrived(const struct transport *transport)
{
	int bytes = 0;
	return ioctl(transport_fd(transport), FIONREAD, &bytes) == 0 && bytes > 0;
}

static ssize_t plain_shutdown(struct transport *transport)
{
	if (shutdown(transport_fd(transport), SHUT_WR) < 0)
		return transport_fail_errno("shutdown");
	return TRANSPORT_END;
}

const struct transport_ops transport_plain = {
	.open = plain_open,
	.read = plain_read,
	.write = plain_write,
	.writev = plain_writev,
	.sendfile = plain_sendfile,
	.shutdown = plain_shutdown,
	.close_ends = true,
	.close = transport_socket_close,
	.unacknowledged = transport_socket_unacknowledged,
	.want = transport_socket_want,
	.secure = &transport_tls,
	.arrived = plain_arrived,
};
