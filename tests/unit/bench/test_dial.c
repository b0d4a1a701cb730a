/* Opening connections: from which address, and what a failure is. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/bench/dial.h"
#include "tests/unit/suite.h"

static struct plait_error error;

/* A listening socket on the loopback interface, or a bound one; its port goes to *port. */
static int serve(int type, uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, type, 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, len), 0);
	if (type == SOCK_STREAM)
		CU_ASSERT_EQUAL_FATAL(listen(fd, 10), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static void dial_to(struct dial *dial, const char *scheme, const char *host, uint16_t port)
{
	struct endpoint endpoint;
	char text[100];
	snprintf(text, sizeof(text), "%s://%s:%u", scheme, host, port);
	CU_ASSERT_EQUAL_FATAL(endpoint_parse(text, NULL, &endpoint, &error), 0);
	CU_ASSERT_EQUAL_FATAL(dial_init(dial, &endpoint, &error), 0);
}

static bool comes_from(int fd, const char *host)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	char text[INET_ADDRSTRLEN] = "";
	if (getsockname(fd, (struct sockaddr *)&in, &len) == 0)
		inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
	return strcmp(text, host) == 0;
}

static void a_source_is_an_address_of_its_own(void)
{
	static const struct {
		uint32_t source;
		const char *host;
	} rows[] = { { 0, "127.0.0.1" }, { 1, "127.0.0.2" }, { 239, "127.0.0.240" }, { 300, "127.0.1.45" } };
	for (int datagrams = 0; datagrams < 2; datagrams++) {
		struct dial dial;
		uint16_t port;
		bool done;
		int server = serve(datagrams ? SOCK_DGRAM : SOCK_STREAM, &port);
		dial_to(&dial, datagrams ? "udp" : "tcp", "127.0.0.1", port);
		CU_ASSERT(dial.loopback);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			int fd = dial_open(&dial, rows[i].source, &done);
			CU_ASSERT_FATAL(fd >= 0);
			CU_ASSERT(done || dial_check(&dial, fd) == 1);
			CU_ASSERT(comes_from(fd, rows[i].host));
			close(fd);
		}
		close(server);
	}
}

static void a_refusal_is_an_error(void)
{
	struct dial dial;
	uint16_t port;
	bool done;
	int server = serve(SOCK_STREAM, &port);
	dial_to(&dial, "tcp", "127.0.0.1", port);
	close(server);
	int fd = dial_open(&dial, 0, &done);
	int code = fd < 0 ? errno : dial_check(&dial, fd) < 0 ? errno : 0;
	CU_ASSERT_EQUAL(code, ECONNREFUSED);
	if (fd >= 0)
		close(fd);
}

/* A name may have addresses where nobody listens; the one that answers is taken. */
static void a_name_leads_to_who_answers(void)
{
	struct dial dial;
	uint16_t port;
	bool done;
	int server = serve(SOCK_STREAM, &port);
	dial_to(&dial, "tcp", "localhost", port);
	int fd = dial_open(&dial, 0, &done);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT(comes_from(fd, "127.0.0.1"));
	close(fd);
	close(server);
}

static void ports_are_counted_where_there_are_some(void)
{
	struct dial dial = { .to.ss_family = AF_UNIX };
	CU_ASSERT_EQUAL(dial_ports(&dial), 0);
	dial.to.ss_family = AF_INET;
	CU_ASSERT(dial_ports(&dial) > 0);
}

SUITE_MAIN("dial", SUITE_TEST(a_source_is_an_address_of_its_own), SUITE_TEST(a_refusal_is_an_error),
	   SUITE_TEST(a_name_leads_to_who_answers), SUITE_TEST(ports_are_counted_where_there_are_some))
