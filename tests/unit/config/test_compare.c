/* What two configurations have in common, whoever wrote them. */
#include <stdio.h>
#include <string.h>

#include "core/config/config.h"
#include "tests/unit/suite.h"

static struct config *load(const char *file, const char *text)
{
	struct problems problems;
	problems_init(&problems);
	struct config *config = config_load_text(file, text, strlen(text), &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	problems_fini(&problems);
	return config;
}

static struct config *load_listener(const char *members)
{
	char text[1024];
	snprintf(text, sizeof(text), "{\"listeners\": [{\"name\": \"x\", \"protocol\": \"echo\", %s}]}",
		 members);
	return load("/etc/plait.json", text);
}

static void listeners(void)
{
	static const struct {
		const char *was, *is;
		const char *changes; /* empty: none */
	} cases[] = {
		{ "\"bind\": \"tcp://[::]:7\"", "\"bind\":\"tcp://[::]:7\"", "" },
		{ "\"bind\": \"tcp://[::]:7\"", "\"bind\": \"tcp://[::]:8\"", "\"bind\"" },
		{ "\"bind\": \"a:\", \"// why\": 1", "\"bind\": \"a:\", \"//\": {\"x\": 2}", "" },
		{ "\"bind\": \"a:\", \"limits\": {\"connections\": 1}",
		  "\"limits\": {\"connections\": 1}, \"bind\": \"a:\"", "" },
		{ "\"bind\": \"a:\", \"limits\": {\"connections\": 1, \"// n\": 1}",
		  "\"bind\": \"a:\", \"limits\": {\"// m\": 2, \"connections\": 1}", "" },
		{ "\"bind\": \"a:\", \"limits\": {\"connections\": 1}",
		  "\"bind\": \"a:\", \"limits\": {\"connections\": 2}", "\"limits\"" },
		{ "\"bind\": \"a:\", \"limits\": {}", "\"bind\": \"a:\"", "\"limits\"" },
		{ "\"bind\": \"a:\"", "\"bind\": \"a:\", \"options\": {\"x\": [1]}", "\"options\"" },
		{ "\"bind\": \"a:\", \"options\": {\"x\": [1, {\"y\": 2}]}",
		  "\"bind\": \"a:\", \"options\": {\"x\": [1, {\"y\": 3}]}", "\"options\"" },
		{ "\"bind\": \"a:\", \"options\": {\"x\": [1, 2]}",
		  "\"bind\": \"a:\", \"options\": {\"x\": [1]}", "\"options\"" },
		{ "\"bind\": \"a:\", \"options\": {\"x\": [1]}", "\"bind\": \"b:\", \"timeouts\": {}",
		  "\"bind\", \"options\", \"timeouts\"" },
		/* the order of preference */
		{ "\"bind\": \"a:\", \"alpn\": {\"one\": {\"protocol\": \"p\"}, \"two\": {\"protocol\": \"q\"}}",
		  "\"bind\": \"a:\", \"alpn\": {\"two\": {\"protocol\": \"q\"}, \"one\": {\"protocol\": \"p\"}}",
		  "\"alpn\"" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *was = load_listener(cases[i].was), *is = load_listener(cases[i].is);
		char changes[256];
		size_t count = config_listener_changes(was, was->listeners.items, is, is->listeners.items,
						       changes, sizeof(changes));
		CU_ASSERT_STRING_EQUAL(changes, cases[i].changes);
		CU_ASSERT_EQUAL(count == 0, cases[i].changes[0] == '\0');
		config_free(&was);
		config_free(&is);
	}
}

static void the_folder_counts(void)
{
	static const char text[] =
		"{\"tls\": {\"a\": {\"certificate\": \"x\"}}, \"listeners\": [{\"name\": \"x\", \"bind\": "
		"\"unix:y\"}]}";
	struct config *here = load("/here/plait.json", text), *there = load("/there/plait.json", text);
	struct config *again = load("/here/other.json", text);
	char changes[256];
	CU_ASSERT_TRUE(config_same_tls(here, 0, again, 0));
	CU_ASSERT_FALSE(config_same_tls(here, 0, there, 0));
	CU_ASSERT_EQUAL(config_listener_changes(here, here->listeners.items, again, again->listeners.items,
						changes, sizeof(changes)),
			0);
	CU_ASSERT_EQUAL(config_listener_changes(here, here->listeners.items, there, there->listeners.items,
						changes, sizeof(changes)),
			1);
	config_free(&here);
	config_free(&there);
	config_free(&again);
}

static void contexts(void)
{
	static const char text[] =
		"{\"tls\": {\"a\": {\"certificate\": \"x\", \"key\": \"y\"}, \"b\": {\"certificate\": \"x\", "
		"\"key\": \"y\"}, \"c\": {\"certificate\": \"x\", \"key\": \"z\"}}}";
	static const char other[] =
		"{\"tls\": {\"c\": {\"certificate\": \"x\", \"key\": \"y\"}, \"a\": {\"// note\": 1, "
		"\"certificate\": \"x\", \"key\": \"y\"}}}";
	struct config *was = load("/etc/plait.json", text), *is = load("/etc/plait.json", other);
	CU_ASSERT_TRUE(config_same_tls(was, 0, is, 1));
	CU_ASSERT_FALSE(config_same_tls(was, 0, is, 0)); /* another name */
	CU_ASSERT_FALSE(config_same_tls(was, 1, is, 1));
	CU_ASSERT_FALSE(config_same_tls(was, 2, is, 0)); /* another key */
	config_free(&was);
	config_free(&is);
}

SUITE_MAIN("compare", SUITE_TEST(listeners), SUITE_TEST(the_folder_counts), SUITE_TEST(contexts))
