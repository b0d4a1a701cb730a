/* Datagram ports on real sockets of one loop: which socket and which address an answer leaves from. */
#include "core/net/datagram/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <plait/protocol.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static struct rig rig;
static struct rig_listener listener;
static struct plait_port *front, *back;
static struct plait_addr watcher;

static int udp_socket(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)sa, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)sa, &len), 0);
	return fd;
}

/* Answers the asker, and tells the watcher through the other port. */
static void relay(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	CU_ASSERT_PTR_EQUAL(port, front);
	CU_ASSERT_EQUAL(plait_send(front, from, data, len), 0);
	CU_ASSERT_EQUAL(plait_send(back, &watcher, "seen", 4), 0);
	CU_ASSERT_EQUAL(plait_send(front, from, "and more", 8), 0);
}

static const struct plait_protocol relay_protocol = { .head = { .name = "relay" }, .datagram = relay };

static void expect(int fd, const char *text, const struct sockaddr_in *sender)
{
	char got[64] = "";
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	CU_ASSERT_EQUAL(recvfrom(fd, got, sizeof(got) - 1, 0, (struct sockaddr *)&from, &len),
			(ssize_t)strlen(text));
	CU_ASSERT_STRING_EQUAL(got, text);
	CU_ASSERT_EQUAL(from.sin_port, sender->sin_port);
}

static void each_datagram_leaves_through_its_own_port(void)
{
	struct sockaddr_in at_front, at_back, at_client;
	int client = udp_socket(&at_client);

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &relay_protocol, NULL, NULL), 0);
	front = port_new(rig.loop, listener.factory, udp_socket(&at_front));
	back = port_new(rig.loop, listener.factory, udp_socket(&at_back));
	port_start(front);
	port_start(back);
	addr_from_sockaddr((struct sockaddr *)&at_client, sizeof(at_client), &watcher);
	sendto(client, "hi", 2, 0, (struct sockaddr *)&at_front, sizeof(at_front));
	loop_turn(rig.loop, true);
	expect(client, "hi", &at_front);
	expect(client, "seen", &at_back);
	expect(client, "and more", &at_front);
	port_stop(front);
	port_stop(back);
	CU_ASSERT_EQUAL(plait_send(front, &watcher, "late", 4), PLAIT_ERROR_CLOSING);
	port_free(&front);
	port_free(&back);
	close(client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

/* ---- one port, one client ---- */

static struct sockaddr_in at_port, at_client;
static int client, server; /* server: the port's own descriptor */

static void open_port(const struct plait_protocol *protocol)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, protocol, NULL, NULL), 0);
	server = udp_socket(&at_port);
	client = udp_socket(&at_client);
	CU_ASSERT_EQUAL_FATAL(connect(client, (struct sockaddr *)&at_port, sizeof(at_port)), 0);
	addr_from_sockaddr((struct sockaddr *)&at_client, sizeof(at_client), &watcher);
	front = port_new(rig.loop, listener.factory, server);
	port_start(front);
}

static void close_port(void)
{
	port_stop(front);
	port_free(&front);
	close(client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static bool kernel_has(int option)
{
	int value;
	socklen_t len = sizeof(value);
	return getsockopt(client, IPPROTO_UDP, option, &value, &len) == 0;
}

static void turn(void)
{
	loop_turn(rig.loop, false);
}

static void echo(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	CU_ASSERT_EQUAL(plait_send(port, from, data, len), 0);
}

static const struct plait_protocol echo_protocol = { .head = { .name = "echo" }, .datagram = echo };

/* Bytes that tell their datagram and their place in it. */
static uint8_t byte_at(size_t number, size_t place)
{
	return (uint8_t)(number * 31 + place * 7 + place / 251);
}

static uint8_t bytes[70000];

static const uint8_t *pattern(size_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(number, i);
	return bytes;
}

/* The next datagram is this one, and nothing else. */
static bool arrives(size_t number, size_t len)
{
	ssize_t got = recv(client, bytes, sizeof(bytes), 0);
	bool same = got == (ssize_t)len;
	for (size_t i = 0; same && i < len; i++)
		same = bytes[i] == byte_at(number, i);
	if (!same)
		printf("datagram %zu: %zd bytes instead of %zu, or others\n", number, got, len);
	return same;
}

static unsigned long long count(const atomic_ullong *counter)
{
	return atomic_load(counter);
}

static const size_t mixed[] = { 64, 64, 64,   10, 64,  64, 0,   64, 100, 100, 1,    1, 0,   0,
				7,  9,  9000, 9,  512, 64, 512, 64, 64,  63,  1400, 1, 1400 };
#define MIXED (sizeof(mixed) / sizeof(mixed[0]))

static void send_mixed(void)
{
	for (size_t i = 0; i < MIXED; i++)
		CU_ASSERT_EQUAL(send(client, pattern(i, mixed[i]), mixed[i], 0), (ssize_t)mixed[i]);
}

static void each_datagram_of_a_batch_is_whole_and_separate(void)
{
	open_port(&echo_protocol);
	send_mixed();
	turn();
	for (size_t i = 0; i < MIXED; i++)
		CU_ASSERT_TRUE(arrives(i, mixed[i]));
	CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_in), MIXED);
	CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_out), MIXED);
	CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_dropped), 0);
	close_port();
}

static void the_longest_datagrams_pass(void)
{
	static const size_t sizes[] = { 65507, 65507, 65507, 32500, 32500, 32501, 65506, 40000 };
	int room = 8 << 20;
	open_port(&echo_protocol);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CU_ASSERT_EQUAL(send(client, pattern(i, sizes[i]), sizes[i], 0), (ssize_t)sizes[i]);
		if (i % 2 == 0)
			continue; /* two at a time: the kernel's buffers are small */
		turn();
		CU_ASSERT_TRUE(arrives(i - 1, sizes[i - 1]));
		CU_ASSERT_TRUE(arrives(i, sizes[i]));
	}
	CU_ASSERT_EQUAL(plait_send(front, &watcher, bytes, 65508), PLAIT_ERROR_INVALID);
	close_port();
}

/* Sends count datagrams of size bytes, the last shorter, in one coalesced buffer. */
static void send_coalesced(size_t number, size_t size, size_t last)
{
	static uint8_t all[65536];
	int segment = (int)size;
	for (size_t i = 0; i < number; i++)
		memcpy(all + i * size, pattern(i, size), size);
	setsockopt(client, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	size_t len = (number - 1) * size + last;
	CU_ASSERT_EQUAL(send(client, all, len, 0), (ssize_t)len);
}

static size_t seen;

static void see(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	const uint8_t *got = data;
	(void)port;
	CU_ASSERT_TRUE(plait_addr_equal(from, &watcher));
	CU_ASSERT_EQUAL(len, seen == 39 ? 321 : 1200);
	for (size_t i = 0; i < len; i++) {
		if (got[i] != byte_at(seen, i)) {
			CU_FAIL("another datagram's bytes");
			break;
		}
	}
	seen++;
}

static const struct plait_protocol see_protocol = { .head = { .name = "see" }, .datagram = see };

static void what_came_coalesced_is_told_apart(void)
{
	open_port(&see_protocol);
	if (kernel_has(UDP_SEGMENT)) {
		seen = 0;
		send_coalesced(40, 1200, 321);
		turn();
		CU_ASSERT_EQUAL(seen, 40);
		CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_in), 40);
	}
	close_port();
}

static void stop_after_three(struct plait_port *port, const struct plait_addr *from, const void *data,
			     size_t len)
{
	echo(port, from, data, len);
	if (++seen == 3)
		port_stop(port);
}

static const struct plait_protocol stopping_protocol = { .head = { .name = "stopping" },
							 .datagram = stop_after_three };

static void a_port_stopped_in_a_batch_hears_no_more_and_has_sent(void)
{
	open_port(&stopping_protocol);
	seen = 0;
	send_mixed();
	turn();
	turn();
	CU_ASSERT_EQUAL(seen, 3);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_TRUE(arrives(i, mixed[i]));
	close_port();
	open_port(&stopping_protocol);
	if (kernel_has(UDP_SEGMENT)) {
		seen = 0;
		send_coalesced(40, 1200, 321);
		turn();
		CU_ASSERT_EQUAL(seen, 3);
	}
	close_port();
}

/* How many datagrams came in one buffer, when the client takes them coalesced; 1 for a plain one. */
static size_t arrives_coalesced(size_t size)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t got = recvmsg(client, &message, 0);
	if (got < 0)
		return 0;
	for (size_t i = 0; i < (size_t)got; i++) {
		if (bytes[i] != byte_at(i / size, i % size))
			CU_FAIL("other bytes");
	}
	return ((size_t)got + size - 1) / size;
}

static void answers_of_one_size_leave_as_one(void)
{
	int on = 1;
	open_port(&echo_protocol);
	if (kernel_has(UDP_SEGMENT) && kernel_has(UDP_GRO)) {
		setsockopt(client, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
		for (size_t i = 0; i < 8; i++)
			send(client, pattern(i, 100), 100, 0);
		turn();
		CU_ASSERT_EQUAL(arrives_coalesced(100), 8);
		send_coalesced(40, 1200, 1200);
		turn();
		CU_ASSERT_EQUAL(arrives_coalesced(1200), 40);
		CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_out), 48);
	}
	close_port();
}

/* A socket without checksums is one whose kernel refuses trains. */
static void where_trains_are_refused_their_datagrams_go_one_by_one(void)
{
	int on = 1;
	open_port(&echo_protocol);
	setsockopt(server, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on));
	for (unsigned round = 0; round < 2; round++) {
		send_mixed();
		turn();
		for (size_t i = 0; i < MIXED; i++)
			CU_ASSERT_TRUE(arrives(i, mixed[i]));
	}
	CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_out), 2 * MIXED);
	CU_ASSERT_EQUAL(count(&rig.loop->net->counters.datagrams_dropped), 0);
	close_port();
}

static void what_is_sent_unasked_leaves_at_the_end_of_the_turn(void)
{
	uint8_t text[200];
	open_port(&echo_protocol);
	for (size_t i = 0; i < 100; i++) {
		memcpy(text, pattern(i, 2 * i), 2 * i);
		CU_ASSERT_EQUAL(plait_send(front, &watcher, text, 2 * i), 0);
		memset(text, 'x', sizeof(text)); /* it was copied */
	}
	turn();
	for (size_t i = 0; i < 100; i++)
		CU_ASSERT_TRUE(arrives(i, 2 * i));
	CU_ASSERT_EQUAL(plait_send(front, &watcher, pattern(7, 70), 70), 0);
	port_stop(front);
	CU_ASSERT_TRUE(arrives(7, 70));
	close_port();
}

/* No datagram can be sent to port 0, but one may come from there. */
static void a_datagram_the_kernel_refuses_is_dropped_alone(void)
{
	struct plait_addr nowhere;
	open_port(&echo_protocol);
	nowhere = watcher;
	nowhere.port = 0;
	for (size_t i = 0; i < 12; i++)
		CU_ASSERT_EQUAL(plait_send(front, i % 3 ? &nowhere : &watcher, pattern(i, 20), 20), 0);
	plait_send(front, &watcher, pattern(12, 20), 20);
	plait_send(front, &nowhere, pattern(13, 20), 20);
	turn();
	for (size_t i = 0; i < 13; i += 3)
		CU_ASSERT_TRUE(arrives(i, 20));
	const struct net_counters *counters = &rig.loop->net->counters;
	CU_ASSERT_EQUAL(count(&counters->datagrams_out), 5);
	CU_ASSERT_EQUAL(count(&counters->datagrams_dropped), 9);
	if (kernel_has(UDP_SEGMENT) && kernel_has(UDP_GRO)) { /* and trains go on */
		int on = 1;
		setsockopt(client, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
		for (size_t i = 0; i < 5; i++)
			plait_send(front, &watcher, pattern(i, 30), 30);
		turn();
		CU_ASSERT_EQUAL(arrives_coalesced(30), 5);
	}
	close_port();
}

/* Whether a port on a socket bound there asks, for each datagram, where it came to. */
static bool asks_when_bound_to(in_addr_t host)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };
	int asks = 1;
	socklen_t len = sizeof(asks);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &asks, sizeof(asks));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &echo_protocol, NULL, NULL), 0);
	front = port_new(rig.loop, listener.factory, fd);
	getsockopt(fd, IPPROTO_IP, IP_PKTINFO, &asks, &len);
	port_free(&front);
	rig_unlisten(&listener);
	rig_fini(&rig);
	return asks;
}

static void only_where_it_may_differ_is_asked_where_a_datagram_came_to(void)
{
	CU_ASSERT_FALSE(asks_when_bound_to(INADDR_LOOPBACK));
	CU_ASSERT_TRUE(asks_when_bound_to(INADDR_ANY));
	CU_ASSERT_TRUE(asks_when_bound_to(0x7fffffff)); /* broadcast */
	CU_ASSERT_TRUE(asks_when_bound_to(0xe0000001)); /* a group */
}

SUITE_MAIN("port", SUITE_TEST(each_datagram_leaves_through_its_own_port),
	   SUITE_TEST(each_datagram_of_a_batch_is_whole_and_separate), SUITE_TEST(the_longest_datagrams_pass),
	   SUITE_TEST(what_came_coalesced_is_told_apart),
	   SUITE_TEST(a_port_stopped_in_a_batch_hears_no_more_and_has_sent),
	   SUITE_TEST(answers_of_one_size_leave_as_one),
	   SUITE_TEST(where_trains_are_refused_their_datagrams_go_one_by_one),
	   SUITE_TEST(what_is_sent_unasked_leaves_at_the_end_of_the_turn),
	   SUITE_TEST(a_datagram_the_kernel_refuses_is_dropped_alone),
	   SUITE_TEST(only_where_it_may_differ_is_asked_where_a_datagram_came_to))
