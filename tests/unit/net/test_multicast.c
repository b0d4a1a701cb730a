/* Multicast between ports of one host. In a network namespace of its own, where the system lets the test have one: with
 * two interfaces joined by a wire, so that IPv6 and loopback are seen, too. */
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/datagram/multicast.h"
#include "core/net/datagram/port.h"
#include "core/net/net.h"
#include "tests/unit/net/port_log.h"
#include "tests/unit/suite.h"

/* Two ends of a wire, both in the namespace. No address is asked about, for that would take a second. */
static const char make_interfaces[] = "set -e\n"
				      "ip link set lo up\n"
				      "ip link add wire type veth peer name far\n"
				      "for end in wire far; do\n"
				      "	echo 0 >/proc/sys/net/ipv6/conf/$end/accept_dad\n"
				      "	ip link set $end up\n"
				      "done\n"
				      "ip addr add 192.0.2.1/24 dev wire\n"
				      "ip addr add 2001:db8::1/64 dev wire nodad\n";

static bool have_wire;

static void prepare(void)
{
	int mine = geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET;
	have_wire = unshare(mine) == 0 && system(make_interfaces) == 0;
	if (!have_wire)
		puts("# no network namespace here: only what works on loopback is tested");
}

/* ---- a group, who hears it, and who sends to it ---- */

struct group {
	const char *name, *endpoint, *group, *interface, *source, *stranger;
};

/* On loopback the interface of a sender is named by its address, which then is the source. */
static const struct group groups[] = {
	{ "IPv4 on loopback", "udp://0.0.0.0:0", "239.1.2.3", "127.0.0.1", "127.0.0.1", "127.0.0.9" },
	{ "IPv4 by both families", "udp://[::]:0", "239.1.2.3", "127.0.0.1", "127.0.0.1", "127.0.0.9" },
	{ "IPv4", "udp://0.0.0.0:0", "239.1.2.3", "wire", "192.0.2.1", "192.0.2.9" },
	{ "IPv6", "udp://[::]:0", "ff15::123", "wire", "2001:db8::1", "2001:db8::9" },
	{ "IPv6 of a link", "udp://[::]:0", "ff12::123", "wire", NULL, NULL },
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))
#define ON_LOOPBACK 2

static struct plait_port *port, *sender;
static struct plait_addr at_group;
static const struct group *tried;

static bool good(int result, const struct plait_error *error)
{
	if (result < 0)
		printf("# %s: %s\n", tried->name, error->text);
	return result == 0;
}

#define GOOD(call)                                                                                           \
	do {                                                                                                 \
		struct plait_error error = { 0 };                                                            \
		CU_ASSERT_TRUE(good(call, &error));                                                          \
	} while (0)

static void begin(const struct group *group)
{
	char text[PLAIT_ADDR_TEXT];
	tried = group;
	log_begin();
	port = log_open(group->endpoint, NULL);
	sender = log_open(group->endpoint, NULL);
	log_name(sender, "sender");
	snprintf(text, sizeof(text), strchr(group->group, ':') ? "[%s]:%u" : "%s:%u", group->group,
		 plait_port_local(port)->port);
	at_group = log_parse(text);
	GOOD(plait_port_set_multicast_interface(sender, group->interface, &error));
	log_turn();
	log_saw("started sender:started");
}

static void on_each_group(void (*test)(void))
{
	for (size_t i = 0; i < (have_wire ? GROUPS : ON_LOOPBACK); i++) {
		unsigned failures = CU_get_number_of_failures();
		begin(&groups[i]);
		test();
		log_end();
		if (CU_get_number_of_failures() > failures)
			printf("# failed: %s\n", groups[i].name);
	}
}

static void say(const char *text)
{
	CU_ASSERT_EQUAL(log_send(sender, &at_group, text), 0);
	log_turn();
}

static void hear_from_join_to_leave(void)
{
	say("before");
	CU_ASSERT_TRUE(log_saw(""));
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	say("one");
	say("two");
	CU_ASSERT_TRUE(log_saw("datagram(one) datagram(two)"));
	GOOD(plait_port_leave(port, tried->group, tried->interface, &error));
	say("after");
	CU_ASSERT_TRUE(log_saw(""));
	CU_ASSERT_EQUAL(atomic_load(&rig.loop->net->counters.datagrams_dropped), 0);
}

static void a_port_hears_a_group_while_it_is_in_it(void)
{
	on_each_group(hear_from_join_to_leave);
}

static void name_interface(void)
{
	char with[64], number[16];
	unsigned index = if_nametoindex(strcmp(tried->interface, "wire") == 0 ? "wire" : "lo");
	snprintf(number, sizeof(number), "%u", index);
	snprintf(with, sizeof(with), "%s%%%s", tried->group, tried->interface);
	GOOD(plait_port_join(port, with, NULL, &error));
	GOOD(plait_port_leave(port, with, tried->interface, &error));
	GOOD(plait_port_join(port, tried->group, number, &error));
	say("hi");
	CU_ASSERT_TRUE(log_saw("datagram(hi)"));
	GOOD(plait_port_leave(port, tried->group, tried->interface, &error));
	CU_ASSERT_EQUAL(plait_port_multicast_interface(sender), index);
	GOOD(plait_port_set_multicast_interface(sender, number, &error));
	CU_ASSERT_EQUAL(plait_port_multicast_interface(sender), index);
	GOOD(plait_port_set_multicast_interface(sender, NULL, &error));
	CU_ASSERT_EQUAL(plait_port_multicast_interface(sender), 0);
}

static void interfaces_have_names_numbers_and_addresses(void)
{
	on_each_group(name_interface);
}

static void send_train(void)
{
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	for (unsigned i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(log_send(sender, &at_group, i < 7 ? "abc" : "d"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("datagram(abc) datagram(abc) datagram(abc) datagram(abc) datagram(abc) "
			       "datagram(abc) datagram(abc) datagram(d)"));
}

static void trains_go_to_groups_too(void)
{
	on_each_group(send_train);
}

/* An answer leaves from an address of the port's own: the group is none. */
static void answer(void)
{
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	port_log.on_datagram = log_echo;
	CU_ASSERT_EQUAL(log_send(sender, &at_group, "hi"), 0);
	log_wait(1);
	port_log.on_datagram = NULL;
	CU_ASSERT_TRUE(log_saw("datagram(hi) sender:datagram(hi)"));
	CU_ASSERT_EQUAL(atomic_load(&rig.loop->net->counters.datagrams_dropped), 0);
}

static void who_asks_a_group_is_answered(void)
{
	on_each_group(answer);
}

static void join_sources(void)
{
	if (!tried->source)
		return;
	GOOD(plait_port_join_source(port, tried->group, tried->stranger, tried->interface, &error));
	say("nobody asked");
	CU_ASSERT_TRUE(log_saw(""));
	GOOD(plait_port_join_source(port, tried->group, tried->source, tried->interface, &error));
	say("hi");
	CU_ASSERT_TRUE(log_saw("datagram(hi)"));
	GOOD(plait_port_leave_source(port, tried->group, tried->source, tried->interface, &error));
	say("again");
	CU_ASSERT_TRUE(log_saw(""));
	GOOD(plait_port_leave_source(port, tried->group, tried->stranger, tried->interface, &error));
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	GOOD(plait_port_join_source(port, tried->group, tried->stranger, tried->interface, &error));
	say("narrowed");
	CU_ASSERT_TRUE(log_saw(""));
}

static void sources_are_told_apart(void)
{
	on_each_group(join_sources);
}

static void other_port_joins(void)
{
	struct plait_port *other = log_open(tried->endpoint, NULL);
	GOOD(plait_port_join(other, tried->group, tried->interface, &error));
	say("not for you");
	CU_ASSERT_TRUE(log_saw("started"));
}

static void what_another_joined_is_not_heard(void)
{
	on_each_group(other_port_joins);
}

static void share(void)
{
	struct plait_port_settings settings = { .shared = true };
	struct plait_port *both[2];
	char endpoint[64];
	both[0] = log_open(tried->endpoint, &settings);
	at_group.port = plait_port_local(both[0])->port;
	snprintf(endpoint, sizeof(endpoint), "%.*s:%u", (int)strlen(tried->endpoint) - 2, tried->endpoint,
		 at_group.port);
	both[1] = log_open(endpoint, &settings);
	log_turn();
	log_saw("started started");
	for (unsigned i = 0; i < 2; i++)
		GOOD(plait_port_join(both[i], tried->group, tried->interface, &error));
	say("all");
	CU_ASSERT_TRUE(log_saw("datagram(all) datagram(all)"));
}

static void all_ports_of_one_address_hear_a_group(void)
{
	on_each_group(share);
}

static void change_interface_on_the_way(void)
{
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	CU_ASSERT_EQUAL(log_send(sender, &at_group, "first"), 0);
	GOOD(plait_port_set_multicast_interface(sender, "lo", &error));
	if (strcmp(tried->interface, "wire") == 0)
		CU_ASSERT_EQUAL(log_send(sender, &at_group, "second"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("datagram(first)"));
}

static void what_was_sent_leaves_by_the_old_settings(void)
{
	on_each_group(change_interface_on_the_way);
}

/* ---- time to live, loopback ---- */

/* The time to live that a datagram to the group comes with at a plain socket of the kernel's. */
static int ttl_heard(int fd, bool v6)
{
	union {
		struct cmsghdr header;
		char bytes[256];
	} control;
	char data[64];
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int ttl = -1;
	if (recvmsg(fd, &message, MSG_DONTWAIT) < 0)
		return -1;
	for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
		if (one->cmsg_type == (v6 ? IPV6_HOPLIMIT : IP_TTL))
			memcpy(&ttl, CMSG_DATA(one), sizeof(ttl));
	}
	return ttl;
}

static void live(void)
{
	bool v6 = strchr(tried->group, ':');
	struct plait_error too_far = { 0 };
	int on = 1;
	int fd = port->watch.fd; /* read here, before the loop would */
	setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	CU_ASSERT_EQUAL(plait_port_multicast_ttl(sender), 1);
	for (unsigned ttl = 0; ttl < 256; ttl += 51) {
		GOOD(plait_port_set_multicast_ttl(sender, ttl, &error));
		CU_ASSERT_EQUAL(plait_port_multicast_ttl(sender), (int)ttl);
		CU_ASSERT_EQUAL(log_send(sender, &at_group, "hi"), 0);
		port_flush(sender);
		CU_ASSERT_EQUAL(ttl_heard(fd, v6), (int)ttl);
	}
	CU_ASSERT_EQUAL(plait_port_set_multicast_ttl(sender, 256, &too_far), PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(too_far.text, "256"));
	CU_ASSERT_EQUAL(plait_port_multicast_ttl(sender), 255);
	/* What is on its way keeps what it was sent with. */
	CU_ASSERT_EQUAL(log_send(sender, &at_group, "hi"), 0);
	GOOD(plait_port_set_multicast_ttl(sender, 7, &error));
	CU_ASSERT_EQUAL(ttl_heard(fd, v6), 255);
}

static void datagrams_carry_the_ttl_that_was_set(void)
{
	on_each_group(live);
}

/* On the loopback interface itself all comes back; elsewhere what this host sends does only if it is told to. */
static void loop_back(void)
{
	bool on_wire = strcmp(tried->interface, "wire") == 0;
	CU_ASSERT_TRUE(plait_port_multicast_loopback(sender));
	GOOD(plait_port_join(port, tried->group, tried->interface, &error));
	GOOD(plait_port_set_multicast_loopback(sender, false, &error));
	CU_ASSERT_FALSE(plait_port_multicast_loopback(sender));
	say("quiet");
	CU_ASSERT_TRUE(log_saw(on_wire ? "" : "datagram(quiet)"));
	GOOD(plait_port_set_multicast_loopback(sender, true, &error));
	CU_ASSERT_TRUE(plait_port_multicast_loopback(sender));
	say("loud");
	CU_ASSERT_TRUE(log_saw("datagram(loud)"));
}

static void what_is_sent_comes_back_or_does_not(void)
{
	on_each_group(loop_back);
}

/* ---- what cannot be ---- */

typedef int group_call_fn(struct plait_port *port, const char *group, const char *interface,
			  struct plait_error *error);

static void refuses(group_call_fn *call, struct plait_port *asked, const char *group, const char *interface,
		    int code, const char *part)
{
	struct plait_error error = { 0 };
	CU_ASSERT_EQUAL(call(asked, group, interface, NULL), code);
	CU_ASSERT_EQUAL(call(asked, group, interface, &error), code);
	if (error.code == code && strstr(error.text, part))
		return;
	printf("# %s on %s: \"%s\" says nothing of \"%s\"\n", group, interface ? interface : "any",
	       error.text, part);
	CU_FAIL("another error");
}

static int set_interface(struct plait_port *asked, const char *group, const char *interface,
			 struct plait_error *error)
{
	(void)group;
	return plait_port_set_multicast_interface(asked, interface, error);
}

static int join_from(struct plait_port *asked, const char *group, const char *source,
		     struct plait_error *error)
{
	return plait_port_join_source(asked, group, source, "127.0.0.1", error);
}

static int leave_from(struct plait_port *asked, const char *group, const char *source,
		      struct plait_error *error)
{
	return plait_port_leave_source(asked, group, source, "127.0.0.1", error);
}

static void what_cannot_be_joined_says_why(void)
{
	struct plait_port_settings v6only = { .v6only = true };
	struct plait_port *v4, *v6, *closed;
	log_begin();
	v4 = log_open("udp://0.0.0.0:0", NULL);
	v6 = log_open("udp://[::]:0", &v6only);
	refuses(plait_port_join, v4, "127.0.0.1", NULL, PLAIT_ERROR_INVALID, "no multicast address");
	refuses(plait_port_join, v4, "240.0.0.1", NULL, PLAIT_ERROR_INVALID, "no multicast address");
	refuses(plait_port_join, v6, "fe80::1", NULL, PLAIT_ERROR_INVALID, "no multicast address");
	refuses(plait_port_join, v4, "all-hosts", NULL, PLAIT_ERROR_INVALID, "found \"all-hosts\"");
	refuses(plait_port_join, v4, "239.1.2.3%", NULL, PLAIT_ERROR_INVALID, "found \"239.1.2.3%\"");
	refuses(plait_port_join, v4, "", NULL, PLAIT_ERROR_INVALID, "expected a multicast address");
	refuses(plait_port_join, v4,
		"239.1.2.3444444444444444444444444444444444444444444444444444444444444444", NULL,
		PLAIT_ERROR_INVALID, "expected a multicast address");
	refuses(plait_port_join, v4, "ff02::1", "lo", PLAIT_ERROR_INVALID, "udp://[::]:PORT");
	refuses(plait_port_join, v6, "239.1.2.3", "lo", PLAIT_ERROR_INVALID, "udp://0.0.0.0:PORT");
	refuses(plait_port_join, v4, "239.1.2.3", "nosuch0", PLAIT_ERROR_MISSING, "no interface \"nosuch0\"");
	refuses(plait_port_join, v4, "239.1.2.3", "99999", PLAIT_ERROR_MISSING, "no interface \"99999\"");
	refuses(plait_port_join, v4, "239.1.2.3", "198.51.100.7", PLAIT_ERROR_MISSING, "no interface");
	refuses(plait_port_join, v4, "239.1.2.3%lo", "127.0.0.1", PLAIT_ERROR_INVALID, "another");
	refuses(set_interface, v4, "", "nosuch0", PLAIT_ERROR_MISSING, "no interface \"nosuch0\"");
	refuses(plait_port_leave, v4, "239.1.2.3", "lo", PLAIT_ERROR_SYSTEM,
		"cannot leave 239.1.2.3 on lo: the port is no member there,");
	CU_ASSERT_EQUAL(plait_port_join(v4, "239.1.2.3", "lo", NULL), 0);
	refuses(plait_port_join, v4, "239.1.2.3%127.0.0.1", NULL, PLAIT_ERROR_SYSTEM,
		"cannot join 239.1.2.3 on lo: the port is a member already");
	refuses(leave_from, v4, "239.1.2.3", "127.0.0.1", PLAIT_ERROR_SYSTEM, "no member");
	refuses(join_from, v4, "239.1.2.4", "239.1.2.4", PLAIT_ERROR_INVALID, "as the source");
	refuses(join_from, v4, "239.1.2.4", "::1", PLAIT_ERROR_INVALID, "as the source");
	CU_ASSERT_EQUAL(plait_port_join_source(v4, "239.1.2.4", "127.0.0.1", "lo", NULL), 0);
	refuses(join_from, v4, "239.1.2.4", "127.0.0.1", PLAIT_ERROR_SYSTEM, "that source already");
	refuses(leave_from, v4, "239.1.2.4", "127.0.0.2", PLAIT_ERROR_SYSTEM, "no member");
	if (have_wire)
		refuses(plait_port_join, v4, "232.1.2.3", NULL, PLAIT_ERROR_SYSTEM, "name an interface");
	closed = v4;
	plait_port_close(&v4);
	refuses(plait_port_join, closed, "239.1.2.3", "lo", PLAIT_ERROR_CLOSING, "closed");
	refuses(set_interface, closed, "", "lo", PLAIT_ERROR_CLOSING, "closed");
	CU_ASSERT_EQUAL(plait_port_set_multicast_ttl(closed, 1, NULL), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_port_set_multicast_loopback(closed, 1, NULL), PLAIT_ERROR_CLOSING);
	CU_ASSERT_TRUE(plait_port_multicast_ttl(closed) < 0);
	CU_ASSERT_FALSE(plait_port_multicast_loopback(closed));
	log_end();
}

static void too_many_groups_are_an_error(void)
{
	struct plait_error error = { 0 };
	char group[32];
	int result = 0;
	log_begin();
	port = log_open("udp://0.0.0.0:0", NULL);
	for (unsigned i = 1; i < 100000 && result == 0; i++) {
		snprintf(group, sizeof(group), "239.1.%u.%u", i / 250, i % 250);
		result = plait_port_join(port, group, "lo", &error);
	}
	CU_ASSERT_EQUAL(result, PLAIT_ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "igmp_max_memberships"));
	log_end();
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(a_port_hears_a_group_while_it_is_in_it),
		SUITE_TEST(interfaces_have_names_numbers_and_addresses),
		SUITE_TEST(trains_go_to_groups_too),
		SUITE_TEST(who_asks_a_group_is_answered),
		SUITE_TEST(sources_are_told_apart),
		SUITE_TEST(what_another_joined_is_not_heard),
		SUITE_TEST(all_ports_of_one_address_hear_a_group),
		SUITE_TEST(what_was_sent_leaves_by_the_old_settings),
		SUITE_TEST(datagrams_carry_the_ttl_that_was_set),
		SUITE_TEST(what_is_sent_comes_back_or_does_not),
		SUITE_TEST(what_cannot_be_joined_says_why),
		SUITE_TEST(too_many_groups_are_an_error),
	};
	prepare();
	return suite_run("multicast", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
