/* Bound sockets: what the accepted ones inherit, and who may connect. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/net/socket/socket.h"
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

/* Whatever the umask of the process, which is everyone's and stays. */
static void a_unix_socket_has_its_mode(void)
{
	static const struct {
		mode_t umask, mode;
		const char *text;
	} cases[] = { { 0, 0600, "0600" }, { 077, 0666, "0666" }, { 0777, 0660, "0660" }, { 027, 0, "000" } };
	char folder[] = "/tmp/plait-test-XXXXXX";
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct socket_settings settings = { .backlog = 8, .mode = cases[i].text };
		struct sockaddr_un sun = { .sun_family = AF_UNIX };
		struct plait_error error = { 0 };
		struct stat found;
		snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", folder);
		mode_t before = umask(cases[i].umask);
		int fd = socket_bind(SOCK_STREAM, (struct sockaddr *)&sun, sizeof(sun), &settings, false,
				     &error);
		CU_ASSERT_EQUAL(umask(before), cases[i].umask);
		CU_ASSERT_TRUE(fd >= 0);
		CU_ASSERT_EQUAL(stat(sun.sun_path, &found), 0);
		CU_ASSERT_EQUAL(found.st_mode & 0777, cases[i].mode);
		close(fd);
		unlink(sun.sun_path);
	}
	rmdir(folder);
}

SUITE_MAIN("socket", SUITE_TEST(accepted_sockets_have_what_the_listener_was_given),
	   SUITE_TEST(nothing_is_set_that_was_not_asked_for), SUITE_TEST(a_unix_socket_has_its_mode))
