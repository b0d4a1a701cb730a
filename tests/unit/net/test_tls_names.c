/* Names of servers: which entry a client's name leads to, and which names a configuration may have. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "core/net/tls/names.h"
#include "tests/unit/suite.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* Their numbers are their places. */
static const char *const added[] = { "a.example",           "*.b.example",           "exact.b.example",
				     "Mixed.Case.Example.", "*.c.example",           "localhost",
				     "_x.under_score",      "xn--bcher-kva.example", "*.local" };

static const struct {
	const char *asked;
	int number;
} lookups[] = {
	{ "a.example", 0 },
	{ "A.EXAMPLE", 0 },
	{ "a.example.", 0 },
	{ "a.example..", -1 },
	{ "aa.example", -1 },
	{ "a.exampl", -1 },
	{ "x.a.example", -1 },
	{ "x.b.example", 1 },
	{ "X.B.Example.", 1 },
	{ "x-y_z.b.example", 1 },
	{ "exact.b.example", 2 },
	{ "eXact.b.example.", 2 },
	{ "b.example", -1 },
	{ ".b.example", -1 },
	{ "x.y.b.example", -1 },
	{ "x.exact.b.example", -1 },
	{ "*.b.example", -1 },
	{ "x y.b.example", -1 },
	{ "\xc3\xbc.b.example", -1 },
	{ "mixed.case.example", 3 },
	{ "any.c.example", 4 },
	{ "localhost", 5 },
	{ "_X.under_score", 6 },
	{ "XN--BCHER-KVA.example", 7 },
	{ "printer.local", 8 },
	{ "local", -1 },
	{ "", -1 },
	{ ".", -1 },
	{ "..", -1 },
	{ "127.0.0.1", -1 },
	{ "::1", -1 },
};

static struct tls_names *names_of(const char *const *list, size_t count)
{
	struct tls_names *names = tls_names_new();
	struct plait_error error = { 0 };
	for (size_t i = 0; i < count; i++)
		if (tls_names_add(names, list[i], (unsigned)i, &error) < 0) {
			printf("# %s: %s\n", list[i], error.text);
			CU_FAIL("a good name is refused");
		}
	return names;
}

static void names_lead_to_their_entries(void)
{
	struct tls_names *names = names_of(added, COUNT(added));
	for (size_t i = 0; i < COUNT(lookups); i++) {
		int number = tls_names_find(names, lookups[i].asked, strlen(lookups[i].asked));
		if (number != lookups[i].number)
			printf("# \"%s\" leads to %d\n", lookups[i].asked, number);
		CU_ASSERT_EQUAL(number, lookups[i].number);
	}
	tls_names_free(&names);
	CU_ASSERT_PTR_NULL(names);
}

/* A client's bytes are no string. */
static void any_bytes_may_be_asked_for(void)
{
	struct tls_names *names = names_of(added, COUNT(added));
	char longest[512];
	memset(longest, 'x', sizeof(longest));
	CU_ASSERT_EQUAL(tls_names_find(names, "a.example\0", 10), -1);
	CU_ASSERT_EQUAL(tls_names_find(names, "x\0y.b.example", 13), -1);
	CU_ASSERT_EQUAL(tls_names_find(names, "a.exampleX", 9), 0);
	for (size_t len = 0; len <= sizeof(longest); len++)
		CU_ASSERT_EQUAL(tls_names_find(names, longest, len), -1);
	tls_names_free(&names);
}

static void labels_and_names_have_their_bounds(void)
{
	char name[300], text[TLS_NAME_SIZE];
	memset(name, 'x', sizeof(name));
	CU_ASSERT_EQUAL(tls_name_canonical(name, 63, text), 63);
	CU_ASSERT_EQUAL(tls_name_canonical(name, 64, text), 0);
	for (size_t i = 50; i < sizeof(name); i += 51)
		name[i] = '.';
	CU_ASSERT_EQUAL(tls_name_canonical(name, 253, text), 253);
	CU_ASSERT_EQUAL(strlen(text), 253);
	CU_ASSERT_EQUAL(tls_name_canonical(name, 254, text), 0);
	name[253] = '.';
	CU_ASSERT_EQUAL(tls_name_canonical(name, 254, text), 253);
	CU_ASSERT_EQUAL(tls_name_canonical(name, 255, text), 0);
}

/* What it covers is as long as a name can be. */
static void a_wildcard_leaves_room_for_a_label(void)
{
	char name[300];
	memset(name, 'x', sizeof(name));
	for (size_t i = 1; i < sizeof(name); i += 51)
		name[i] = '.';
	name[0] = '*';
	for (size_t len = 253; len <= 254; len++) {
		struct tls_names *names = tls_names_new();
		struct plait_error error;
		char last = name[len];
		name[len] = '\0';
		CU_ASSERT_EQUAL(tls_names_add(names, name, 7, &error), len == 253 ? 0 : PLAIT_ERROR_INVALID);
		name[0] = 'y';
		CU_ASSERT_EQUAL(tls_names_find(names, name, len), len == 253 ? 7 : -1);
		name[0] = '*';
		name[len] = last;
		tls_names_free(&names);
	}
}

static const struct {
	const char *name, *text;
} refused[] = {
	{ "", "expected a host name" },
	{ ".", "expected a host name" },
	{ ".a.example", "expected a host name" },
	{ "a..example", "expected a host name" },
	{ "a b.example", "expected a host name" },
	{ "https://a.example", "expected a host name" },
	{ "a.example:443", "expected a host name" },
	{ "*.", "expected \"*\" as the whole of the first label" },
	{ "*", "for every other name there is the listener's \"tls\"" },
	{ "a.*.example", "expected \"*\" as the whole of the first label" },
	{ "*a.example", "expected \"*\" as the whole of the first label" },
	{ "*.*.example", "expected \"*\" as the whole of the first label" },
	{ "**.example", "expected \"*\" as the whole of the first label" },
	{ "127.0.0.1", "an address; clients ask for host names only" },
	{ "2001:db8::1", "an address; clients ask for host names only" },
	{ "b\xc3\xbc"
	  "cher.example",
	  "\"xn--\"" },
};

static void what_is_no_name_is_refused(void)
{
	struct tls_names *names = tls_names_new();
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct plait_error error = { 0 };
		CU_ASSERT_EQUAL(tls_names_add(names, refused[i].name, 0, &error), PLAIT_ERROR_INVALID);
		if (!strstr(error.text, refused[i].text)) {
			printf("# \"%s\": %s\n", refused[i].name, error.text);
			CU_FAIL("another reason");
		}
		CU_ASSERT_EQUAL(tls_names_find(names, refused[i].name, strlen(refused[i].name)), -1);
	}
	tls_names_free(&names);
}

static void a_name_is_there_once(void)
{
	static const char *const twice[] = { "a.example", "A.Example.", "*.b.example", "*.B.example" };
	static const int expected[] = { 0, PLAIT_ERROR_INVALID, 0, PLAIT_ERROR_INVALID };
	struct tls_names *names = tls_names_new();
	struct plait_error error = { 0 };
	for (unsigned i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(tls_names_add(names, twice[i], i, &error), expected[i]);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "for the second time"));
	CU_ASSERT_EQUAL(tls_names_find(names, "a.example", 9), 0);
	CU_ASSERT_EQUAL(tls_names_find(names, "x.b.example", 11), 2);
	tls_names_free(&names);
}

static void many_names_are_all_found(void)
{
	enum { MANY = 65536 };
	struct tls_names *names = tls_names_new();
	struct plait_error error = { 0 };
	int wrong = 0;
	char name[64];
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), i % 2 ? "*.host-%u.example" : "host-%u.example", i);
		wrong += tls_names_add(names, name, i, &error) < 0;
	}
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), i % 2 ? "any.host-%u.example" : "host-%u.example", i);
		wrong += tls_names_find(names, name, strlen(name)) != (int)i;
		snprintf(name, sizeof(name), i % 2 ? "host-%u.example" : "any.host-%u.example", i);
		wrong += tls_names_find(names, name, strlen(name)) != -1;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	tls_names_free(&names);
}

SUITE_MAIN("tls_names", SUITE_TEST(names_lead_to_their_entries), SUITE_TEST(any_bytes_may_be_asked_for),
	   SUITE_TEST(labels_and_names_have_their_bounds), SUITE_TEST(a_wildcard_leaves_room_for_a_label),
	   SUITE_TEST(what_is_no_name_is_refused), SUITE_TEST(a_name_is_there_once),
	   SUITE_TEST(many_names_are_all_found))
