/* Tests of the log's memory of peers: one line in a minute, what is left out is summed up, and nothing grows. */
#include <stdio.h>
#include <string.h>

#include "core/base/log_peer.h"
#include "tests/unit/suite.h"

static struct log_left_out last;
static unsigned reports;
static uint64_t reported_lines;

static void report(const struct log_left_out *left_out)
{
	last = *left_out;
	reports++;
	reported_lines += left_out->lines;
}

static struct plait_addr ipv4(uint32_t host)
{
	struct plait_addr addr = { .family = PLAIT_FAMILY_IPV4, .port = 1234 };
	memcpy(addr.u.bytes, &host, sizeof(host));
	return addr;
}

static struct plait_addr ipv6(uint8_t network, uint8_t host)
{
	struct plait_addr addr = { .family = PLAIT_FAMILY_IPV6 };
	addr.u.bytes[0] = 0x20;
	addr.u.bytes[7] = network;
	addr.u.bytes[15] = host;
	return addr;
}

static bool admit(const char *listener, struct plait_addr peer, uint64_t now_ms)
{
	struct log_subject subject = { .listener = listener, .peer = &peer };
	return log_peer_admit(PLAIT_LOG_INFO, &subject, "it failed", now_ms, report);
}

static void begin(void)
{
	log_peer_sweep(0, true, report);
	reports = 0;
	reported_lines = 0;
}

static void one_line_in_a_minute(void)
{
	begin();
	CU_ASSERT_TRUE(admit("a", ipv4(1), 1000));
	CU_ASSERT_FALSE(admit("a", ipv4(1), 1001));
	CU_ASSERT_FALSE(admit("a", ipv4(1), 1000 + LOG_PEER_WINDOW_MS - 1));
	CU_ASSERT_EQUAL(reports, 0);
	CU_ASSERT_TRUE(admit("a", ipv4(1), 1000 + LOG_PEER_WINDOW_MS));
	CU_ASSERT_EQUAL(reports, 1);
	CU_ASSERT_EQUAL(last.lines, 2);
	CU_ASSERT_EQUAL(last.seconds, 60);
	CU_ASSERT_EQUAL(last.level, PLAIT_LOG_INFO);
	CU_ASSERT_STRING_EQUAL(last.listener, "a");
	CU_ASSERT_STRING_EQUAL(last.text, "it failed");
}

/* Of two threads the one that read the clock first may come second. */
static void a_clock_read_before_the_window_is_in_it(void)
{
	begin();
	CU_ASSERT_TRUE(admit("a", ipv4(1), 1000));
	CU_ASSERT_FALSE(admit("a", ipv4(1), 999));
	log_peer_sweep(999, false, report);
	CU_ASSERT_EQUAL(reports, 0);
	log_peer_sweep(0, true, report);
	CU_ASSERT_EQUAL(reports, 1);
	CU_ASSERT_EQUAL(last.seconds, 1);
}

static void a_peer_is_a_host_at_a_listener(void)
{
	struct plait_addr other_port = ipv4(1);
	other_port.port = 77;
	begin();
	CU_ASSERT_TRUE(admit("a", ipv4(1), 0));
	CU_ASSERT_TRUE(admit("a", ipv4(2), 0));
	CU_ASSERT_TRUE(admit("b", ipv4(1), 0));
	CU_ASSERT_FALSE(admit("a", other_port, 0));
}

static void of_ipv6_a_network_is_one_peer(void)
{
	begin();
	CU_ASSERT_TRUE(admit("a", ipv6(1, 1), 0));
	CU_ASSERT_FALSE(admit("a", ipv6(1, 2), 0));
	CU_ASSERT_TRUE(admit("a", ipv6(2, 1), 0));
}

static void a_sweep_tells_what_is_over(void)
{
	begin();
	CU_ASSERT_TRUE(admit("a", ipv4(1), 0));
	CU_ASSERT_FALSE(admit("a", ipv4(1), 0));
	log_peer_sweep(LOG_PEER_WINDOW_MS - 1, false, report);
	CU_ASSERT_EQUAL(reports, 0);
	log_peer_sweep(LOG_PEER_WINDOW_MS, false, report);
	CU_ASSERT_EQUAL(reports, 1);
	log_peer_sweep(LOG_PEER_WINDOW_MS, false, report);
	CU_ASSERT_EQUAL(reports, 1);
	CU_ASSERT_TRUE(admit("a", ipv4(1), LOG_PEER_WINDOW_MS));
}

static void who_left_nothing_out_is_not_told(void)
{
	begin();
	CU_ASSERT_TRUE(admit("a", ipv4(1), 0));
	log_peer_sweep(LOG_PEER_WINDOW_MS, true, report);
	CU_ASSERT_EQUAL(reports, 0);
}

/* Each of more peers than are remembered is told of, or was driven out with its sum. */
static void many_peers_lose_no_count(void)
{
	uint64_t written = 0;
	begin();
	for (unsigned round = 0; round < 3; round++)
		for (uint32_t host = 0; host < 20000; host++)
			written += admit("a", ipv4(host * 2654435761u), round);
	log_peer_sweep(2, true, report);
	CU_ASSERT_EQUAL(written + reported_lines, 60000);
	CU_ASSERT(written >= 20000);
}

static void a_long_text_is_cut(void)
{
	char text[1000];
	struct plait_addr peer = ipv4(9);
	struct log_subject subject = { .peer = &peer };
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	begin();
	CU_ASSERT_TRUE(log_peer_admit(PLAIT_LOG_INFO, &subject, text, 0, report));
	CU_ASSERT_FALSE(log_peer_admit(PLAIT_LOG_INFO, &subject, text, 0, report));
	log_peer_sweep(0, true, report);
	CU_ASSERT_EQUAL(strlen(last.text), sizeof(last.text) - 1);
	CU_ASSERT_STRING_EQUAL(last.listener, "");
}

SUITE_MAIN("log_peer", SUITE_TEST(one_line_in_a_minute), SUITE_TEST(a_clock_read_before_the_window_is_in_it),
	   SUITE_TEST(a_peer_is_a_host_at_a_listener), SUITE_TEST(of_ipv6_a_network_is_one_peer),
	   SUITE_TEST(a_sweep_tells_what_is_over), SUITE_TEST(who_left_nothing_out_is_not_told),
	   SUITE_TEST(many_peers_lose_no_count), SUITE_TEST(a_long_text_is_cut))
