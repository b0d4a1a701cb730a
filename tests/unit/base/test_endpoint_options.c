/* What follows the "?" of an endpoint string, good and bad. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/endpoint_options.h"
#include "tests/unit/suite.h"

static struct endpoint endpoint;
static struct endpoint_options options;

static void takes(const char *text)
{
	struct plait_error error = { 0 };
	endpoint_options_fini(&options);
	options = (struct endpoint_options){ .timeout_ms = 30000, .verify = true, .attempts = 8 };
	if (endpoint_parse_options(text, &endpoint, &options, &error) < 0) {
		printf("# %s: %s\n", text, error.text);
		CU_FAIL("it should be taken");
	}
}

static void done(void)
{
	endpoint_options_fini(&options);
}

static void keeps_what_holds_without_options(void)
{
	takes("tcp://127.0.0.1:7007");
	CU_ASSERT_EQUAL(endpoint.port, 7007);
	CU_ASSERT_EQUAL(options.timeout_ms, 30000);
	CU_ASSERT(options.verify);
	takes("tcp://127.0.0.1:7007?");
	CU_ASSERT_EQUAL(options.timeout_ms, 30000);
	done();
}

static void takes_each_kind_of_value(void)
{
	takes("tls://example.org:443?timeout=250ms&attempts=2&verify=no&ca=/etc/ca.pem&alpn=h2,http/1.1");
	CU_ASSERT_EQUAL(endpoint.scheme, ENDPOINT_TLS);
	CU_ASSERT_STRING_EQUAL(endpoint.host, "example.org");
	CU_ASSERT_EQUAL(options.timeout_ms, 250);
	CU_ASSERT_EQUAL(options.attempts, 2);
	CU_ASSERT_FALSE(options.verify);
	CU_ASSERT_STRING_EQUAL(options.ca, "/etc/ca.pem");
	CU_ASSERT_STRING_EQUAL(options.alpn, "h2,http/1.1");
	CU_ASSERT_PTR_NULL(options.name);
	takes("unix:/run/x.sock?timeout=1.5s&idle=0");
	CU_ASSERT_STRING_EQUAL(endpoint.path, "/run/x.sock");
	CU_ASSERT_EQUAL(options.timeout_ms, 1500);
	done();
}

static void takes_bytes_as_figures(void)
{
	takes("tls://h:1?ca=/tmp/a%26b%3d%2525.pem&name=%c3%A9");
	CU_ASSERT_STRING_EQUAL(options.ca, "/tmp/a&b=%25.pem");
	CU_ASSERT_STRING_EQUAL(options.name, "\xc3\xa9");
	done();
}

static void takes_an_address_of_each_family(void)
{
	char text[PLAIT_ADDR_TEXT];
	takes("tcp://h:1?bind=127.0.0.2");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&options.bind4, text, sizeof(text)), "127.0.0.2:0");
	CU_ASSERT_EQUAL(options.bind6.family, PLAIT_FAMILY_NONE);
	takes("tcp://h:1?bind=[::1]:5000,10.0.0.1:80");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&options.bind4, text, sizeof(text)), "10.0.0.1:80");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&options.bind6, text, sizeof(text)), "[::1]:5000");
	takes("tcp://h:1?bind=::ffff:10.0.0.2,[::1]");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&options.bind4, text, sizeof(text)), "10.0.0.2:0");
	CU_ASSERT_STRING_EQUAL(plait_addr_format(&options.bind6, text, sizeof(text)), "[::1]:0");
	takes("tcp://h:1?bind=fe80::1%25lo");
	CU_ASSERT_EQUAL(options.bind6.scope, 1);
	done();
}

static void refuses(const char *text, const char *part)
{
	struct plait_error error = { 0 };
	CU_ASSERT_EQUAL(endpoint_parse_options(text, &endpoint, &options, &error), PLAIT_ERROR_INVALID);
	if (!strstr(error.text, part)) {
		printf("# %s\n", error.text);
		CU_FAIL("the text of the error");
	}
	endpoint_options_fini(&options);
}

static void says_what_is_wrong(void)
{
	refuses("tcp://h:1?timout=5s",
		"found \"timout\" in \"tcp://h:1?timout=5s\"; did you mean \"timeout\"?");
	refuses("unix:/x?xyzzy=1", "Options of unix endpoints are \"timeout\", \"idle\", \"close\"");
	refuses("tcp://h:1?ca=x", "found \"ca\" in \"tcp://h:1?ca=x\"; it is for tls:// only");
	refuses("unix:/x?bind=127.0.0.1", "it is for tcp://, tls:// only");
	refuses("tcp://h:1?timeout", "expected KEY=VALUE");
	refuses("tcp://h:1?timeout=5s&&idle=1", "expected KEY=VALUE");
	refuses("tcp://h:1?timeout=5s&timeout=6s", "it is written twice");
	refuses("tcp://h:1?timeout=soon",
		"found \"timeout=soon\" in \"tcp://h:1?timeout=soon\"; expected a duration");
	refuses("tcp://h:1?timeout=0", "expected a duration from 1ms to 1d");
	refuses("tcp://h:1?stagger=5ms", "expected a duration from 10ms");
	refuses("tcp://h:1?attempts=17", "expected a number from 1 to 16");
	refuses("tcp://h:1?attempts=18446744073709551617", "expected a number from 1 to 16");
	refuses("tcp://h:1?attempts=", "expected a number from 1 to 16");
	refuses("tls://h:1?verify=maybe", "expected \"yes\" or \"no\"");
	refuses("tls://h:1?ca=", "expected something");
	refuses("tls://h:1?ca=%2", "expected two hexadecimal digits");
	refuses("tls://h:1?ca=%00", "expected two hexadecimal digits");
	refuses("tls://h:1?ca=%", "expected two hexadecimal digits");
	refuses("tcp://h:1?bind=localhost", "expected an address of this machine");
	refuses("tcp://h:1?bind=127.0.0.1:65536", "expected an address of this machine");
	refuses("tcp://h:1?bind=127.0.0.1:", "expected an address of this machine");
	refuses("tcp://h:1?bind=[::1", "expected an address of this machine");
	refuses("tcp://h:1?bind=[::1]:", "expected an address of this machine");
	refuses("tcp://h:1?bind=fe80::1%25none", "expected an address of this machine");
	refuses("tcp://h:1?bind=", "expected an address of this machine");
	refuses("tcp://h:1?bind=127.0.0.1,127.0.0.2", "at most one of each family");
	refuses("tcp://h?timeout=5s", "expected a port");
}

static void bounds_its_length(void)
{
	char *text = calloc(1, 5000);
	memset(text, 'x', 4999);
	refuses(text, "at most 4096 bytes");
	free(text);
}

static void lists_the_keys_of_a_scheme(void)
{
	const char *doc;
	CU_ASSERT_STRING_EQUAL(endpoint_option_at(ENDPOINT_UNIX, 0, &doc), "timeout");
	CU_ASSERT_STRING_EQUAL(endpoint_option_at(ENDPOINT_UNIX, 2, &doc), "close");
	CU_ASSERT_PTR_NULL(endpoint_option_at(ENDPOINT_UNIX, 3, &doc));
}

SUITE_MAIN("endpoint_options", SUITE_TEST(keeps_what_holds_without_options),
	   SUITE_TEST(takes_each_kind_of_value), SUITE_TEST(takes_bytes_as_figures),
	   SUITE_TEST(takes_an_address_of_each_family), SUITE_TEST(says_what_is_wrong),
	   SUITE_TEST(bounds_its_length), SUITE_TEST(lists_the_keys_of_a_scheme))
