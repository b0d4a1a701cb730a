/* Connecting one socket without waiting for it. */
#include "core/net/client/attempt.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/loop/loop.h"
#include "core/net/famine.h"
#include "core/net/socket/socket.h"

/* Takes the socket out of the loop and out of the attempt. */
static int take_socket(struct attempt *attempt)
{
	int fd = attempt->watch.fd;
	watch_set(&attempt->watch, WATCH_NONE);
	attempt->watch.fd = -1;
	return fd;
}

/* A port that nobody listens on may be the one the kernel chose for us: then TCP connects a socket to itself. */
static bool met_itself(int fd)
{
	struct sockaddr_storage here = { 0 }, there = { 0 };
	socklen_t here_len = sizeof(here), there_len = sizeof(there);
	if (getsockname(fd, (struct sockaddr *)&here, &here_len) < 0 ||
	    getpeername(fd, (struct sockaddr *)&there, &there_len) < 0)
		return false;
	return here.ss_family != AF_UNIX && here_len == there_len && memcmp(&here, &there, here_len) == 0;
}

static int outcome(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error == 0 && met_itself(fd) ? ECONNREFUSED : error;
}

static void on_ready(struct watch *watch, unsigned ready)
{
	struct attempt *attempt = CONTAINER_OF(watch, struct attempt, watch);
	(void)ready;
	int fd = take_socket(attempt), error = outcome(fd);
	if (error) {
		famine_close(fd);
		fd = -1;
	}
	attempt->fn(attempt, fd, error);
}

static int leave_from(int fd, const struct attempt *attempt)
{
	int on = 1;
	struct plait_addr from;
	addr_from_sockaddr((const struct sockaddr *)&attempt->from, attempt->from_len, &from);
	/* A port of our own may linger from the connection before; one that the system is to choose is chosen when it
	 * connects, and serves towards many servers. */
	if (from.port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (const struct sockaddr *)&attempt->from, attempt->from_len);
}

static int begin(int fd, const struct attempt *attempt)
{
	if (attempt->to.ss_family != AF_UNIX)
		socket_tune(fd, attempt->settings);
	if (attempt->from.ss_family != AF_UNSPEC && leave_from(fd, attempt) < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&attempt->to, attempt->to_len) < 0 && errno != EINPROGRESS)
		return errno;
	return 0;
}

static int sockets_start(struct attempt *attempt)
{
	int fd = socket(attempt->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int error = begin(fd, attempt);
	watch_init(&attempt->watch, attempt->loop, fd, on_ready);
	if (error == 0 && watch_set(&attempt->watch, WATCH_WRITE) < 0)
		error = errno;
	if (error)
		famine_close(fd);
	return error;
}

static void sockets_cancel(struct attempt *attempt)
{
	famine_close(take_socket(attempt));
}

const struct attempt_ops attempt_sockets = { .start = sockets_start, .cancel = sockets_cancel };
