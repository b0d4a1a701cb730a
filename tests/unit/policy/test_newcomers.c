/* Limits that need a clock or a table: rates of newcomers, blocks of addresses, a server's count, and places reserved. */
#include <string.h>

#include "core/policy/limits.h"
#include "core/policy/visitors.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static struct rig rig; /* whose loop is the current one, with its clock */
static struct limits_gate gate;
static struct limits_server server;
static struct limit_settings settings;

static void open_gate(const struct limit_settings *by)
{
	rig_init(&rig);
	settings = *by;
	limits_gate_init(&gate, limits_new(), &settings);
	server = (struct limits_server){ 0 };
	gate.server = &server;
}

static void close_gate(void)
{
	CU_ASSERT_EQUAL(limits_count(gate.limits), 0);
	CU_ASSERT_EQUAL(limits_handshakes(gate.limits), 0);
	CU_ASSERT_EQUAL(atomic_load(&server.connections), 0);
	limits_free(&gate.limits);
	rig_fini(&rig);
}

static struct plait_addr ipv4(uint8_t third, uint8_t last)
{
	return (struct plait_addr){ .family = PLAIT_FAMILY_IPV4, .u.bytes = { 10, 0, third, last } };
}

static struct plait_addr ipv6(uint8_t eighth, uint8_t last)
{
	struct plait_addr addr = { .family = PLAIT_FAMILY_IPV6, .u.bytes = { 0x20, 0x01, 0x0d, 0xb8 } };
	addr.u.bytes[7] = eighth;
	addr.u.bytes[15] = last;
	return addr;
}

static enum plait_reason come(struct plait_addr peer)
{
	bool overflow;
	return gate.admission.admit(&gate.admission, &peer, &overflow);
}

static void go(struct plait_addr peer)
{
	gate.admission.release(&gate.admission, &peer);
}

/* And goes at once. */
static bool passes(struct plait_addr peer)
{
	if (come(peer) != PLAIT_REASON_NONE)
		return false;
	go(peer);
	return true;
}

static unsigned passing(unsigned visits, struct plait_addr peer)
{
	unsigned count = 0;
	while (visits-- > 0)
		count += passes(peer);
	return count;
}

static struct visitor_key key_number(uint32_t number)
{
	struct plait_addr addr = { .family = PLAIT_FAMILY_IPV6 };
	memcpy(addr.u.bytes + 4, &number, sizeof(number));
	return visitor_key(VISITOR_ADDRESS, &addr, 128);
}

static void visit(struct visitors *visitors, uint32_t number, const struct visit_limits *limits,
		  uint64_t now_ns)
{
	struct visitor_key key = key_number(number);
	if (visitors_enter(visitors, &key, limits, now_ns) == VISIT_GOOD)
		visitors_leave(visitors, &key, now_ns);
}

/* ---- rates ---- */

static void newcomers_come_at_a_rate(void)
{
	open_gate(&(struct limit_settings){ .accept_rate = 10, .accept_burst = 3 });
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 3);
	CU_ASSERT_EQUAL(come(ipv4(0, 2)), PLAIT_REASON_LIMIT_RATE); /* of all addresses */
	rig_advance(&rig, 99);
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 0);
	rig_advance(&rig, 1);
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 1);
	unsigned count = 0;
	for (int i = 0; i < 1000; i++) {
		rig_advance(&rig, 10);
		count += passing(5, ipv4(0, 1));
	}
	CU_ASSERT_EQUAL(count, 100);
	rig_advance(&rig, 3600000);
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 3);
	close_gate();
}

static void a_burst_is_a_seconds_worth_unless_it_is_said(void)
{
	open_gate(&(struct limit_settings){ .accept_rate = 7, .address_rate = 5 });
	CU_ASSERT_EQUAL(passing(20, ipv4(0, 1)), 5);
	CU_ASSERT_EQUAL(passing(20, ipv4(0, 2)), 2);
	close_gate();
}

static void each_address_has_its_own_rate(void)
{
	open_gate(&(struct limit_settings){ .address_rate = 2, .address_burst = 1 });
	CU_ASSERT_TRUE(passes(ipv4(0, 1)));
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_LIMIT_ADDRESS_RATE);
	CU_ASSERT_TRUE(passes(ipv4(0, 2)));
	rig_advance(&rig, 499);
	CU_ASSERT_FALSE(passes(ipv4(0, 1)));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(passes(ipv4(0, 1)));
	CU_ASSERT_TRUE(passes((struct plait_addr){ .family = PLAIT_FAMILY_UNIX }));
	CU_ASSERT_TRUE(passes((struct plait_addr){ .family = PLAIT_FAMILY_UNIX }));
	close_gate();
}

/* Else one could keep all others out. */
static void who_is_too_fast_takes_no_place_of_others(void)
{
	open_gate(&(struct limit_settings){ .accept_rate = 10, .accept_burst = 10, .address_rate = 1 });
	CU_ASSERT_EQUAL(passing(1000, ipv4(0, 1)), 1);
	CU_ASSERT_TRUE(passes(ipv4(0, 2)));
	close_gate();
}

static void a_rate_goes_on_under_other_settings(void)
{
	struct limits_gate before;
	open_gate(&(struct limit_settings){ .accept_rate = 1, .address_rate = 1 });
	before = gate;
	before.settings = &(struct limit_settings){ .accept_rate = 1, .address_rate = 1 };
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_NONE);
	settings = (struct limit_settings){ .accept_rate = 2, .accept_burst = 1, .address_rate = 1 };
	limits_gate_init(&gate, before.limits, &settings);
	gate.server = &server;
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_LIMIT_ADDRESS_RATE);
	CU_ASSERT_EQUAL(come(ipv4(0, 2)), PLAIT_REASON_LIMIT_RATE);
	before.admission.release(&before.admission, &(struct plait_addr){ .family = PLAIT_FAMILY_IPV4,
									  .u.bytes = { 10, 0, 0, 1 } });
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(passes(ipv4(0, 1)));
	close_gate();
}

/* Who raises a rate in a flood is not to wait until the old one has paid for all that came. */
static void a_higher_rate_does_not_wait_for_the_lower_one(void)
{
	struct limits *limits;
	open_gate(&(struct limit_settings){
		.accept_rate = 1, .accept_burst = 1000, .address_rate = 1, .address_burst = 1000 });
	limits = gate.limits;
	CU_ASSERT_EQUAL(passing(1001, ipv4(0, 1)), 1000);
	settings = (struct limit_settings){ .accept_rate = 100, .address_rate = 100 };
	limits_gate_init(&gate, limits, &settings);
	gate.server = &server;
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 0);
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 2)), 0);
	rig_advance(&rig, 10);
	CU_ASSERT_EQUAL(passing(10, ipv4(0, 1)), 1);
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(passing(1000, ipv4(0, 1)), 100);
	close_gate();
}

/* Each loop has its own clock, and one that is behind must not make tokens. */
static void a_clock_that_is_behind_makes_no_tokens(void)
{
	const struct visit_limits measured = { .bucket = bucket_settings(1000, 1) };
	struct visitors *visitors = visitors_new();
	struct visitor_key key = key_number(1);
	uint64_t now = 10 * (uint64_t)BUCKET_SECOND_NS, behind = now - 50 * (uint64_t)BUCKET_SECOND_NS / 1000;
	visit(visitors, 1, &measured, now);
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(visitors_enter(visitors, &key, &measured, behind), VISIT_TOO_FAST);
		CU_ASSERT_EQUAL(visitors_enter(visitors, &key, &measured, now), VISIT_TOO_FAST);
	}
	visitors_free(&visitors);
}

/* ---- blocks ---- */

static void a_block_counts_as_one(void)
{
	open_gate(&(struct limit_settings){ .per_prefix = { .connections = 2, .ipv4 = 24, .ipv6 = 62 },
					    .per_address = 1 });
	CU_ASSERT_EQUAL(come(ipv4(1, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv4(1, 1)), PLAIT_REASON_LIMIT_ADDRESS);
	CU_ASSERT_EQUAL(come(ipv4(1, 2)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv4(1, 3)), PLAIT_REASON_LIMIT_PREFIX);
	CU_ASSERT_EQUAL(come(ipv4(2, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv6(4, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv6(7, 2)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv6(5, 3)), PLAIT_REASON_LIMIT_PREFIX);
	CU_ASSERT_EQUAL(come(ipv6(8, 1)), PLAIT_REASON_NONE);
	go(ipv4(1, 1));
	CU_ASSERT_EQUAL(come(ipv4(1, 3)), PLAIT_REASON_NONE);
	go(ipv4(1, 2));
	go(ipv4(1, 3));
	go(ipv4(2, 1));
	go(ipv6(4, 1));
	go(ipv6(7, 2));
	go(ipv6(8, 1));
	close_gate();
}

static void a_block_of_one_address_is_not_the_address(void)
{
	open_gate(&(struct limit_settings){ .per_prefix = { .connections = 3, .ipv4 = 32, .ipv6 = 128 },
					    .per_address = 2 });
	CU_ASSERT_EQUAL(come(ipv4(1, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv4(1, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(ipv4(1, 1)), PLAIT_REASON_LIMIT_ADDRESS);
	go(ipv4(1, 1));
	go(ipv4(1, 1));
	close_gate();
}

/* ---- the server ---- */

static void all_listeners_count_for_the_server(void)
{
	struct limits_gate other;
	open_gate(&(struct limit_settings){ .connections = 5 });
	limits_gate_init(&other, limits_new(), &settings);
	other.server = &server;
	atomic_store(&server.most, 2);
	struct plait_addr peer = ipv4(0, 1);
	bool overflow;
	CU_ASSERT_EQUAL(come(peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(other.admission.admit(&other.admission, &peer, &overflow), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(come(peer), PLAIT_REASON_LIMIT_SERVER);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 1);
	atomic_store(&server.most, 3);
	CU_ASSERT_EQUAL(come(peer), PLAIT_REASON_NONE);
	other.admission.release(&other.admission, &peer);
	go(peer);
	go(peer);
	limits_free(&other.limits);
	close_gate();
}

static void who_may_not_come_is_not_counted(void)
{
	struct cidr cidr;
	struct cidr_set *deny = cidr_set_new();
	cidr_parse("10.0.0.1", &cidr, NULL);
	cidr_set_add(deny, &cidr);
	cidr_set_compile(deny);
	struct access *access = access_new(deny, NULL);
	for (int over = LIMIT_OVER_RESET; over <= LIMIT_OVER_WAIT; over++) {
		open_gate(&(struct limit_settings){ .connections = 1, .address_rate = 1, .over = over });
		gate.access = access;
		if (over == LIMIT_OVER_WAIT)
			CU_ASSERT_EQUAL(gate.admission.reserve(&gate.admission), 0);
		CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_DENIED);
		CU_ASSERT_EQUAL(limits_count(gate.limits), 0);
		close_gate();
	}
	access_free(&access);
}

/* ---- places reserved ---- */

static uint64_t reserve(void)
{
	return gate.admission.reserve(&gate.admission);
}

static void a_place_is_theirs_or_goes_back(void)
{
	open_gate(&(struct limit_settings){ .connections = 2, .per_address = 1, .over = LIMIT_OVER_WAIT });
	CU_ASSERT_EQUAL(reserve(), 0);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 1);
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 1);
	CU_ASSERT_EQUAL(reserve(), 0);
	CU_ASSERT_TRUE(reserve() > 0); /* it is somebody's, who may still come */
	gate.admission.cancel(&gate.admission);
	CU_ASSERT_EQUAL(reserve(), 0);
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_LIMIT_ADDRESS);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 1);
	CU_ASSERT_EQUAL(reserve(), 0);
	CU_ASSERT_EQUAL(come(ipv4(0, 2)), PLAIT_REASON_NONE);
	CU_ASSERT_TRUE(reserve() > 0);
	go(ipv4(0, 1));
	CU_ASSERT_EQUAL(reserve(), 0);
	gate.admission.cancel(&gate.admission);
	go(ipv4(0, 2));
	close_gate();
}

static void who_waits_for_a_token_waits_as_long_as_it_takes(void)
{
	open_gate(&(struct limit_settings){ .accept_rate = 4, .accept_burst = 1, .over = LIMIT_OVER_WAIT });
	CU_ASSERT_EQUAL(reserve(), 0);
	gate.admission.cancel(&gate.admission); /* nobody came */
	CU_ASSERT_EQUAL(reserve(), 0);
	CU_ASSERT_EQUAL(come(ipv4(0, 1)), PLAIT_REASON_NONE);
	uint64_t wait_ms = reserve();
	CU_ASSERT_TRUE(wait_ms >= 250 && wait_ms <= 251);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 1);
	rig_advance(&rig, wait_ms);
	CU_ASSERT_EQUAL(reserve(), 0);
	gate.admission.cancel(&gate.admission);
	go(ipv4(0, 1));
	close_gate();
}

static void those_of_the_overflow_have_places_too(void)
{
	bool overflow = true;
	struct plait_addr peer = ipv4(0, 1);
	open_gate(&(struct limit_settings){ .connections = 1, .overflow = 1, .over = LIMIT_OVER_WAIT });
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(reserve(), 0);
		gate.admission.admit(&gate.admission, &peer, &overflow);
		CU_ASSERT_EQUAL(overflow, i == 1);
	}
	CU_ASSERT_TRUE(reserve() > 0);
	go(peer);
	go(peer);
	close_gate();
}

/* ---- the table ---- */

static const uint64_t second = BUCKET_SECOND_NS;

static void who_has_gone_is_forgotten(void)
{
	const struct visit_limits counted = { .connections = 5 };
	const struct visit_limits measured = { .bucket = bucket_settings(1, 1) };
	struct visitors *visitors = visitors_new();
	for (uint32_t i = 0; i < 1000; i++)
		visit(visitors, i, &counted, second);
	CU_ASSERT_EQUAL(visitors_count(visitors), 0);
	for (uint32_t i = 0; i < 1000; i++)
		visit(visitors, i, &measured, second);
	CU_ASSERT_EQUAL(visitors_count(visitors), 1000);
	for (uint32_t i = 1000; i < 2000; i++) /* when the buckets of the first are full again */
		visit(visitors, i, &measured, 2 * second);
	CU_ASSERT_EQUAL(visitors_count(visitors), 1000);
	for (uint32_t i = 0; i < 1000; i++)
		visit(visitors, i, &counted, 3 * second);
	CU_ASSERT_EQUAL(visitors_count(visitors), 0);
	visitors_free(&visitors);
}

static void addresses_cannot_fill_it(void)
{
	const struct visit_limits measured = { .bucket = bucket_settings(1, 100) };
	struct visitors *visitors = visitors_new();
	struct visitor_key connected = key_number(~0u);
	visitors_enter(visitors, &connected, &measured, second);
	for (uint32_t i = 0; i < 4 * VISITORS_RESTING; i++)
		visit(visitors, i, &measured, second);
	CU_ASSERT_TRUE(visitors_count(visitors) <= VISITORS_RESTING + 1);
	CU_ASSERT_TRUE(visitors_count(visitors) > VISITORS_RESTING / 2);
	visitors_leave(visitors, &connected, second);
	visitors_free(&visitors);
}

SUITE_MAIN("newcomers", SUITE_TEST(newcomers_come_at_a_rate),
	   SUITE_TEST(a_burst_is_a_seconds_worth_unless_it_is_said),
	   SUITE_TEST(each_address_has_its_own_rate), SUITE_TEST(who_is_too_fast_takes_no_place_of_others),
	   SUITE_TEST(a_rate_goes_on_under_other_settings),
	   SUITE_TEST(a_higher_rate_does_not_wait_for_the_lower_one),
	   SUITE_TEST(a_clock_that_is_behind_makes_no_tokens), SUITE_TEST(a_block_counts_as_one),
	   SUITE_TEST(a_block_of_one_address_is_not_the_address),
	   SUITE_TEST(all_listeners_count_for_the_server), SUITE_TEST(who_may_not_come_is_not_counted),
	   SUITE_TEST(a_place_is_theirs_or_goes_back),
	   SUITE_TEST(who_waits_for_a_token_waits_as_long_as_it_takes),
	   SUITE_TEST(those_of_the_overflow_have_places_too), SUITE_TEST(who_has_gone_is_forgotten),
	   SUITE_TEST(addresses_cannot_fill_it))
