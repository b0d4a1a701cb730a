/* Endpoint strings, good and bad. */
#include <string.h>

#include "core/base/endpoint.h"
#include "tests/unit/suite.h"

static void takes_hosts_and_ports(void)
{
	static const struct {
		const char *text, *host;
		enum endpoint_scheme scheme;
		int port;
	} samples[] = {
		{ "tcp://127.0.0.1:7007", "127.0.0.1", ENDPOINT_TCP, 7007 },
		{ "tls://[::]:7443", "::", ENDPOINT_TLS, 7443 },
		{ "udp://*:53", "*", ENDPOINT_UDP, 53 },
		{ "tcp://localhost:0", "localhost", ENDPOINT_TCP, 0 },
		{ "tcp://my-host.example.:65535", "my-host.example.", ENDPOINT_TCP, 65535 },
		{ "tcp://[fe80::1%eth0]:1", "fe80::1%eth0", ENDPOINT_TCP, 1 },
		{ "tcp://[::ffff:10.0.0.1]:00080", "::ffff:10.0.0.1", ENDPOINT_TCP, 80 },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct endpoint endpoint;

		CU_ASSERT_EQUAL(endpoint_parse(samples[i].text, "/etc", &endpoint, NULL), 0);
		CU_ASSERT_EQUAL(endpoint.scheme, samples[i].scheme);
		CU_ASSERT_STRING_EQUAL(endpoint.host, samples[i].host);
		CU_ASSERT_EQUAL(endpoint.port, samples[i].port);
		CU_ASSERT_STRING_EQUAL(endpoint.path, "");
	}
}

static void takes_unix_paths(void)
{
	static const struct {
		const char *text, *folder, *path;
	} samples[] = {
		{ "unix:/run/x.sock", "/etc", "/run/x.sock" },
		{ "unix:///run/x.sock", "/etc", "/run/x.sock" },
		{ "unix:x.sock", "/etc", "/etc/x.sock" },
		{ "unix:./x.sock", "/etc", "/etc/x.sock" },
		{ "unix:x.sock", NULL, "x.sock" },
		{ "unix:@plait", "/etc", "@plait" },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct endpoint endpoint;

		CU_ASSERT_EQUAL(endpoint_parse(samples[i].text, samples[i].folder, &endpoint, NULL), 0);
		CU_ASSERT_EQUAL(endpoint.scheme, ENDPOINT_UNIX);
		CU_ASSERT_STRING_EQUAL(endpoint.path, samples[i].path);
	}
}

static void refuses(const char *text, const char *part)
{
	struct endpoint endpoint;
	struct plait_error error = { 0 };

	CU_ASSERT_EQUAL(endpoint_parse(text, "/etc", &endpoint, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_INVALID);
	if (!strstr(error.text, part)) {
		printf("# %s\n", error.text);
		CU_FAIL("the text of the error");
	}
}

static void refuses_what_makes_no_sense(void)
{
	refuses("", "found \"\"; expected \"tcp://HOST:PORT\"");
	refuses("7007", "expected \"tcp://HOST:PORT\"");
	refuses("tcp:127.0.0.1:7007", "did you mean \"tcp://\"?");
	refuses("TCP://127.0.0.1:7007", "did you mean \"tcp://\"?");
	refuses("unx:/run/x", "did you mean \"unix:\"?");
	refuses("averyveryverylongscheme://x", "expected \"tcp://HOST:PORT\"");
	refuses("tcp://", "expected a host");
	refuses("tcp://:7007", "expected a host");
	refuses("tcp://[]:7007", "expected a host");
	refuses("tcp://127.0.0.1", "expected a port");
	refuses("tcp://127.0.0.1:", "from 0 to 65535");
	refuses("tcp://127.0.0.1:65536", "from 0 to 65535");
	refuses("tcp://127.0.0.1:000080", "from 0 to 65535");
	refuses("tcp://127.0.0.1:-1", "from 0 to 65535");
	refuses("tcp://127.0.0.1:80 ", "from 0 to 65535");
	refuses("tcp://[::1]7007", "expected a port");
	refuses("tcp://[::1", "expected a \"]\"");
	refuses("tcp://[::g]:1", "between the brackets");
	refuses("tcp://[fe80::1%]:1", "between the brackets");
	refuses("tcp://[fe80::1%averyverylongnameofone]:1", "between the brackets");
	refuses("tcp://::1:7007", "in brackets");
	refuses("tcp://256.0.0.1:1", "expected a host name");
	refuses("tcp://1.2.3:1", "expected a host name");
	refuses("tcp://a..b:1", "expected a host name");
	refuses("tcp://-a:1", "expected a host name");
	refuses("tcp://a/b:1", "expected a host name");
	refuses("tcp://a\nb:1", "found \"tcp://a\\nb:1\"");
	refuses("unix:", "expected a path");
	refuses("unix:@", "expected a path");
	refuses("unix://run/x.sock", "right after");
	refuses("unix:/run/", "not of a folder");
}

static void bounds_lengths(void)
{
	struct endpoint endpoint;
	char text[1200] = "unix:/";

	memset(text + 6, 'x', 106);
	CU_ASSERT_EQUAL(endpoint_parse(text, NULL, &endpoint, NULL), 0);
	CU_ASSERT_EQUAL(strlen(endpoint.path), 107);
	text[112] = 'x';
	refuses(text, "at most 107 bytes, and this one has 108");
	memset(text, 0, sizeof(text));
	memcpy(text, "unix:", 5);
	memset(text + 5, 'x', 103);
	refuses(text, "at most 107 bytes, and this one has 108"); /* with "/etc/" before it */
	memset(text, 0, sizeof(text));
	memcpy(text, "tcp://", 6);
	memset(text + 6, 'x', 255);
	memcpy(text + 261, ":1", 2);
	CU_ASSERT_EQUAL(endpoint_parse(text, NULL, &endpoint, NULL), 0);
	memcpy(text + 261, "x:1", 3);
	refuses(text, "at most 255 bytes");
	memset(text + 6, '[', 1100);
	refuses(text, "expected a \"]\"");
}

static void names_schemes(void)
{
	CU_ASSERT_STRING_EQUAL(endpoint_scheme_name(ENDPOINT_TCP), "tcp");
	CU_ASSERT_STRING_EQUAL(endpoint_scheme_name(ENDPOINT_UNIX), "unix");
}

SUITE_MAIN("endpoint", SUITE_TEST(takes_hosts_and_ports), SUITE_TEST(takes_unix_paths),
	   SUITE_TEST(refuses_what_makes_no_sense), SUITE_TEST(bounds_lengths), SUITE_TEST(names_schemes))
