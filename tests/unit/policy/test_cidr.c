/* CIDR blocks: what is read and what is not, and the compiled set against one that looks at block after block. */
#include "core/policy/cidr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/policy/access.h"
#include "tests/unit/suite.h"

static struct plait_addr address(const char *text)
{
	struct plait_addr addr;
	CU_ASSERT_EQUAL(addr_from_host(text, &addr), 0);
	return addr;
}

/* Of blank-separated blocks. */
static struct cidr_set *make(const char *blocks)
{
	struct cidr_set *set = cidr_set_new();
	char copy[512], *at = copy, *word;
	snprintf(copy, sizeof(copy), "%s", blocks);
	while ((word = strsep(&at, " ")) != NULL) {
		struct cidr cidr;
		CU_ASSERT_EQUAL(cidr_parse(word, &cidr, NULL), 0);
		CU_ASSERT_EQUAL(cidr_set_add(set, &cidr), 0);
	}
	CU_ASSERT_EQUAL(cidr_set_compile(set), 0);
	return set;
}

static bool has(const char *blocks, const char *text)
{
	struct cidr_set *set = make(blocks);
	struct plait_addr addr = address(text);
	bool result = cidr_set_has(set, &addr);
	cidr_set_free(&set);
	return result;
}

static void a_block_has_what_lies_in_it(void)
{
	CU_ASSERT_TRUE(has("192.0.2.0/24", "192.0.2.0"));
	CU_ASSERT_TRUE(has("192.0.2.0/24", "192.0.2.255"));
	CU_ASSERT_FALSE(has("192.0.2.0/24", "192.0.1.255"));
	CU_ASSERT_FALSE(has("192.0.2.0/24", "192.0.3.0"));
	CU_ASSERT_TRUE(has("192.0.2.7", "192.0.2.7"));
	CU_ASSERT_FALSE(has("192.0.2.7", "192.0.2.8"));
	CU_ASSERT_TRUE(has("255.255.255.255", "255.255.255.255"));
	CU_ASSERT_TRUE(has("0.0.0.0/0", "255.255.255.255"));
	CU_ASSERT_FALSE(has("0.0.0.0/0", "::1"));
	CU_ASSERT_TRUE(has("2001:db8::/33", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"));
	CU_ASSERT_FALSE(has("2001:db8::/33", "2001:db8:8000::"));
	CU_ASSERT_TRUE(has("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	CU_ASSERT_FALSE(has("::/0", "192.0.2.1"));
	CU_ASSERT_TRUE(has("all", "192.0.2.1"));
	CU_ASSERT_TRUE(has("all", "2001:db8::1"));
}

static void mapped_addresses_are_ipv4(void)
{
	CU_ASSERT_TRUE(has("192.0.2.0/24", "::ffff:192.0.2.9"));
	CU_ASSERT_TRUE(has("::ffff:192.0.2.0/120", "192.0.2.9"));
	CU_ASSERT_FALSE(has("::ffff:192.0.2.0/120", "192.0.3.9"));
	CU_ASSERT_TRUE(has("::ffff:192.0.2.9", "192.0.2.9"));
	CU_ASSERT_TRUE(has("::ffff:0.0.0.0/96", "203.0.113.1"));
}

static void the_first_that_holds_it_counts(void)
{
	CU_ASSERT_FALSE(has("!10.0.0.5 10.0.0.0/8", "10.0.0.5"));
	CU_ASSERT_TRUE(has("!10.0.0.5 10.0.0.0/8", "10.0.0.4"));
	CU_ASSERT_TRUE(has("!10.0.0.5 10.0.0.0/8", "10.0.0.6"));
	CU_ASSERT_TRUE(has("10.0.0.0/8 !10.0.0.5", "10.0.0.5"));
	CU_ASSERT_FALSE(has("!10.0.0.0/8 10.0.0.5", "10.0.0.5"));
	CU_ASSERT_TRUE(has("10.1.0.0/16 !10.0.0.0/8 all", "10.1.2.3"));
	CU_ASSERT_FALSE(has("10.1.0.0/16 !10.0.0.0/8 all", "10.2.2.3"));
	CU_ASSERT_TRUE(has("10.1.0.0/16 !10.0.0.0/8 all", "11.2.2.3"));
	CU_ASSERT_FALSE(has("!10.0.0.0/8 10.0.0.0/8", "10.0.0.5"));
	CU_ASSERT_TRUE(has("10.0.0.0/8 !10.0.0.0/8", "10.0.0.5"));
}

static void what_is_no_block_is_refused(void)
{
	static const char *const wrong[] = {
		"",
		"!",
		"all/0",
		"any",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/08",
		"10.0.0.0/8 ",
		"10.0.0.1/8",
		"10.0.0",
		"010.0.0.1",
		"256.0.0.1/32",
		"10.0.0.0/8/8",
		"2001:db8::/129",
		"2001:db8::1/64",
		"fe80::1%1",
		"::ffff:10.0.0.0/8",
		"::ffff:10.0.0.1/104",
		"!!10.0.0.1",
		"example.org",
		"10.0.0.0/0x8",
		"10.0.0.0/255.0.0.0",
		"[::1]",
		"10.0.0.0/4294967304",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cidr cidr;
		struct plait_error error;
		CU_ASSERT_EQUAL(cidr_parse(wrong[i], &cidr, &error), PLAIT_ERROR_INVALID);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "expected"));
	}
}

/* ---- against looking at each ---- */

static unsigned seed = 20261122;

static unsigned pick(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % below;
}

/* Few different bytes, and mostly few bits, so that blocks lie in one another. */
static void pick_bytes(uint8_t *bytes, unsigned count)
{
	static const uint8_t few[] = { 0, 1, 2, 3, 127, 128, 254, 255 };
	for (unsigned i = 0; i < count; i++)
		bytes[i] = pick(3) ? few[pick(sizeof(few))] : (uint8_t)pick(256);
}

static struct cidr pick_block(void)
{
	static const uint8_t families[] = { PLAIT_FAMILY_IPV4, PLAIT_FAMILY_IPV4, PLAIT_FAMILY_IPV6 };
	struct cidr cidr = { .network.family = families[pick(3)], .except = pick(3) == 0 };
	unsigned width = cidr.network.family == PLAIT_FAMILY_IPV4 ? 32 : 128;
	if (pick(200) == 0) {
		cidr.network.family = PLAIT_FAMILY_NONE;
		return cidr;
	}
	cidr.network.bits = (uint8_t)pick(width + 1);
	pick_bytes(cidr.network.bytes, width / 8);
	for (unsigned i = cidr.network.bits; i < width; i++)
		cidr.network.bytes[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
	return cidr;
}

static bool holds(const struct cidr *cidr, const struct plait_addr *addr)
{
	if (cidr->network.family == PLAIT_FAMILY_NONE)
		return true;
	if (cidr->network.family != addr->family)
		return false;
	for (unsigned i = 0; i < cidr->network.bits; i++)
		if ((cidr->network.bytes[i / 8] ^ addr->u.bytes[i / 8]) & (0x80 >> (i % 8)))
			return false;
	return true;
}

static bool has_naively(const struct cidr *blocks, size_t count, const struct plait_addr *addr)
{
	for (size_t i = 0; i < count; i++)
		if (holds(&blocks[i], addr))
			return !blocks[i].except;
	return false;
}

/* An edge of a block, or anything. */
static struct plait_addr pick_address(const struct cidr *blocks, size_t count)
{
	struct plait_addr addr = { .family = pick(2) ? PLAIT_FAMILY_IPV4 : PLAIT_FAMILY_IPV6 };
	const struct cidr *near = count > 0 ? &blocks[pick((unsigned)count)] : NULL;
	unsigned bytes = addr.family == PLAIT_FAMILY_IPV4 ? 4 : 16;
	if (!near || near->network.family == PLAIT_FAMILY_NONE || pick(4) == 0) {
		pick_bytes(addr.u.bytes, bytes);
		return addr;
	}
	addr.family = near->network.family;
	bytes = addr.family == PLAIT_FAMILY_IPV4 ? 4 : 16;
	memcpy(addr.u.bytes, near->network.bytes, bytes);
	for (unsigned i = near->network.bits; pick(2) && i < bytes * 8; i++)
		addr.u.bytes[i / 8] |= (uint8_t)(0x80 >> (i % 8)); /* its last one */
	int step = (int)pick(3) - 1;
	for (unsigned i = bytes; step && i-- > 0;) {
		addr.u.bytes[i] = (uint8_t)(addr.u.bytes[i] + step);
		if (addr.u.bytes[i] != (step > 0 ? 0 : 255))
			break;
	}
	return addr;
}

static void it_says_what_looking_at_each_says(void)
{
	enum { LISTS = 400, MOST = 60, LOOKUPS = 400 };
	unsigned wrong = 0, in = 0;
	for (int list = 0; list < LISTS; list++) {
		struct cidr blocks[MOST];
		size_t count = pick(MOST);
		struct cidr_set *set = cidr_set_new();
		for (size_t i = 0; i < count; i++) {
			blocks[i] = pick_block();
			cidr_set_add(set, &blocks[i]);
		}
		cidr_set_compile(set);
		for (int i = 0; i < LOOKUPS; i++) {
			struct plait_addr addr = pick_address(blocks, count);
			bool expected = has_naively(blocks, count, &addr);
			wrong += cidr_set_has(set, &addr) != expected;
			in += expected;
		}
		cidr_set_free(&set);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(in > LISTS * LOOKUPS / 10 && in < LISTS * LOOKUPS * 9 / 10);
}

static void a_hundred_thousand_are_found(void)
{
	enum { COUNT = 100000 };
	struct cidr_set *set = cidr_set_new();
	unsigned wrong = 0;
	for (unsigned i = COUNT; i-- > 0;) {
		struct cidr cidr = { .network.family = PLAIT_FAMILY_IPV4,
				     .network.bits = 32,
				     .network.bytes = { 10, (uint8_t)(i >> 15), (uint8_t)(i >> 7),
							(uint8_t)(i << 1) } };
		CU_ASSERT_EQUAL(cidr_set_add(set, &cidr), 0);
	}
	CU_ASSERT_EQUAL(cidr_set_compile(set), 0);
	for (unsigned i = 0; i < 2 * COUNT; i++) {
		struct plait_addr addr = { .family = PLAIT_FAMILY_IPV4,
					   .u.bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8),
							(uint8_t)i } };
		wrong += cidr_set_has(set, &addr) != (i % 2 == 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	cidr_set_free(&set);
}

/* ---- both lists ---- */

static bool may_come(const char *deny, const char *allow, const char *who)
{
	struct access *access = access_new(deny ? make(deny) : NULL, allow ? make(allow) : NULL);
	struct plait_addr addr = address(who);
	bool result = access_allows(access, &addr);
	CU_ASSERT_EQUAL(access->audience.hears(&access->audience, &addr), result);
	access_free(&access);
	return result;
}

static void who_is_denied_may_not_come_and_who_is_in_no_list_may_only_without_allow(void)
{
	CU_ASSERT_TRUE(may_come(NULL, NULL, "10.0.0.1"));
	CU_ASSERT_TRUE(may_come("10.0.0.0/8", NULL, "11.0.0.1"));
	CU_ASSERT_FALSE(may_come("10.0.0.0/8", NULL, "10.0.0.1"));
	CU_ASSERT_TRUE(may_come(NULL, "10.0.0.0/8", "10.0.0.1"));
	CU_ASSERT_FALSE(may_come(NULL, "10.0.0.0/8", "11.0.0.1"));
	CU_ASSERT_FALSE(may_come(NULL, "10.0.0.0/8", "::1"));
	CU_ASSERT_FALSE(may_come("10.0.0.1", "10.0.0.0/8", "10.0.0.1"));
	CU_ASSERT_TRUE(may_come("10.0.0.1", "10.0.0.0/8", "10.0.0.2"));
	CU_ASSERT_TRUE(may_come("!10.0.0.1 10.0.0.0/8", NULL, "10.0.0.1"));
	CU_ASSERT_FALSE(may_come(NULL, "!10.0.0.1 10.0.0.0/8", "10.0.0.1"));
}

static void who_has_no_address_may_come(void)
{
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX };
	struct access *access = access_new(make("all"), make("10.0.0.1"));
	CU_ASSERT_TRUE(access_allows(access, &peer));
	access_free(&access);
	CU_ASSERT_TRUE(access_allows(NULL, &peer));
}

static bool same(const char *deny, const char *allow, const char *other_deny, const char *other_allow)
{
	struct access *a = access_new(deny ? make(deny) : NULL, allow ? make(allow) : NULL);
	struct access *b = access_new(other_deny ? make(other_deny) : NULL,
				      other_allow ? make(other_allow) : NULL);
	bool result = access_same(a, b);
	access_free(&a);
	access_free(&b);
	return result;
}

static void a_change_of_who_may_come_is_seen(void)
{
	CU_ASSERT_TRUE(access_same(NULL, NULL));
	CU_ASSERT_TRUE(same("10.0.0.0/8", NULL, "10.0.0.0/9 10.128.0.0/9", NULL));
	CU_ASSERT_FALSE(same("10.0.0.0/8", NULL, "10.0.0.0/9", NULL));
	CU_ASSERT_FALSE(same("10.0.0.0/8", NULL, NULL, "10.0.0.0/8"));
	CU_ASSERT_FALSE(same(NULL, "::/0", NULL, "::/1"));
	CU_ASSERT_TRUE(same("!10.0.0.1 all", "all", "!10.0.0.1 0.0.0.0/0 ::/0", "all"));
}

SUITE_MAIN("cidr", SUITE_TEST(a_block_has_what_lies_in_it), SUITE_TEST(mapped_addresses_are_ipv4),
	   SUITE_TEST(the_first_that_holds_it_counts), SUITE_TEST(what_is_no_block_is_refused),
	   SUITE_TEST(it_says_what_looking_at_each_says), SUITE_TEST(a_hundred_thousand_are_found),
	   SUITE_TEST(who_is_denied_may_not_come_and_who_is_in_no_list_may_only_without_allow),
	   SUITE_TEST(who_has_no_address_may_come), SUITE_TEST(a_change_of_who_may_come_is_seen))
