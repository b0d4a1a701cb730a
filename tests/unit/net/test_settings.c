/* The settings of a listener that configures nothing. */
#include "core/net/settings.h"
#include "tests/unit/suite.h"

static void the_defaults_are_those_of_the_tables(void)
{
	const struct net_settings *settings = net_settings_default();
	CU_ASSERT_EQUAL(settings->timeouts.handshake_ms, 10000);
	CU_ASSERT_EQUAL(settings->buffers.high, 65536);
	CU_ASSERT_EQUAL(settings->limits.connections, 10000);
	CU_ASSERT_TRUE(settings->socket.nodelay);
	CU_ASSERT_FALSE(settings->socket.v6only);
	CU_ASSERT_EQUAL(settings->socket.keepalive.idle_ms, 300000);
	CU_ASSERT_STRING_EQUAL(settings->socket.mode, "0660");
	CU_ASSERT_PTR_EQUAL(net_settings_default(), settings);
}

SUITE_MAIN("settings", SUITE_TEST(the_defaults_are_those_of_the_tables))
