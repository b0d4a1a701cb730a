/* What a program can say of a listener's limits, lists and deadlines: each member reaches its setting, and no other. */
#include <stddef.h>
#include <string.h>

#include "core/server/listener/listener.h"
#include "core/server/reactor.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len;
}

static const struct plait_protocol sink = { PLAIT_PROTOCOL_HEAD("sink"), .data = on_data };

/* All are of eight bytes. */
static const struct {
	size_t option, setting;
	uint64_t value;
} numbers[] = {
#define NUMBER(option_, setting_, value_)                                                                    \
	{                                                                                                    \
		.option = offsetof(struct plait_listen_options, option_),                                    \
		.setting = offsetof(struct net_settings, setting_), .value = (value_)                        \
	}
	NUMBER(handshake_timeout_ms, timeouts.handshake_ms, 4321),
	NUMBER(preamble_timeout_ms, timeouts.preamble_ms, 4322),
	NUMBER(first_byte_timeout_ms, timeouts.first_byte_ms, 4323),
	NUMBER(idle_timeout_ms, timeouts.idle_ms, 4324),
	NUMBER(message_timeout_ms, timeouts.message_ms, 4325),
	NUMBER(write_timeout_ms, timeouts.write_ms, 4326),
	NUMBER(lifetime_ms, timeouts.lifetime_ms, 4327),
	NUMBER(close_timeout_ms, timeouts.close_ms, 4328),
	NUMBER(connections, limits.connections, 41),
	NUMBER(per_address, limits.per_address, 42),
	NUMBER(handshakes, limits.handshakes, 43),
	NUMBER(prefix_connections, limits.per_prefix.connections, 44),
	NUMBER(prefix_ipv4, limits.per_prefix.ipv4, 20),
	NUMBER(prefix_ipv6, limits.per_prefix.ipv6, 56),
	NUMBER(accept_rate, limits.accept_rate, 45),
	NUMBER(accept_burst, limits.accept_burst, 46),
	NUMBER(address_rate, limits.address_rate, 47),
	NUMBER(address_burst, limits.address_burst, 48),
	NUMBER(connection_read_rate, limits.connection_read_rate, 49),
	NUMBER(connection_write_rate, limits.connection_write_rate, 50),
	NUMBER(read_rate, limits.read_rate, 51),
	NUMBER(write_rate, limits.write_rate, 52),
#undef NUMBER
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static struct plait_listener *listen_with(const struct plait_listen_options *options)
{
	struct plait_error error = { 0 };
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &sink, options, &error);
	if (!listener)
		printf("# %s\n", error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	return listener;
}

static uint64_t setting(const struct plait_listener *listener, size_t number)
{
	uint64_t value;
	memcpy(&value, (const char *)&listener->config->net + numbers[number].setting, sizeof(value));
	return value;
}

static void each_number_reaches_its_setting_alone(void)
{
	/* A burst is refused without its rate. */
	const struct plait_listen_options rates = { .accept_rate = 1, .address_rate = 1 };
	trial_begin(1);
	struct plait_listener *plain = listen_with(&rates);
	for (size_t i = 0; i < NUMBERS; i++) {
		struct plait_listen_options options = rates;
		memcpy((char *)&options + numbers[i].option, &numbers[i].value, sizeof(numbers[i].value));
		struct plait_listener *listener = listen_with(&options);
		for (size_t j = 0; j < NUMBERS; j++) {
			uint64_t expected = i == j ? numbers[i].value : setting(plain, j);
			if (setting(listener, j) != expected)
				printf("# number %zu changes number %zu\n", i, j);
			CU_ASSERT_EQUAL(setting(listener, j), expected);
		}
	}
	trial_finish();
}

static void what_is_unlimited_is_0(void)
{
	const struct plait_listen_options options = { .connections = PLAIT_UNLIMITED,
						      .handshakes = PLAIT_UNLIMITED,
						      .message_timeout_ms = PLAIT_UNLIMITED,
						      .write_timeout_ms = PLAIT_UNLIMITED };
	trial_begin(1);
	const struct net_settings *net = &listen_with(&options)->config->net;
	CU_ASSERT_EQUAL(net->limits.connections, 0);
	CU_ASSERT_EQUAL(net->limits.handshakes, 0);
	CU_ASSERT_EQUAL(net->timeouts.message_ms, 0);
	CU_ASSERT_EQUAL(net->timeouts.write_ms, 0);
	trial_finish();
}

static void what_becomes_of_who_is_over_is_told(void)
{
	const struct plait_listen_options says = { .over = "message", .over_message = "later" };
	const struct plait_listen_options waits = { .over = "wait" };
	trial_begin(1);
	CU_ASSERT_PTR_NULL(listen_with(NULL)->versions->gate.admission.farewell);
	CU_ASSERT_STRING_EQUAL(listen_with(&says)->versions->gate.admission.farewell, "later");
	CU_ASSERT_PTR_NULL(listen_with(&says)->versions->gate.admission.reserve);
	CU_ASSERT_PTR_NOT_NULL(listen_with(&waits)->versions->gate.admission.reserve);
	trial_finish();
}

static void lists_are_heeded(void)
{
	static const char *const deny[] = { "10.0.0.1", NULL }, *const allow[] = { "10.0.0.0/24", NULL };
	const struct plait_listen_options options = { .deny = deny, .allow = allow };
	struct plait_addr addr = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 10, 0, 0, 1 } };
	trial_begin(1);
	const struct access *access = listen_with(&options)->versions->gate.access;
	CU_ASSERT_FALSE(access_allows(access, &addr));
	addr.u.bytes[3] = 2;
	CU_ASSERT_TRUE(access_allows(access, &addr));
	addr.u.bytes[2] = 1;
	CU_ASSERT_FALSE(access_allows(access, &addr));
	CU_ASSERT_PTR_NULL(listen_with(NULL)->versions->gate.access);
	trial_finish();
}

static void a_reactor_counts_all_its_listeners(void)
{
	static const struct {
		uint64_t option;
		int64_t most;
	} cases[] = { { 0, 0 }, { 7, 7 }, { PLAIT_UNLIMITED, 0 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		trial_begin_with(
			&(struct plait_reactor_options){ .loops = 1, .connections = cases[i].option });
		CU_ASSERT_EQUAL(atomic_load(&reactor->limits->most), cases[i].most);
		CU_ASSERT_PTR_EQUAL(listen_with(NULL)->versions->gate.server, reactor->limits);
		trial_finish();
	}
}

SUITE_MAIN("listen_settings", SUITE_TEST(each_number_reaches_its_setting_alone),
	   SUITE_TEST(what_is_unlimited_is_0), SUITE_TEST(what_becomes_of_who_is_over_is_told),
	   SUITE_TEST(lists_are_heeded), SUITE_TEST(a_reactor_counts_all_its_listeners))
