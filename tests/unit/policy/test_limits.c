/* Limits: counted in, counted out, in all and by address. */
#include "core/policy/limits.h"

#include <string.h>

#include "tests/unit/suite.h"

static struct plait_addr host(uint8_t last, uint16_t port)
{
	return (struct plait_addr){ .family = PLAIT_FAMILY_IPV4,
				    .port = port,
				    .u.bytes = { 10, 0, 0, last } };
}

static bool overflow; /* what the last one that asked is to be served by */

static enum plait_reason admit(struct admission *admission, const struct plait_addr *peer)
{
	return admission->admit(admission, peer, &overflow);
}

static struct admission *open_gate(struct limits_gate *gate, const struct limit_settings *settings)
{
	struct limits *limits = limits_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(limits);
	limits_gate_init(gate, limits, settings);
	return &gate->admission;
}

static void in_all(void)
{
	static const struct limit_settings settings = { .connections = 2 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr peer = host(1, 1);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_LIMIT_CONNECTIONS);
	admission->release(admission, &peer);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	admission->release(admission, &peer);
	admission->release(admission, &peer);
	limits_free(&gate.limits);
}

static void by_address_whatever_the_port(void)
{
	static const struct limit_settings settings = { .per_address = 1 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr a = host(1, 1), a2 = host(1, 2), b = host(2, 1);
	CU_ASSERT_EQUAL(admit(admission, &a), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(admission, &a2), PLAIT_REASON_LIMIT_ADDRESS);
	CU_ASSERT_EQUAL(admit(admission, &b), PLAIT_REASON_NONE);
	admission->release(admission, &a);
	CU_ASSERT_EQUAL(admit(admission, &a2), PLAIT_REASON_NONE);
	admission->release(admission, &a2);
	admission->release(admission, &b);
	limits_free(&gate.limits);
}

static void peers_of_a_unix_socket_have_no_address(void)
{
	static const struct limit_settings settings = { .per_address = 1 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX };
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	admission->release(admission, &peer);
	admission->release(admission, &peer);
	limits_free(&gate.limits);
}

static void many_addresses_are_told_apart(void)
{
	enum { COUNT = 20000 };
	static const struct limit_settings settings = { .per_address = 1 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr peer = { .family = PLAIT_FAMILY_IPV6, .u.bytes = { 0x20, 0x01 } };
	for (int round = 0; round < 2; round++) {
		unsigned admitted = 0, refused = 0;
		for (uint16_t i = 0; i < COUNT; i++) {
			memcpy(peer.u.bytes + 8 + 2 * (i % 4), &i, sizeof(i));
			admitted += admit(admission, &peer) == PLAIT_REASON_NONE;
			refused += admit(admission, &peer) == PLAIT_REASON_LIMIT_ADDRESS;
			memset(peer.u.bytes + 8, 0, 8);
		}
		CU_ASSERT_EQUAL(admitted, COUNT);
		CU_ASSERT_EQUAL(refused, COUNT);
		for (uint16_t i = 0; i < COUNT; i++) {
			memcpy(peer.u.bytes + 8 + 2 * (i % 4), &i, sizeof(i));
			admission->release(admission, &peer);
			memset(peer.u.bytes + 8, 0, 8);
		}
	}
	limits_free(&gate.limits);
}

static void some_above_the_limit_are_overflow(void)
{
	static const struct limit_settings settings = { .connections = 2, .overflow = 1, .per_address = 3 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr peer = host(1, 1), other = host(2, 1);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
		CU_ASSERT_FALSE(overflow);
	}
	CU_ASSERT_EQUAL(admit(admission, &other), PLAIT_REASON_NONE);
	CU_ASSERT_TRUE(overflow);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 3);
	CU_ASSERT_EQUAL(admit(admission, &other), PLAIT_REASON_LIMIT_CONNECTIONS);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 3);
	admission->release(admission, &peer);
	/* The one of the overflow counts: there is room for one, above the limit. */
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_TRUE(overflow);
	admission->release(admission, &other);
	admission->release(admission, &peer);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_FALSE(overflow);
	admission->release(admission, &peer);
	admission->release(admission, &peer);
	CU_ASSERT_EQUAL(limits_count(gate.limits), 0);
	limits_free(&gate.limits);
}

static void overflow_is_limited_by_address_as_well(void)
{
	static const struct limit_settings settings = { .connections = 1, .overflow = 5, .per_address = 1 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	struct plait_addr peer = host(1, 1);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(admission, &peer), PLAIT_REASON_LIMIT_ADDRESS);
	admission->release(admission, &peer);
	limits_free(&gate.limits);
}

static void handshakes_are_limited_while_they_last(void)
{
	static const struct limit_settings settings = { .handshakes = 2 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	CU_ASSERT_TRUE(admission->begin_handshake(admission));
	CU_ASSERT_TRUE(admission->begin_handshake(admission));
	CU_ASSERT_FALSE(admission->begin_handshake(admission));
	CU_ASSERT_EQUAL(limits_handshakes(gate.limits), 2);
	admission->end_handshake(admission);
	CU_ASSERT_TRUE(admission->begin_handshake(admission));
	CU_ASSERT_FALSE(admission->begin_handshake(admission));
	admission->end_handshake(admission);
	admission->end_handshake(admission);
	CU_ASSERT_EQUAL(limits_handshakes(gate.limits), 0);
	limits_free(&gate.limits);
}

static void no_limit_of_handshakes_is_none(void)
{
	static const struct limit_settings settings = { 0 };
	struct limits_gate gate;
	struct admission *admission = open_gate(&gate, &settings);
	for (int i = 0; i < 5000; i++)
		CU_ASSERT_TRUE(admission->begin_handshake(admission));
	for (int i = 0; i < 5000; i++)
		admission->end_handshake(admission);
	CU_ASSERT_EQUAL(limits_handshakes(gate.limits), 0);
	limits_free(&gate.limits);
}

/* Settings that change while connections are there: who came in before counts, and leaves as it came. */
static void gates_share_the_counts(void)
{
	static const struct limit_settings before = { .connections = 3 };
	static const struct limit_settings after = { .connections = 2, .per_address = 1 };
	struct limits_gate first, second;
	struct admission *old = open_gate(&first, &before), *new = &second.admission;
	struct plait_addr peer = host(1, 1);
	limits_gate_init(&second, first.limits, &after);
	CU_ASSERT_EQUAL(admit(old, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(old, &peer), PLAIT_REASON_NONE);
	CU_ASSERT_EQUAL(admit(new, &peer), PLAIT_REASON_LIMIT_CONNECTIONS);
	old->release(old, &peer);
	CU_ASSERT_EQUAL(admit(new, &peer), PLAIT_REASON_NONE);
	old->release(old, &peer); /* which was not counted by address */
	CU_ASSERT_EQUAL(admit(new, &peer), PLAIT_REASON_LIMIT_ADDRESS);
	new->release(new, &peer);
	CU_ASSERT_EQUAL(limits_count(first.limits), 0);
	limits_free(&first.limits);
}

SUITE_MAIN("limits", SUITE_TEST(gates_share_the_counts), SUITE_TEST(handshakes_are_limited_while_they_last),
	   SUITE_TEST(no_limit_of_handshakes_is_none), SUITE_TEST(some_above_the_limit_are_overflow),
	   SUITE_TEST(overflow_is_limited_by_address_as_well), SUITE_TEST(in_all),
	   SUITE_TEST(by_address_whatever_the_port), SUITE_TEST(peers_of_a_unix_socket_have_no_address),
	   SUITE_TEST(many_addresses_are_told_apart))
