/* Tests the line plugin on connections over memory: every option, and what is refused. */
#include "plugins/line/line.c"

#include <stdlib.h>

#include "core/base/option.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

struct talk {
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;
};

static void begin(struct talk *talk, const char *json)
{
	rig_init(&talk->rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&talk->listener, &plait_plugin, json, NULL), 0);
	rig_connect(&talk->rig, &talk->listener, &talk->client);
}

static void end(struct talk *talk)
{
	rig_leave(&talk->client);
	rig_unlisten(&talk->listener);
	rig_fini(&talk->rig);
}

static void says_and_hears(const char *json, const char *said, const char *heard)
{
	struct talk talk;

	begin(&talk, json);
	rig_say(&talk.client, said);
	CU_ASSERT(rig_heard(&talk.client, heard));
	CU_ASSERT_PTR_NOT_NULL(talk.client.conn);
	for (const char *at = said; *at; at++)
		rig_say_bytes(&talk.client, at, 1);
	CU_ASSERT(rig_heard(&talk.client, heard));
	end(&talk);
}

static void it_echoes_lines_by_default(void)
{
	says_and_hears(NULL, "one\r\ntwo\nthree\r\n\r\n", "one\r\ntwo\nthree\r\n\r\n");
	says_and_hears("{\"delimiter\": \"crlf\"}", "one\n\r\n", "one\n\r\n");
}

static void each_delimiter_ends_lines_and_replies(void)
{
	says_and_hears("{\"delimiter\": \"lf\"}", "one\ntwo\r\n", "one\ntwo\r\n");
	says_and_hears("{\"delimiter\": \"any\"}", "one\ntwo\r\n\n", "one\r\ntwo\r\n\r\n");
	says_and_hears("{\"custom_delimiter\": \";;\"}", "one;;two;;;;", "one;;two;;;;");
	says_and_hears("{\"custom_delimiter\": \"\\n\", \"delimiter\": \"any\"}", "one\r\n", "one\r\n");
}

static void a_reply_is_what_the_option_says(void)
{
	says_and_hears("{\"reply\": \"got it\"}", "one\r\ntwo\r\n", "got it\r\ngot it\r\n");
	says_and_hears("{\"reply\": \"you said: {line}!\"}", "one\r\n\r\n",
		       "you said: one!\r\nyou said: !\r\n");
	says_and_hears("{\"reply\": \"\"}", "one\r\ntwo\r\n", "");
}

static void a_longer_line_closes_by_default(void)
{
	struct talk talk;

	begin(&talk, "{\"max_length\": 4}");
	rig_say(&talk.client, "four\r\nfiver\r\nmore\r\n");
	CU_ASSERT(rig_heard(&talk.client, "four\r\n"));
	rig_end(&talk.client);
	CU_ASSERT_PTR_NULL(talk.client.conn);
	CU_ASSERT_FALSE(talk.client.memory.was_reset);
	end(&talk);
	begin(&talk, "{\"max_length\": \"1k\"}");
	for (int i = 0; i < 1025; i++)
		rig_say(&talk.client, "x");
	CU_ASSERT_FALSE(talk.client.memory.was_shut_down);
	rig_say(&talk.client, "x");
	CU_ASSERT_TRUE(talk.client.memory.was_shut_down);
	end(&talk);
}

static void a_longer_line_is_answered_if_the_option_says_so(void)
{
	says_and_hears(
		"{\"max_length\": 4, \"too_long\": \"error\"}",
		"four\r\nfiver\r\nxxxxxxxxxxxxxxxxx\r\nok\r\n",
		"four\r\nerror: line longer than 4 bytes\r\nerror: line longer than 4 bytes\r\nok\r\n");
	says_and_hears("{\"max_length\": 1, \"too_long\": \"error\", \"delimiter\": \"lf\", \"reply\": \"\"}",
		       "aaaaa\nb\nc\nccccc\n",
		       "error: line longer than 1 bytes\nerror: line longer than 1 bytes\n");
}

static void bad_options_are_refused(void)
{
	static const char *const bad[] = {
		"{\"delimiter\": \"\\n\"}",
		"{\"custom_delimiter\": \"\"}",
		"{\"custom_delimiter\": \"12345678901234567\"}",
		"{\"max_length\": 0}",
		"{\"max_length\": \"17m\"}",
		"{\"too_long\": \"ignore\"}",
		"{\"reply\": \"{line}{line}\"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct plait_error error = { 0 };
		struct rig_listener listener;

		CU_ASSERT(rig_listen(&listener, &plait_plugin, bad[i], &error) < 0);
		CU_ASSERT(error.text[0]);
	}
}

static void the_option_table_is_sound(void)
{
	char text[256];

	CU_ASSERT_PTR_NULL(option_table_fault(options, sizeof(struct line_options), text, sizeof(text)));
}

SUITE_MAIN("line", SUITE_TEST(it_echoes_lines_by_default), SUITE_TEST(each_delimiter_ends_lines_and_replies),
	   SUITE_TEST(a_reply_is_what_the_option_says), SUITE_TEST(a_longer_line_closes_by_default),
	   SUITE_TEST(a_longer_line_is_answered_if_the_option_says_so), SUITE_TEST(bad_options_are_refused),
	   SUITE_TEST(the_option_table_is_sound))
