/* Pipes as a transport: two descriptors, of which each is watched for its own direction. */
#include "core/net/transport/pipes.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/async/process.h"
#include "core/base/container.h"
#include "core/net/famine.h"

static void tell(struct pipes *pipes, unsigned ready)
{
	struct watch *watch = &pipes->transport->watch;
	watch->fn(watch, ready);
}

static void on_in(struct watch *watch, unsigned ready)
{
	tell(CONTAINER_OF(watch, struct pipes, in), ready);
}

static void on_out(struct watch *watch, unsigned ready)
{
	tell(CONTAINER_OF(watch, struct pipes, out), ready);
}

void pipes_init(struct pipes *pipes, struct plait_loop *loop, int in, int out)
{
	watch_init(&pipes->in, loop, in, on_in);
	watch_init(&pipes->out, loop, out, on_out);
}

static void end(struct watch *watch)
{
	watch_set(watch, WATCH_NONE);
	if (watch->fd >= 0)
		famine_close(watch->fd);
	watch->fd = -1;
}

static int pipes_open(struct transport *transport, int fd, void *context)
{
	struct pipes *pipes = context;
	(void)fd;
	transport->handle = pipes;
	pipes->transport = transport;
	return 0;
}

/* Done as soon as the loop asks again: made is not to run inside the call that spawns. */
static ssize_t pipes_handshake(struct transport *transport)
{
	struct pipes *pipes = transport->handle;
	return pipes->out.interest == WATCH_NONE ? TRANSPORT_WANT_WRITE : TRANSPORT_END;
}

/* A terminal whose last user has gone answers EIO. */
static ssize_t pipes_read(struct transport *transport, void *buffer, size_t size)
{
	struct pipes *pipes = transport->handle;
	for (;;) {
		ssize_t got = read(pipes->in.fd, buffer, size);
		if (got >= 0)
			return got;
		if (errno == EIO)
			return TRANSPORT_END;
		if (errno == EAGAIN)
			return TRANSPORT_WANT_READ;
		if (errno != EINTR)
			return transport_fail_errno("read");
	}
}

static ssize_t pipes_writev(struct transport *transport, const struct iovec *parts, int count)
{
	struct pipes *pipes = transport->handle;
	for (;;) {
		ssize_t sent = process_pipe_write(pipes->out.fd, parts, count);
		if (sent > 0)
			return sent;
		if (sent == 0 || errno == EAGAIN)
			return TRANSPORT_WANT_WRITE;
		if (errno != EINTR)
			return transport_fail_errno("write");
	}
}

static ssize_t pipes_write(struct transport *transport, const void *data, size_t len)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = len };
	return pipes_writev(transport, &part, 1);
}

static ssize_t pipes_shutdown(struct transport *transport)
{
	struct pipes *pipes = transport->handle;
	end(&pipes->out);
	return TRANSPORT_END;
}

static void pipes_close(struct transport *transport, bool reset)
{
	struct pipes *pipes = transport->handle;
	end(&pipes->in);
	end(&pipes->out);
	pipes->closed(pipes, reset);
}

static int want(struct watch *watch, unsigned interest)
{
	return watch->fd >= 0 ? watch_set(watch, interest) : 0;
}

static int pipes_want(struct transport *transport, unsigned interest)
{
	struct pipes *pipes = transport->handle;
	int in = want(&pipes->in, interest & WATCH_READ), out = want(&pipes->out, interest & WATCH_WRITE);
	return in < 0 || out < 0 ? -1 : 0;
}

/* A pipe tells either end what is in it. */
static size_t pipes_unacknowledged(const struct transport *transport)
{
	const struct pipes *pipes = transport->handle;
	int bytes = 0;
	return pipes->out.fd >= 0 && ioctl(pipes->out.fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes
											      : 0;
}

const struct transport_ops transport_pipes = {
	.open = pipes_open,
	.handshake = pipes_handshake,
	.read = pipes_read,
	.write = pipes_write,
	.writev = pipes_writev,
	.shutdown = pipes_shutdown,
	.close_ends = true,
	.close = pipes_close,
	.unacknowledged = pipes_unacknowledged,
	.want = pipes_want,
};
