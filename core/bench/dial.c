/* Sockets to the server under test. */
#include "core/bench/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/net/socket/socket.h"

#define PROBE_TIMEOUT_MS 5000
#define PORT_RANGE "/proc/sys/net/ipv4/ip_local_port_range"
#define SOURCES 65000 /* 127.0.0.2 and on */

static void use(struct dial *dial, const struct sockaddr_storage *sa, socklen_t len)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
	dial->to = *sa;
	dial->len = len;
	dial->loopback = sa->ss_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

/* Whether a connection comes about; it is closed at once. */
static bool probe(const struct dial *dial)
{
	bool done;
	int fd = dial_open(dial, 0, &done), reached = done;
	if (fd < 0)
		return false;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	if (!done && poll(&ready, 1, PROBE_TIMEOUT_MS) == 1)
		reached = dial_check(dial, fd) == 1;
	close(fd);
	return reached;
}

int dial_init(struct dial *dial, const struct endpoint *endpoint, struct plait_error *error)
{
	struct socket_addresses found;
	*dial = (struct dial){ .type = endpoint->scheme == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM };
	int result = socket_resolve(endpoint, &found, error);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < found.count; i++) {
		use(dial, &found.items[i].sa, found.items[i].len);
		if (found.count == 1 || probe(dial))
			return 0;
	}
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "none of the %u addresses of \"%s\" answers",
			       found.count, endpoint->host);
}

/* The port is chosen when the connection is made, so that one can serve towards different servers. */
static int leave_from(int fd, uint32_t source)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source % SOURCES) };
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&from, sizeof(from));
}

int dial_open(const struct dial *dial, uint32_t source, bool *done)
{
	int family = dial->to.ss_family, on = 1, saved;
	int fd = socket(family, dial->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	*done = false;
	if (fd < 0)
		return -1;
	if (source && dial->loopback && leave_from(fd, source) < 0)
		goto fail;
	if (family != AF_UNIX && dial->type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*done = connect(fd, (const struct sockaddr *)&dial->to, dial->len) == 0;
	if (*done || errno == EINPROGRESS)
		return fd;
fail:
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int dial_check(const struct dial *dial, int fd)
{
	if (connect(fd, (const struct sockaddr *)&dial->to, dial->len) == 0 || errno == EISCONN)
		return 1;
	return errno == EALREADY || errno == EINPROGRESS ? 0 : -1;
}

uint32_t dial_ports(const struct dial *dial)
{
	unsigned first = 32768, last = 60999;
	if (dial->to.ss_family == AF_UNIX)
		return 0;
	FILE *range = fopen(PORT_RANGE, "re");
	if (range) {
		if (fscanf(range, "%u %u", &first, &last) != 2 || last < first || last > UINT16_MAX) {
			first = 32768;
			last = 60999;
		}
		fclose(range);
	}
	return last - first + 1;
}
