/* Tests of addresses: text, comparison, and conversion to and from the sockets API. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "core/base/addr.h"
#include "tests/unit/suite.h"

static struct plait_addr from_text(int family, const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct plait_addr addr;

	if (family == AF_INET) {
		CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET, host, &in.sin_addr), 1);
		addr_from_sockaddr((struct sockaddr *)&in, sizeof(in), &addr);
	} else {
		CU_ASSERT_EQUAL_FATAL(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
		addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &addr);
	}
	return addr;
}

static void assert_text(struct plait_addr addr, const char *expected)
{
	char text[PLAIT_ADDR_TEXT];

	CU_ASSERT_STRING_EQUAL(plait_addr_format(&addr, text, sizeof(text)), expected);
}

static void formats(void)
{
	struct plait_addr local = from_text(AF_INET6, "fe80::1", 443);
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX, .u.peer = { .pid = 12, .uid = 7 } };
	char tiny[5];

	assert_text(from_text(AF_INET, "127.0.0.1", 80), "127.0.0.1:80");
	assert_text(from_text(AF_INET, "255.255.255.255", 65535), "255.255.255.255:65535");
	assert_text(from_text(AF_INET6, "::1", 80), "[::1]:80");
	local.scope = 4294967295u;
	assert_text(local, "[fe80::1%4294967295]:443");
	assert_text(peer, "unix(pid 12, uid 7)");
	peer.u.peer.pid = 0;
	assert_text(peer, "unix");
	assert_text((struct plait_addr){ 0 }, "unknown");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&local, tiny, sizeof(tiny)), "[fe8");
}

static void longest_text_fits(void)
{
	struct plait_addr long6 = from_text(AF_INET6, "1111:2222:3333:4444:5555:6666:7777:8888", 65535);
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX, .u.peer = { ~0u, ~0u, ~0u } };

	long6.scope = ~0u;
	assert_text(long6, "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
	assert_text(peer, "unix(pid 4294967295, uid 4294967295)");
}

static void mapped_is_ipv4(void)
{
	struct plait_addr plain = from_text(AF_INET, "10.1.2.3", 9),
			  mapped = from_text(AF_INET6, "::ffff:10.1.2.3", 9);

	CU_ASSERT_EQUAL(mapped.family, PLAIT_FAMILY_IPV4);
	CU_ASSERT(plait_addr_equal(&plain, &mapped));
	assert_text(mapped, "10.1.2.3:9");
	/* The deprecated IPv4-compatible form is no IPv4. */
	CU_ASSERT_EQUAL(from_text(AF_INET6, "::10.1.2.3", 9).family, PLAIT_FAMILY_IPV6);
}

static void compares(void)
{
	struct plait_addr a = from_text(AF_INET, "10.0.0.1", 1), b = a, c = from_text(AF_INET, "10.0.0.2", 1);
	struct plait_addr d = from_text(AF_INET6, "fe80::1", 1), e = d;
	struct plait_addr none = { 0 };

	b.u.bytes[9] = 1; /* beyond what IPv4 uses */
	CU_ASSERT(plait_addr_equal(&a, &b));
	b.port = 2;
	CU_ASSERT(!plait_addr_equal(&a, &b));
	CU_ASSERT(plait_addr_same_host(&a, &b));
	CU_ASSERT(!plait_addr_same_host(&a, &c));
	CU_ASSERT(!plait_addr_same_host(&a, &d));
	e.scope = 2;
	CU_ASSERT(!plait_addr_same_host(&d, &e));
	e = d;
	e.u.bytes[15] ^= 1;
	CU_ASSERT(!plait_addr_same_host(&d, &e));
	CU_ASSERT(!plait_addr_equal(&none, &none));
}

static void compares_unix(void)
{
	struct plait_addr a = { .family = PLAIT_FAMILY_UNIX, .u.peer = { 1, 2, 3 } }, b = a;

	CU_ASSERT(plait_addr_equal(&a, &b));
	b.u.peer.pid = 9;
	CU_ASSERT(!plait_addr_equal(&a, &b));
	CU_ASSERT(plait_addr_same_host(&a, &b));
}

static void survives_a_round_trip(void)
{
	struct sockaddr_storage storage;
	struct plait_addr v4 = from_text(AF_INET, "192.0.2.7", 53),
			  v6 = from_text(AF_INET6, "2001:db8::7", 53), back;
	socklen_t len = addr_to_sockaddr(&v4, AF_INET, &storage);

	CU_ASSERT_EQUAL(len, sizeof(struct sockaddr_in));
	addr_from_sockaddr((struct sockaddr *)&storage, len, &back);
	CU_ASSERT(plait_addr_equal(&v4, &back));
	len = addr_to_sockaddr(&v4, AF_INET6, &storage);
	CU_ASSERT_EQUAL(len, sizeof(struct sockaddr_in6));
	CU_ASSERT_EQUAL(storage.ss_family, AF_INET6);
	addr_from_sockaddr((struct sockaddr *)&storage, len, &back);
	CU_ASSERT(plait_addr_equal(&v4, &back));
	v6.scope = 3;
	len = addr_to_sockaddr(&v6, AF_INET6, &storage);
	addr_from_sockaddr((struct sockaddr *)&storage, len, &back);
	CU_ASSERT(plait_addr_equal(&v6, &back));
	CU_ASSERT_EQUAL(addr_to_sockaddr(&v6, AF_INET, &storage), 0);
	back.family = PLAIT_FAMILY_UNIX;
	CU_ASSERT_EQUAL(addr_to_sockaddr(&back, AF_UNIX, &storage), 0);
}

static void refuses_odd_sockaddrs(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct plait_addr addr;

	addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6) - 1, &addr);
	CU_ASSERT_EQUAL(addr.family, PLAIT_FAMILY_NONE);
	addr_from_sockaddr((struct sockaddr *)&in6, 1, &addr);
	CU_ASSERT_EQUAL(addr.family, PLAIT_FAMILY_NONE);
	addr_from_sockaddr(NULL, 0, &addr);
	CU_ASSERT_EQUAL(addr.family, PLAIT_FAMILY_NONE);
	in6.sin6_family = AF_PACKET;
	addr_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &addr);
	CU_ASSERT_EQUAL(addr.family, PLAIT_FAMILY_NONE);
	addr_from_sockaddr((struct sockaddr *)&un, sizeof(sa_family_t), &addr); /* an unnamed peer */
	CU_ASSERT_EQUAL(addr.family, PLAIT_FAMILY_UNIX);
	CU_ASSERT_EQUAL(addr.u.peer.pid, 0);
}

SUITE_MAIN("addr", SUITE_TEST(formats), SUITE_TEST(longest_text_fits), SUITE_TEST(mapped_is_ipv4),
	   SUITE_TEST(compares), SUITE_TEST(compares_unix), SUITE_TEST(survives_a_round_trip),
	   SUITE_TEST(refuses_odd_sockaddrs))
