/* What a program can get wrong about a listener, and what it is told. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len;
}

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	(void)reason;
}

static void on_datagram(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	(void)port;
	(void)from;
	(void)data;
	(void)len;
}

static const struct plait_protocol echo = { PLAIT_PROTOCOL_HEAD("echo"), .data = on_data,
					    .datagram = on_datagram };

struct settings {
	uint64_t size;
};

static const struct plait_option required_table[] = {
	PLAIT_OPTION_SIZE("size", struct settings, size, .required = true, .doc = "A size"),
	PLAIT_OPTION_END,
};

static const struct plait_protocol demanding = { PLAIT_PROTOCOL_HEAD("demanding"), .data = on_data,
						 .options = required_table,
						 .options_size = sizeof(struct settings) };
static const struct plait_protocol headless = { .data = on_data };
static const struct plait_protocol idle = { PLAIT_PROTOCOL_HEAD("idle"), .lost = on_lost };
static const struct plait_protocol stream_only = { PLAIT_PROTOCOL_HEAD("stream"), .data = on_data };

static void take_datagram(struct plait_port *port, const struct plait_addr *from, const void *data,
			  size_t len)
{
	(void)port;
	(void)from;
	(void)data;
	(void)len;
}

static const struct plait_protocol upgrading = { PLAIT_PROTOCOL_HEAD("upgrading"), .made = plait_close,
						 .datagram = take_datagram, .starts_tls = true };

/* Tables that a program can get wrong. */
static const struct plait_listen_alpn chat[] = { { "chat/1", &echo, NULL }, { 0 } };
static const struct plait_listen_alpn none[] = { { 0 } };
static const struct plait_listen_alpn twice[] = { { "a", &echo, NULL }, { "a", &echo, NULL }, { 0 } };
static const struct plait_listen_alpn nameless[] = { { "", &echo, NULL }, { 0 } };
static const struct plait_listen_alpn comment[] = { { "//", &echo, NULL }, { 0 } };
static const struct plait_listen_alpn binary[] = { { "\xff", &echo, NULL }, { 0 } };
static const struct plait_listen_alpn nothing[] = { { "a", NULL, NULL }, { 0 } };
static const struct plait_listen_alpn without_head[] = { { "a", &headless, NULL }, { 0 } };
static const struct plait_listen_alpn without_options[] = { { "a", &demanding, NULL }, { 0 } };

static const char *const proxies[] = { "10.0.0.0/8", NULL };
static const char *const bad_proxies[] = { "10.0.0.0/8", "10.0.0.1/8", NULL };
static const char *const binary_proxies[] = { "\xff", NULL };
static const char *const empty[] = { NULL };

#define PAIR .certificate = "x.pem", .key = "x.pem"

static const struct {
	const char *endpoint;
	const struct plait_protocol *protocol;
	struct plait_listen_options options;
	const char *text; /* in the error's */
} faults[] = {
	{ "tcp://127.0.0.1:0", &echo, { .alpn = chat }, "a tcp listener has no TLS; take \"alpn\" out" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = none }, "alpn: found an empty object" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = twice }, "alpn: a name is there for the second time" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = nameless }, "found an empty name" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = comment }, "alpn: a name begins with" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = binary }, "alpn: a name is not UTF-8" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = nothing }, "a name has no protocol" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = without_head }, "PLAIT_PROTOCOL_HEAD" },
	{ "tls://127.0.0.1:0", &echo, { PAIR, .alpn = without_options }, "alpn.a.options: the key \"size\"" },

	{ "htp://127.0.0.1:0", &echo, { 0 }, "bind: found \"htp://127.0.0.1:0\"" },
	{ "tcp://127.0.0.1", &echo, { 0 }, "expected a port" },
	{ "tcp://\xff:0", &echo, { 0 }, "UTF-8" },
	{ "tls://127.0.0.1:0", &echo, { 0 }, "certificate" },
	{ "tls://127.0.0.1:0", &echo, { .certificate = "x.pem" }, "certificate" },
	{ "tls://127.0.0.1:0", &echo, { .certificate = "x.pem", .key = "/nowhere/key" }, "cannot read" },
	{ "tcp://127.0.0.1:0", &echo, { .certificate = "x.pem", .key = "x.pem" }, "no certificate" },
	{ "tcp://127.0.0.1:0", &echo, { .tls = "{}" }, "nothing else of TLS" },
	{ "tcp://127.0.0.1:0", &upgrading, { .certificate = "x.pem" }, "name the key, too" },
	{ "tcp://127.0.0.1:0", &upgrading, { .key = "x.pem" }, "name the certificate, too" },
	{ "udp://127.0.0.1:0", &upgrading, { PAIR }, "tls: a udp listener has no TLS" },
	{ "unix:@x", &upgrading, { .certificate = "/nowhere/x", .key = "/nowhere/x" }, "cannot read" },
	{ "tls://127.0.0.1:0", &echo, { .tls = "{" }, "tls: found no JSON object: " },
	{ "tls://127.0.0.1:0", &echo, { .tls = "[]" }, "tls: found no JSON object: expected {" },
	{ "tls://127.0.0.1:0", &echo, { .tls = "{}" }, "tls: the key \"certificate\" is missing" },
	{ "tls://127.0.0.1:0",
	  &echo,
	  { .tls = "{}", .certificate = "\xff" },
	  "tls.certificate: the path is not" },
	{ "tls://127.0.0.1:0",
	  &echo,
	  { .tls = "{\"key\": \"a\"}", .certificate = "a", .key = "a" },
	  "tls.key: the options say it, too" },
	{ "tls://127.0.0.1:0",
	  &echo,
	  { .tls = "{\"min_versoin\": \"1.2\"}", .certificate = "a", .key = "a" },
	  "tls.min_versoin: unknown key \"min_versoin\"; did you mean \"min_version\"?" },
	{ "tls://127.0.0.1:0",
	  &echo,
	  { .tls = "{\"groups\": \"X25519:P-265\"}", .certificate = "/", .key = "/" },
	  "tls.groups: OpenSSL knows no group \"P-265\"; did you mean" },
	{ "udp://127.0.0.1:0", &stream_only, { 0 }, "takes no datagrams" },
	{ "tcp://127.0.0.1:0", &headless, { 0 }, "PLAIT_PROTOCOL_HEAD" },
	{ "tcp://127.0.0.1:0", &idle, { 0 }, "none of the callbacks" },
	{ "tcp://127.0.0.1:0", &demanding, { 0 }, "options: the key \"size\" is missing" },
	{ "tcp://127.0.0.1:0", &echo, { .name = "a b" }, "name: found \"a b\"" },
	{ "tcp://127.0.0.1:0", &echo, { .idle_timeout_ms = UINT64_MAX - 1 }, "timeouts.idle" },
	{ "tcp://127.0.0.1:0", &echo, { .close_timeout_ms = PLAIT_UNLIMITED }, "timeouts.close" },
	{ "tcp://127.0.0.1:0", &echo, { .buffer_high = 1 }, "low" },
	{ "tcp://127.0.0.1:0", &echo, { .connections = UINT64_MAX - 1 }, "limits.connections" },
	{ "tcp://127.0.0.1:0", &echo, { .overflow = &headless }, "PLAIT_PROTOCOL_HEAD" },
	{ "tcp://127.0.0.1:0", &echo, { .overflow = &echo, .connections = PLAIT_UNLIMITED }, "overflow" },
	{ "udp://127.0.0.1:0", &echo, { .overflow = &echo }, "overflow" },
	{ "tcp://127.0.0.1:0", &echo, { .read_rate = (uint64_t)1 << 40 }, "limits.read_rate" },
	{ "tcp://127.0.0.1:0", &echo, { .proxy_mode = PLAIT_PROXY_REQUIRED }, "nobody is trusted" },
	{ "tcp://127.0.0.1:0",
	  &echo,
	  { .proxy_mode = 7, .proxy_trusted = proxies },
	  "proxy_protocol.mode: found 7" },
	{ "tcp://127.0.0.1:0", &echo, { .proxy_trusted = bad_proxies }, "proxy_protocol.trusted[1]: found" },
	{ "tcp://127.0.0.1:0", &echo, { .deny = bad_proxies }, "deny[1]: found \"10.0.0.1/8\"" },
	{ "tcp://127.0.0.1:0", &echo, { .allow = binary_proxies }, "UTF-8" },
	{ "tcp://127.0.0.1:0", &echo, { .allow = empty }, "allow: found an empty list" },
	{ "tcp://127.0.0.1:0", &echo, { .over = "weight" }, "limits.over: found \"weight\"" },
	{ "tcp://127.0.0.1:0", &echo, { .over = "message" }, "add \"over_message\"" },
	{ "tcp://127.0.0.1:0", &echo, { .over_message = "x" }, "limits.over_message: it is never sent" },
	{ "tcp://127.0.0.1:0", &echo, { .prefix_ipv4 = 33 }, "limits.per_prefix.ipv4: found 33" },
	{ "tcp://127.0.0.1:0", &echo, { .accept_rate = 1000001 }, "limits.accept_rate: found 1000001" },
	{ "tcp://127.0.0.1:0", &echo, { .proxy_trusted = binary_proxies }, "UTF-8" },
	{ "udp://127.0.0.1:0",
	  &echo,
	  { .proxy_mode = PLAIT_PROXY_OPTIONAL, .proxy_trusted = proxies },
	  "reads no PROXY headers" },
	{ "unix:@x", &echo, { .mode = "0999" }, "socket.mode" },
	{ "unix:@x", &echo, { .mode = "06\xff" }, "UTF-8" },
	{ "tls://127.0.0.1:0", &echo, { .certificate = "\xff", .key = "x.pem" }, "UTF-8" },
	{ "unix:/nowhere/socket", &echo, { 0 }, "folder does not exist" },
	{ "tcp://192.0.2.1:0", &echo, { 0 }, "no such address" },
};

static void wrong_arguments_are_told(void)
{
	trial_begin(1);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct plait_error error = { 0 };
		CU_ASSERT_PTR_NULL(plait_listen(reactor, faults[i].endpoint, faults[i].protocol,
						&faults[i].options, &error));
		CU_ASSERT_TRUE(error.code < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, faults[i].text));
		if (!strstr(error.text, faults[i].text))
			printf("# %zu: %s: %s\n", i, error.path, error.text);
		CU_ASSERT_PTR_NULL(plait_listen(reactor, faults[i].endpoint, faults[i].protocol,
						&faults[i].options, NULL));
	}
	trial_finish();
}

SUITE_MAIN("listen_wrong", SUITE_TEST(wrong_arguments_are_told))
