/* Protocols that programs give us: judged, widened, with their options. */
#include <plait/line.h>
#include <plait/option.h>
#include <string.h>

#include "core/net/own_protocol.h"
#include "tests/unit/suite.h"

struct words {
	const char *word;
	struct plait_strings list;
};

static const struct plait_option table[] = {
	PLAIT_OPTION_STRING("word", struct words, word, .fallback = "usual", .doc = "A word"),
	PLAIT_OPTION_STRINGS("list", struct words, list, .fallback = "one,two", .doc = "Words"),
	PLAIT_OPTION_END,
};

static const struct plait_option demanding[] = {
	PLAIT_OPTION_STRING("word", struct words, word, .required = true, .doc = "A word"),
	PLAIT_OPTION_END,
};

static const struct plait_option broken[] = {
	PLAIT_OPTION_STRING("word", struct words, word),
	PLAIT_OPTION_END,
};

static size_t take(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len;
}

static void time_out(struct plait_conn *conn)
{
	(void)conn;
}

static const struct plait_protocol good = { PLAIT_PROTOCOL_HEAD("good"), .data = take,
					    .timed_out = time_out };

static void refuses(const struct plait_protocol *protocol, const char *text)
{
	struct own_protocol own;
	struct plait_error error = { 0 };
	CU_ASSERT_EQUAL(own_protocol_init(&own, protocol, NULL, &error), PLAIT_ERROR_INVALID);
	if (!strstr(error.text, text)) {
		printf("# wanted: %s\n# found:  %s\n", text, error.text);
		CU_FAIL("another error text");
	}
	own_protocol_fini(&own);
}

/* What lies behind its end is not looked at. */
static void an_older_one_has_no_newer_callbacks(void)
{
	struct plait_protocol old = good;
	struct own_protocol own;
	old.head.size = offsetof(struct plait_protocol, timed_out);
	CU_ASSERT_EQUAL_FATAL(own_protocol_init(&own, &old, NULL, NULL), 0);
	CU_ASSERT(own.protocol.data == take);
	CU_ASSERT(own.protocol.timed_out == NULL);
	own_protocol_fini(&own);
}

static void a_newer_one_is_cut(void)
{
	struct {
		struct plait_protocol protocol;
		void *more[4];
	} newer = { .protocol = good, .more = { &newer, &newer, &newer, &newer } };
	struct {
		struct own_protocol own;
		char guard[8];
	} room = { .guard = "guarded" };
	newer.protocol.head.size = sizeof(newer);
	CU_ASSERT_EQUAL_FATAL(own_protocol_init(&room.own, &newer.protocol, NULL, NULL), 0);
	CU_ASSERT(room.own.protocol.timed_out == time_out);
	CU_ASSERT_PTR_NULL(room.own.options);
	CU_ASSERT_STRING_EQUAL(room.guard, "guarded");
	own_protocol_fini(&room.own);
}

static void its_options_are_the_programs_or_the_defaults(void)
{
	static const struct words mine = { .word = "mine" };
	struct plait_protocol protocol = good;
	struct own_protocol own;
	protocol.options = table;
	protocol.options_size = sizeof(struct words);
	CU_ASSERT_EQUAL_FATAL(own_protocol_init(&own, &protocol, &mine, NULL), 0);
	CU_ASSERT_PTR_EQUAL(own.options, &mine);
	own_protocol_fini(&own);
	CU_ASSERT_EQUAL_FATAL(own_protocol_init(&own, &protocol, NULL, NULL), 0);
	const struct words *words = own.options;
	CU_ASSERT_STRING_EQUAL(words->word, "usual");
	CU_ASSERT_EQUAL_FATAL(words->list.count, 2);
	CU_ASSERT_STRING_EQUAL(words->list.items[1], "two");
	own_protocol_fini(&own);
}

static void what_cannot_work_is_refused(void)
{
	struct plait_protocol protocol = good;
	protocol.head.magic = 0;
	refuses(&protocol, "begin it with PLAIT_PROTOCOL_HEAD");
	protocol = good;
	protocol.head.size = sizeof(protocol.head) - 1;
	refuses(&protocol, "begin it with PLAIT_PROTOCOL_HEAD");
	protocol = good;
	protocol.head.abi_major++;
	refuses(&protocol, "was compiled for ABI 2, and this plait has 1");
	protocol = good;
	protocol.framing = &plait_line_framing;
	refuses(&protocol, "the protocol \"good\" is faulty: it has a framing but no message callback");
	protocol = good;
	protocol.conn_size = SIZE_MAX;
	refuses(&protocol, "beyond 1 GiB");
	protocol = good;
	protocol.options = table;
	refuses(&protocol, "options but no options_size");
	protocol.options_size = sizeof(struct words);
	protocol.options = broken;
	refuses(&protocol, "; correct its option table");
	protocol.options = demanding;
	refuses(&protocol, "the key \"word\" is missing");
}

SUITE_MAIN("own_protocol", SUITE_TEST(an_older_one_has_no_newer_callbacks), SUITE_TEST(a_newer_one_is_cut),
	   SUITE_TEST(its_options_are_the_programs_or_the_defaults), SUITE_TEST(what_cannot_work_is_refused))
