/* Networks: what is read as one, and who is in it. */
#include "core/base/network.h"

#include <string.h>

#include "tests/unit/suite.h"

static void are_read_strictly(void)
{
	static const struct {
		const char *text, *fault; /* NULL: none */
	} cases[] = {
		{ "10.0.0.0/8", NULL },
		{ "0.0.0.0/0", NULL },
		{ "192.0.2.1", NULL },
		{ "192.0.2.1/32", NULL },
		{ "::/0", NULL },
		{ "2001:db8::/32", NULL },
		{ "2001:db8::1/128", NULL },
		{ "::ffff:10.0.0.0/104", NULL },
		{ "unix", NULL },
		{ "10.0.0.1/8", "behind its prefix" },
		{ "2001:db8::1/64", "behind its prefix" },
		{ "10.0.0.0/33", "0 to 32" },
		{ "::/129", "0 to 128" },
		{ "10.0.0.0/08", "0 to 32" },
		{ "10.0.0.0/", "0 to 32" },
		{ "10.0.0.0/-1", "0 to 32" },
		{ "10.0.0.0/8x", "0 to 32" },
		{ "10.0.0.0/4294967304", "0 to 32" },
		{ "::ffff:10.0.0.0/95", "96 bits or more" },
		{ "10.0.0/8", "a network" },
		{ "fe80::1%lo", "a network" },
		{ "example.org", "a network" },
		{ "", "a network" },
		{ "/8", "a network" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plait_error error = { 0 };
		struct network network;
		int result = network_parse(cases[i].text, &network, &error);
		bool good = cases[i].fault ? result == PLAIT_ERROR_INVALID &&
						     strstr(error.text, cases[i].fault) != NULL
					   : result == 0;
		if (!good)
			printf("# %s: %s\n", cases[i].text, error.text);
		CU_ASSERT_TRUE(good);
	}
}

static void have_whom_the_prefix_covers(void)
{
	static const struct {
		const char *network, *addr;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.1.2:80", true },
		{ "10.0.0.0/8", "11.0.0.0:80", false },
		{ "0.0.0.0/0", "203.0.113.9:1", true },
		{ "0.0.0.0/0", "[::1]:1", false },
		{ "::/0", "[2001:db8::1]:1", true },
		{ "::/0", "10.0.0.1:1", false },
		{ "192.0.2.1", "192.0.2.1:5", true },
		{ "192.0.2.1", "192.0.2.0:5", false },
		{ "192.0.2.128/25", "192.0.2.200:5", true },
		{ "192.0.2.128/25", "192.0.2.127:5", false },
		{ "10.0.0.0/9", "10.127.0.1:5", true },
		{ "10.0.0.0/9", "10.128.0.1:5", false },
		{ "2001:db8::/33", "[2001:db8:7fff::1]:5", true },
		{ "2001:db8::/33", "[2001:db8:8000::1]:5", false },
		{ "::ffff:10.0.0.0/104", "10.1.2.3:5", true },
		{ "10.0.0.0/8", "[::ffff:10.1.2.3]:5", true },
		{ "unix", "10.0.0.1:1", false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct network network;
		struct plait_addr addr;
		CU_ASSERT_EQUAL_FATAL(network_parse(cases[i].network, &network, NULL), 0);
		CU_ASSERT_EQUAL_FATAL(plait_addr_parse(cases[i].addr, &addr, NULL), 0);
		if (network_has(&network, &addr) != cases[i].has)
			printf("# %s in %s\n", cases[i].addr, cases[i].network);
		CU_ASSERT_EQUAL(network_has(&network, &addr), cases[i].has);
	}
}

static void have_unix_peers_only_by_name(void)
{
	struct plait_addr peer = { .family = PLAIT_FAMILY_UNIX, .u.peer.pid = 5 }, nobody = { 0 };
	struct network networks[3] = { 0 };
	CU_ASSERT_FALSE(networks_have(networks, 3, &nobody));
	network_parse("0.0.0.0/0", &networks[0], NULL);
	network_parse("::/0", &networks[1], NULL);
	CU_ASSERT_FALSE(networks_have(networks, 3, &peer));
	network_parse("unix", &networks[2], NULL);
	CU_ASSERT_TRUE(networks_have(networks, 3, &peer));
	CU_ASSERT_FALSE(networks_have(networks, 3, &nobody));
}

SUITE_MAIN("network", SUITE_TEST(are_read_strictly), SUITE_TEST(have_whom_the_prefix_covers),
	   SUITE_TEST(have_unix_peers_only_by_name))
