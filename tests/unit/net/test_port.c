/* Datagram ports on real sockets of one loop: which socket and which address an answer leaves from. */
#include "core/net/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <plait/protocol.h>
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

SUITE_MAIN("port", SUITE_TEST(each_datagram_leaves_through_its_own_port))
