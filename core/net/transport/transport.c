/* What the transports share: the socket underneath, and the words for a failure. */
#include "core/net/transport/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/base/system_text.h"
#include "core/net/famine.h"

static _Thread_local struct {
	enum plait_reason reason;
	enum handshake_failure handshake;
	char text[200];
} failure;

void transport_init(struct transport *transport, const struct transport_ops *ops, struct plait_loop *loop,
		    watch_fn *fn)
{
	transport->ops = ops;
	transport->handle = NULL;
	watch_init(&transport->watch, loop, -1, fn);
}

ssize_t transport_fail(enum plait_reason reason, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(failure.text, sizeof(failure.text), format, args);
	va_end(args);
	failure.reason = reason;
	failure.handshake = HANDSHAKE_NO_FAILURE;
	return TRANSPORT_FAILED;
}

ssize_t transport_fail_handshake(enum handshake_failure kind)
{
	failure.handshake = kind;
	return TRANSPORT_FAILED;
}

ssize_t transport_fail_errno(const char *call)
{
	int code = errno;
	bool memory = code == ENOMEM || code == ENOBUFS;
	return transport_fail(memory ? PLAIT_REASON_INTERNAL : PLAIT_REASON_RESET, "%s: %s", call,
			      system_text(code));
}

enum plait_reason transport_failure(const char **text)
{
	*text = failure.text;
	return failure.reason;
}

enum handshake_failure transport_handshake_failure(void)
{
	return failure.handshake;
}

void transport_socket_open(struct transport *transport, int fd)
{
	transport->watch.fd = fd;
}

size_t transport_socket_unacknowledged(const struct transport *transport)
{
	int bytes = 0;
	return ioctl(transport_fd(transport), SIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

int transport_socket_want(struct transport *transport, unsigned interest)
{
	return watch_set(&transport->watch, interest);
}

void transport_socket_reset(int fd)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	famine_close(fd);
}

void transport_socket_close(struct transport *transport, bool reset)
{
	int fd = transport_fd(transport);
	if (fd < 0)
		return;
	watch_set(&transport->watch, WATCH_NONE);
	transport->watch.fd = -1;
	if (reset)
		transport_socket_reset(fd);
	else
		famine_close(fd);
}
