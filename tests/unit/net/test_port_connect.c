/* Connected ports: one peer, and what its host refuses, on real sockets of one loop. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/datagram/port.h"
#include "core/net/net.h"
#include "tests/unit/net/port_log.h"
#include "tests/unit/suite.h"

static struct plait_port *port, *peer;
static struct plait_addr at, at_peer;

static void connect_to(struct plait_port *connecting, const struct plait_addr *to)
{
	struct plait_error error = { 0 };
	int result = plait_port_connect(connecting, to, &error);
	if (result < 0)
		printf("# %s\n", error.text);
	CU_ASSERT_EQUAL(result, 0);
}

/* port, connected to a peer that is there; both have started. */
static void begin_at(const char *endpoint)
{
	log_begin();
	peer = log_open(endpoint, NULL);
	port = log_open(endpoint, NULL);
	log_name(peer, "peer");
	at = log_address(port);
	at_peer = log_address(peer);
	connect_to(port, &at_peer);
	log_turn();
	log_saw("peer:started started");
}

static void begin(void)
{
	begin_at("udp://127.0.0.1:0");
}

static void peer_goes(void)
{
	plait_port_close(&peer);
	log_turn();
	CU_ASSERT_TRUE(log_saw("peer:stopped"));
}

static void peer_comes(void)
{
	char endpoint[PLAIT_ADDR_TEXT + 8], text[PLAIT_ADDR_TEXT];
	snprintf(endpoint, sizeof(endpoint), "udp://%s", plait_addr_format(&at_peer, text, sizeof(text)));
	peer = log_open(endpoint, NULL);
	log_name(peer, "peer");
}

static unsigned long long dropped(void)
{
	return atomic_load(&rig.loop->net->counters.datagrams_dropped);
}

static void talk_at(const char *endpoint)
{
	begin_at(endpoint);
	port_log.on_datagram = NULL;
	CU_ASSERT_TRUE(plait_addr_equal(plait_port_peer(port), &at_peer));
	CU_ASSERT_TRUE(plait_addr_same_host(plait_port_local(port), &at));
	CU_ASSERT_EQUAL(log_send(port, NULL, "hi"), 0);
	CU_ASSERT_EQUAL(log_send(port, &at_peer, "you"), 0);
	CU_ASSERT_EQUAL(log_send(port, &at, "elsewhere"), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(log_send(peer, &at, "there"), 0);
	log_turn();
	if (!log_saw("peer:datagram(hi) peer:datagram(you) datagram(there)"))
		CU_FAIL("other events");
	log_end();
}

static void a_connected_port_talks_to_its_peer_only(void)
{
	talk_at("udp://127.0.0.1:0");
	talk_at("udp://0.0.0.0:0");
	talk_at("udp://[::1]:0");
	talk_at("udp://[::]:0");
}

static void answer_both_ways(struct plait_port *asked, const struct plait_addr *from, const void *data,
			     size_t len)
{
	if (asked == port)
		return;
	CU_ASSERT_EQUAL(plait_send(asked, from, data, len), 0);
}

static void answer_null(struct plait_port *asked, const struct plait_addr *from, const void *data, size_t len)
{
	if (asked != port)
		return;
	CU_ASSERT_TRUE(plait_addr_equal(from, &at_peer));
	CU_ASSERT_EQUAL(plait_send(asked, NULL, data, len), 0);
	CU_ASSERT_EQUAL(plait_send(asked, from, data, len), 0);
}

static void answers_need_no_address(void)
{
	begin();
	port_log.on_datagram = answer_both_ways;
	CU_ASSERT_EQUAL(log_send(port, NULL, "echo"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("peer:datagram(echo) datagram(echo)"));
	port_log.on_datagram = answer_null;
	CU_ASSERT_EQUAL(log_send(peer, &at, "ask"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("datagram(ask) peer:datagram(ask) peer:datagram(ask)"));
	log_end();
}

static void an_ipv6_port_connects_to_ipv4(void)
{
	log_begin();
	peer = log_open("udp://127.0.0.1:0", NULL);
	log_name(peer, "peer");
	at_peer = log_address(peer);
	port = log_open("udp://[::]:0", NULL);
	connect_to(port, &at_peer);
	CU_ASSERT_TRUE(plait_addr_equal(plait_port_peer(port), &at_peer));
	at = *plait_port_local(port); /* where it sends from */
	CU_ASSERT_EQUAL(at.family, PLAIT_FAMILY_IPV4);
	CU_ASSERT_EQUAL(log_send(port, NULL, "hi"), 0);
	CU_ASSERT_EQUAL(log_send(peer, &at, "you"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("peer:started peer:datagram(hi) started datagram(you)"));
	peer_goes();
	CU_ASSERT_EQUAL(log_send(port, NULL, "hi"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("refused"));
	log_end();
}

static void others_are_not_heard(void)
{
	struct plait_addr at_other;
	log_begin();
	peer = log_open("udp://127.0.0.1:0", NULL);
	port = log_open("udp://127.0.0.1:0", NULL);
	at = log_address(port);
	at_peer = log_address(peer);
	int other = log_socket(&at_other);
	log_say(other, &at, "before");
	CU_ASSERT_EQUAL(log_send(peer, &at, "also before"), 0);
	port_flush(peer);
	connect_to(port, &at_peer);
	log_say(other, &at, "after");
	log_turn();
	CU_ASSERT_TRUE(log_saw("started datagram(also before) started"));
	close(other);
	log_end();
}

static void connect_to_sender(struct plait_port *connecting, const struct plait_addr *from, const void *data,
			      size_t len)
{
	(void)data, (void)len;
	port_log.on_datagram = NULL;
	CU_ASSERT_EQUAL(log_send(connecting, from, "before"), 0);
	connect_to(connecting, from);
	CU_ASSERT_EQUAL(log_send(connecting, NULL, "after"), 0);
}

static void a_callback_may_connect(void)
{
	struct plait_addr at_first, at_second;
	log_begin();
	port = log_open("udp://0.0.0.0:0", NULL);
	at = log_address(port);
	int first = log_socket(&at_first), second = log_socket(&at_second);
	port_log.on_datagram = connect_to_sender;
	log_turn();
	log_say(first, &at, "me");
	log_say(second, &at, "and me");
	log_say(first, &at, "again");
	log_turn();
	CU_ASSERT_TRUE(log_saw("started datagram(me) datagram(again)"));
	CU_ASSERT_TRUE(log_heard(first, "before"));
	CU_ASSERT_TRUE(log_heard(first, "after"));
	CU_ASSERT_TRUE(log_heard(second, NULL));
	close(first);
	close(second);
	log_end();
}

static void what_was_sent_before_goes_where_it_was_to(void)
{
	struct plait_addr at_other;
	log_begin();
	peer = log_open("udp://127.0.0.1:0", NULL);
	log_name(peer, "peer");
	at_peer = log_address(peer);
	int other = log_socket(&at_other);
	port = log_open("udp://127.0.0.1:0", NULL);
	CU_ASSERT_EQUAL(log_send(port, &at_other, "other"), 0);
	connect_to(port, &at_peer);
	CU_ASSERT_EQUAL(log_send(port, NULL, "peer"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_heard(other, "other"));
	CU_ASSERT_TRUE(log_saw("peer:started started peer:datagram(peer)"));
	close(other);
	log_end();
}

static void refuse_at(const char *endpoint)
{
	static const char *const texts[] = { "1", "22", "333", "4444", "55555" };
	begin_at(endpoint);
	peer_goes();
	for (unsigned i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(log_send(port, NULL, "hi"), 0);
		log_turn();
		CU_ASSERT_TRUE(log_saw("refused"));
	}
	/* Growing, so that each travels alone: five datagrams, and five refusals. */
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(log_send(port, NULL, texts[i]), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("refused refused refused refused refused"));
	log_turn();
	CU_ASSERT_TRUE(log_saw(""));
	CU_ASSERT_EQUAL(dropped(), 0);
	peer_comes();
	port_log.on_datagram = answer_both_ways;
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(log_send(port, NULL, texts[i]), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw(
		"peer:started peer:datagram(1) peer:datagram(22) peer:datagram(333) peer:datagram(4444) "
		"peer:datagram(55555) datagram(1) datagram(22) datagram(333) datagram(4444) "
		"datagram(55555)"));
	log_end();
}

static void each_refusal_is_told_once_and_the_port_works_on(void)
{
	refuse_at("udp://127.0.0.1:0");
	refuse_at("udp://[::1]:0");
	refuse_at("udp://[::]:0");
}

/* The refusal of what went first is still to be read when the next leave: none of them is lost to it. */
static void a_refusal_costs_no_datagram(void)
{
	begin();
	peer_goes();
	CU_ASSERT_EQUAL(log_send(port, NULL, "lost"), 0);
	port_flush(port);
	peer_comes();
	for (unsigned i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(log_send(port, NULL, "train"), 0);
	CU_ASSERT_EQUAL(log_send(port, NULL, "longer than that"), 0);
	log_turn();
	CU_ASSERT_TRUE(
		log_saw("refused peer:started peer:datagram(train) peer:datagram(train) peer:datagram(train) "
			"peer:datagram(longer than that)"));
	CU_ASSERT_EQUAL(dropped(), 0);
	log_end();
}

/* A send has taken the error itself away, and there is something else to read: the refusal is told all the same. */
static void a_refusal_does_not_wait_for_silence(void)
{
	begin();
	peer_goes();
	CU_ASSERT_EQUAL(log_send(port, NULL, "lost"), 0);
	port_flush(port);
	peer_comes();
	CU_ASSERT_EQUAL(log_send(port, NULL, "heard"), 0);
	port_flush(port);
	CU_ASSERT_EQUAL(log_send(peer, &at, "hi"), 0);
	port_flush(peer);
	loop_turn(rig.loop, false);
	CU_ASSERT_PTR_NOT_NULL(strstr(port_log.events, "datagram(hi)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(port_log.events, "refused"));
	log_end();
}

static void nor_does_it_hide_one_that_came(void)
{
	begin();
	CU_ASSERT_EQUAL(log_send(peer, &at, "one"), 0);
	CU_ASSERT_EQUAL(log_send(peer, &at, "two"), 0);
	plait_port_close(&peer); /* sends */
	CU_ASSERT_EQUAL(log_send(port, NULL, "lost"), 0);
	port_flush(port);
	log_turn();
	CU_ASSERT_PTR_NOT_NULL(strstr(port_log.events, "datagram(one) datagram(two)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(port_log.events, "refused"));
	CU_ASSERT_EQUAL(strlen(port_log.events), strlen("refused datagram(one) datagram(two) peer:stopped"));
	log_end();
}

static void close_it(struct plait_port *closing)
{
	plait_port_close(&closing);
}

static void a_port_closed_when_it_is_refused_hears_no_more(void)
{
	begin();
	peer_goes();
	port_log.on_refused = close_it;
	for (unsigned i = 0; i < 5; i++)
		CU_ASSERT_EQUAL(plait_send(port, NULL, "12345", i + 1), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("refused stopped"));
	log_end();
}

static void no_one_need_listen_to_refusals(void)
{
	static struct plait_protocol without;
	without = log_protocol;
	without.refused = NULL;
	begin();
	peer_goes();
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &without, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	connect_to(port, &at_peer);
	CU_ASSERT_EQUAL(log_send(port, NULL, "hi"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("started"));
	/* It was taken all the same, and does not wake the loop again and again. */
	CU_ASSERT_EQUAL(recv(port->watch.fd, (char[8]){ 0 }, 8, MSG_ERRQUEUE | MSG_DONTWAIT), -1);
	log_end();
}

static void refuses(struct plait_port *connecting, const char *address, int code, const char *part)
{
	struct plait_error error = { 0 };
	struct plait_addr to = log_parse(address);
	CU_ASSERT_EQUAL(plait_port_connect(connecting, &to, NULL), code);
	CU_ASSERT_EQUAL(plait_port_connect(connecting, &to, &error), code);
	if (strstr(error.text, part))
		return;
	printf("# \"%s\" says nothing of \"%s\"\n", error.text, part);
	CU_FAIL("another error");
}

static void what_cannot_be_connected_says_why(void)
{
	struct plait_port *closed;
	begin();
	refuses(port, "127.0.0.1:9", PLAIT_ERROR_INVALID, "is connected to 127.0.0.1");
	refuses(peer, "127.0.0.1:0", PLAIT_ERROR_INVALID, "no port");
	refuses(peer, "[::1]:9", PLAIT_ERROR_INVALID, "udp://[::]:0");
	refuses(peer, "127.255.255.255:9", PLAIT_ERROR_SYSTEM, "plait_port_set_broadcast");
	CU_ASSERT_PTR_NULL(plait_port_peer(peer));
	CU_ASSERT_EQUAL(log_send(peer, NULL, "x"), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(log_send(peer, &at, "still there"), 0);
	log_turn();
	CU_ASSERT_TRUE(log_saw("datagram(still there)"));
	closed = peer;
	plait_port_close(&peer);
	refuses(closed, "127.0.0.1:9", PLAIT_ERROR_CLOSING, "closed");
	log_end();
}

SUITE_MAIN("port_connect", SUITE_TEST(a_connected_port_talks_to_its_peer_only),
	   SUITE_TEST(answers_need_no_address), SUITE_TEST(an_ipv6_port_connects_to_ipv4),
	   SUITE_TEST(others_are_not_heard), SUITE_TEST(a_callback_may_connect),
	   SUITE_TEST(what_was_sent_before_goes_where_it_was_to),
	   SUITE_TEST(each_refusal_is_told_once_and_the_port_works_on),
	   SUITE_TEST(a_refusal_costs_no_datagram), SUITE_TEST(a_refusal_does_not_wait_for_silence),
	   SUITE_TEST(nor_does_it_hide_one_that_came),
	   SUITE_TEST(a_port_closed_when_it_is_refused_hears_no_more),
	   SUITE_TEST(no_one_need_listen_to_refusals), SUITE_TEST(what_cannot_be_connected_says_why))
