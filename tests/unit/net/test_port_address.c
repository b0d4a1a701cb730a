/* Where ports lie and what they send to: addresses shared with others, broadcast, and what makes no sense. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/port_log.h"
#include "tests/unit/suite.h"

static struct plait_port *port, *other;

/* Other programs say so in one way, or in the other. */
static void share_with_others(int option)
{
	struct plait_port_settings shared = { .shared = true };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int on = 1;
	char taken[64];
	log_begin();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, option, &on, sizeof(on));
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(taken, sizeof(taken), "udp://127.0.0.1:%u", ntohs(sa.sin_port));
	log_open(taken, &shared);
	rig_fini(&rig);
	close(fd);
	rig_init(&rig);
	log_end();
}

static void shared_ports_lie_at_one_address(void)
{
	share_with_others(SO_REUSEADDR);
	share_with_others(SO_REUSEPORT);
	struct plait_port_settings shared = { .shared = true };
	char taken[64];
	log_begin();
	port = log_open("udp://127.0.0.1:0", &shared);
	snprintf(taken, sizeof(taken), "udp://127.0.0.1:%u", plait_port_local(port)->port);
	log_open(taken, &shared);
	CU_ASSERT_PTR_NULL(plait_port_open(rig.loop, taken, &log_protocol, NULL, NULL));
	log_end();
}

/* ---- what is sent ---- */

static void broadcasts_need_leave(void)
{
	struct plait_addr everybody, host;
	log_begin();
	port = log_open("udp://0.0.0.0:0", NULL);
	other = log_open("udp://0.0.0.0:0", NULL);
	log_name(other, "b");
	everybody = log_parse("127.255.255.255:1");
	everybody.port = plait_port_local(other)->port;
	host = log_parse("127.0.0.3:1");
	host.port = everybody.port;
	CU_ASSERT_FALSE(plait_port_broadcast(port));
	CU_ASSERT_EQUAL(log_send(port, &everybody, "no"), PLAIT_ERROR_REFUSED);
	CU_ASSERT_EQUAL(log_send(port, &host, "host"), 0);
	CU_ASSERT_EQUAL(plait_port_set_broadcast(port, true), 0);
	CU_ASSERT_TRUE(plait_port_broadcast(port));
	CU_ASSERT_EQUAL(log_send(port, &everybody, "yes"), 0);
	CU_ASSERT_EQUAL(plait_port_set_broadcast(port, false), 0);
	CU_ASSERT_EQUAL(log_send(port, &everybody, "no"), PLAIT_ERROR_REFUSED);
	host = log_parse("255.255.255.255:9");
	CU_ASSERT_EQUAL(log_send(port, &host, "no"), PLAIT_ERROR_REFUSED);
	log_turn();
	CU_ASSERT_TRUE(log_saw("b:started b:datagram(host) b:datagram(yes) started"));
	CU_ASSERT_EQUAL(atomic_load(&rig.loop->net->counters.datagrams_dropped), 0);
	log_end();
}

static void what_makes_no_sense_is_refused(void)
{
	struct plait_addr v6 = log_parse("[::1]:9");
	log_begin();
	port = log_open("udp://127.0.0.1:0", NULL);
	CU_ASSERT_EQUAL(plait_send(port, NULL, "x", 1), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_send(port, &v6, "x", 1), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(atomic_load(&rig.loop->net->counters.datagrams_dropped), 0);
	log_end();
}

SUITE_MAIN("port_address", SUITE_TEST(shared_ports_lie_at_one_address), SUITE_TEST(broadcasts_need_leave),
	   SUITE_TEST(what_makes_no_sense_is_refused))
