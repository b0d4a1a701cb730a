/* Protocols that a program offers by ALPN: their factories, and what can be wrong with the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/server/listener/listener.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

static size_t on_data(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

struct settings {
	uint64_t size;
};

static const struct plait_option table[] = {
	PLAIT_OPTION_SIZE("size", struct settings, size, .fallback = "4k", .doc = "A size"),
	PLAIT_OPTION_END,
};
static const struct plait_option required_table[] = {
	PLAIT_OPTION_SIZE("size", struct settings, size, .required = true, .doc = "A size"),
	PLAIT_OPTION_END,
};

#define OPTIONS(table_) .options = (table_), .options_size = sizeof(struct settings)

static const struct plait_protocol plain = { PLAIT_PROTOCOL_HEAD("plain"), .data = on_data };
static const struct plait_protocol sized = { PLAIT_PROTOCOL_HEAD("sized"), .data = on_data, OPTIONS(table) };
static const struct plait_protocol demanding = { PLAIT_PROTOCOL_HEAD("demanding"), .data = on_data,
						 OPTIONS(required_table) };
static const struct plait_protocol headless = { .data = on_data };

/* Who is chosen has the options that the program gave it, or its defaults. */
static void each_has_its_factory(void)
{
	static const struct settings given = { .size = 77 };
	static const struct plait_listen_alpn alpn[] = { { "chat/1", &demanding, &given },
							 { "a,b", &sized, NULL },
							 { 0 } };
	char certificate[1024], key[1024];
	const char *folder = getenv("CERTS");
	snprintf(certificate, sizeof(certificate), "%s/server.pem", folder ? folder : ".");
	snprintf(key, sizeof(key), "%s/server.key", folder ? folder : ".");
	struct plait_listen_options options = { .certificate = certificate, .key = key, .alpn = alpn };
	struct plait_error error = { 0 };
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tls://127.0.0.1:0", &plain, &options,
						       &error);
	if (!listener)
		printf("# %s: %s\n", error.path, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	const struct factory_choices *choices = listener->versions->factory->choices;
	CU_ASSERT_PTR_NOT_NULL_FATAL(choices);
	CU_ASSERT_EQUAL_FATAL(choices->count, 2);
	CU_ASSERT_STRING_EQUAL(choices->items[0]->protocol->head.name, "demanding");
	CU_ASSERT_PTR_EQUAL(plait_factory_options(choices->items[0]), &given);
	CU_ASSERT_STRING_EQUAL(choices->items[1]->protocol->head.name, "sized");
	CU_ASSERT_EQUAL(((const struct settings *)plait_factory_options(choices->items[1]))->size, 4096);
	CU_ASSERT_STRING_EQUAL(plait_factory_name(choices->items[1]), "plain"); /* the listener's */
	CU_ASSERT_PTR_EQUAL(choices->items[1]->settings, listener->versions->factory->settings);
	trial_finish();
}

static const struct {
	const char *endpoint;
	struct plait_listen_alpn alpn[3];
	const char *text; /* in the error's */
} faults[] = {
	{ "tcp://127.0.0.1:0", { { "a", &plain, NULL } }, "a tcp listener has no TLS; take \"alpn\" out" },
	{ "tls://127.0.0.1:0", { { 0 } }, "alpn: found an empty object" },
	{ "tls://127.0.0.1:0",
	  { { "a", &plain, NULL }, { "a", &plain, NULL } },
	  "alpn: a name is there for the second time" },
	{ "tls://127.0.0.1:0", { { "", &plain, NULL } }, "found an empty name" },
	{ "tls://127.0.0.1:0", { { "//", &plain, NULL } }, "alpn: a name begins with" },
	{ "tls://127.0.0.1:0", { { "\xff", &plain, NULL } }, "alpn: a name is not UTF-8" },
	{ "tls://127.0.0.1:0", { { "a", NULL, NULL } }, "a name has no protocol" },
	{ "tls://127.0.0.1:0", { { "a", &headless, NULL } }, "PLAIT_PROTOCOL_HEAD" },
	{ "tls://127.0.0.1:0", { { "a", &demanding, NULL } }, "alpn.a.options: the key \"size\" is missing" },
};

static void wrong_tables_are_told(void)
{
	trial_begin(1);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct plait_listen_options options = { .alpn = faults[i].alpn };
		struct plait_error error = { 0 };
		if (strncmp(faults[i].endpoint, "tls", 3) == 0)
			options.certificate = options.key = "x.pem";
		CU_ASSERT_PTR_NULL(plait_listen(reactor, faults[i].endpoint, &plain, &options, &error));
		CU_ASSERT_TRUE(error.code < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(error.text, faults[i].text));
		if (!strstr(error.text, faults[i].text))
			printf("# %zu: %s: %s\n", i, error.path, error.text);
	}
	trial_finish();
}

SUITE_MAIN("listen_alpn", SUITE_TEST(each_has_its_factory), SUITE_TEST(wrong_tables_are_told))
