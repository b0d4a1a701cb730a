/* Bound sockets: what the accepted ones inherit. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "core/net/socket.h"
#include "tests/unit/suite.h"

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	CU_ASSERT_EQUAL(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* A connection accepted by a listening socket with these settings. */
static int accepted(const struct socket_settings *settings)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct plait_error error = { 0 };
	socklen_t len = sizeof(sa);
	int listening = socket_bind(SOCK_STREAM, (struct sockaddr *)&sa, len, settings, false, &error);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	CU_ASSERT_TRUE_FATAL(listening >= 0);
	CU_ASSERT_EQUAL(getsockname(listening, (struct sockaddr *)&sa, &len), 0);
	CU_ASSERT_EQUAL_FATAL(connect(client, (struct sockaddr *)&sa, len), 0);
	struct pollfd ready = { .fd = listening, .events = POLLIN };
	CU_ASSERT_EQUAL(poll(&ready, 1, 10000), 1);
	int fd = accept(listening, NULL, NULL);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	close(client);
	close(listening);
	return fd;
}

static void accepted_sockets_have_what_the_listener_was_given(void)
{
	struct socket_settings settings = {
		.backlog = 8,
		.nodelay = true,
		.reuseaddr = true,
		.keepalive = { .enabled = true, .idle_ms = 61500, .interval_ms = 7000, .count = 4 },
	};
	int fd = accepted(&settings);

	CU_ASSERT_NOT_EQUAL(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	CU_ASSERT_NOT_EQUAL(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 62);
	CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 7);
	CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	close(fd);
}

static void nothing_is_set_that_was_not_asked_for(void)
{
	struct socket_settings settings = { .backlog = 8 };
	int fd = accepted(&settings);

	CU_ASSERT_EQUAL(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	CU_ASSERT_EQUAL(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fd);
}

SUITE_MAIN("socket", SUITE_TEST(accepted_sockets_have_what_the_listener_was_given),
	   SUITE_TEST(nothing_is_set_that_was_not_asked_for))
