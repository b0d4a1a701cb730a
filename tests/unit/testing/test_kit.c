/* The test kit, as a plugin's author uses it: public headers only. */
#include <plait/line.h>
#include <plait/plait.h>
#include <plait/testing.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

struct greeting {
	const char *text;
};

static const struct plait_option greeting_table[] = {
	PLAIT_OPTION_STRING("text", struct greeting, text, .fallback = "hi", .doc = "What is said first"),
	PLAIT_OPTION_END,
};

static unsigned stopped;

static void count_stop(struct plait_factory *factory)
{
	(void)factory;
	stopped++;
}

static void greet(struct plait_conn *conn)
{
	const struct greeting *greeting = plait_conn_options(conn);
	plait_write(conn, greeting->text, strlen(greeting->text));
}

static void answer(struct plait_conn *conn, const void *message, size_t len)
{
	plait_write(conn, "<", 1);
	plait_write(conn, message, len);
	plait_write(conn, ">", 1);
	if (len == 4 && memcmp(message, "quit", 4) == 0)
		plait_close(conn);
	if (len == 5 && memcmp(message, "abort", 5) == 0)
		plait_abort(conn);
	if (len == 5 && memcmp(message, "pause", 5) == 0)
		plait_pause(conn);
}

static const struct plait_protocol greeter = { PLAIT_PROTOCOL_HEAD("greeter"),
					       .options = greeting_table,
					       .options_size = sizeof(struct greeting),
					       .factory_stop = count_stop,
					       .made = greet,
					       .framing = &plait_line_framing,
					       .message = answer };

static struct plait_test *test;
static struct plait_peer *peer;

static struct plait_factory *begin(const char *json)
{
	test = plait_test_new();
	stopped = 0;
	struct plait_factory *factory = plait_test_factory(test, &greeter, json, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(factory);
	peer = plait_test_connect(test, factory);
	return factory;
}

static void a_peer_says_and_hears(void)
{
	begin(NULL);
	CU_ASSERT_TRUE(plait_peer_heard(peer, "hi"));
	plait_peer_say(peer, "one\r\ntwo\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "<one><two>"));
	plait_peer_send_cut(peer, "three\r\n", 7, 2);
	CU_ASSERT_TRUE(plait_peer_heard_bytes(peer, "<three>", 7));
	plait_peer_say(peer, "quit\r\nmore\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "<quit>"));
	CU_ASSERT_TRUE(plait_peer_sees_end(peer));
	CU_ASSERT_PTR_NOT_NULL(plait_peer_conn(peer)); /* it waits for our end */
	plait_peer_end(peer);
	CU_ASSERT_PTR_NULL(plait_peer_conn(peer));
	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_CLOSED);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
	CU_ASSERT_EQUAL(stopped, 1);
}

static void options_and_buffers_are_those_of_a_listener(void)
{
	begin("{ \"options\": { \"text\": \"welcome\" }, \"buffers\": { \"high\": 100, \"low\": 10 } }");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "welcome"));
	plait_peer_take(peer, 0);
	for (int i = 0; i < 20; i++)
		plait_peer_say(peer, "0123456789\r\n");
	CU_ASSERT_TRUE(plait_peer_is_paused(peer));
	CU_ASSERT_TRUE(plait_conn_blocked(plait_peer_conn(peer)));
	plait_peer_take(peer, SIZE_MAX);
	CU_ASSERT_FALSE(plait_peer_is_paused(peer));
	size_t len;
	plait_peer_output(peer, &len);
	CU_ASSERT_EQUAL(len, 20 * 12);
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_PEER_CLOSED);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void rates_are_those_of_a_listener(void)
{
	begin("{ \"options\": { \"text\": \"\" }, \"limits\": { \"read_rate\": 8 } }");
	plait_peer_say(peer, "sixteen bytes!\r\n");
	CU_ASSERT_FALSE(plait_peer_is_paused(peer));
	plait_test_advance(test, 1000);
	CU_ASSERT_TRUE(plait_peer_is_paused(peer));
	plait_test_advance(test, 1000);
	CU_ASSERT_FALSE(plait_peer_is_paused(peer));
	CU_ASSERT_TRUE(plait_peer_heard(peer, "<sixteen bytes!>"));
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void wrong_options_are_an_error(void)
{
	struct plait_error error = { 0 };
	begin(NULL);
	CU_ASSERT_PTR_NULL(plait_test_factory(test, &greeter, "{ \"options\": { \"txt\": 1 } }", &error));
	CU_ASSERT_STRING_EQUAL(error.path, "options.txt");
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "did you mean \"text\""));
	CU_ASSERT_PTR_NULL(plait_test_factory(test, &greeter, "[]", &error));
	CU_ASSERT_PTR_NULL(plait_test_factory(test, &greeter, "{ \"bind\": 1 }", &error));
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void aborts_and_resets_are_seen(void)
{
	struct plait_factory *factory = begin(NULL);
	plait_peer_say(peer, "abort\r\n");
	CU_ASSERT_TRUE(plait_peer_sees_reset(peer));
	CU_ASSERT_FALSE(plait_peer_sees_end(peer));
	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_ABORTED);
	plait_peer_say(peer, "nobody is there\r\n");
	peer = plait_test_connect(test, factory);
	plait_peer_reset(peer);
	CU_ASSERT_EQUAL(plait_peer_reason(peer), PLAIT_REASON_RESET);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void what_is_written_arrives_with_what_is_sent_next(void)
{
	begin(NULL);
	plait_peer_write(peer, "one\r\npau", 8);
	CU_ASSERT_TRUE(plait_peer_heard(peer, "hi"));
	plait_peer_say(peer, "se\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "<one><pause>"));
	CU_ASSERT_TRUE(plait_peer_is_paused(peer));
	plait_peer_say(peer, "later\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, ""));
	plait_resume(plait_peer_conn(peer));
	plait_test_run(test);
	CU_ASSERT_TRUE(plait_peer_heard(peer, "<later>"));
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static char order[200];

static void note(void *arg)
{
	struct plait_loop *loop = plait_loop_current();
	snprintf(order + strlen(order), sizeof(order) - strlen(order), "%s@%u ", (const char *)arg,
		 (unsigned)(plait_loop_now_ms(loop) % 1000));
}

static void note_and_again(void *arg)
{
	note(arg);
	plait_call_later(plait_loop_current(), 10, note_and_again, arg);
}

static void the_clock_moves_from_call_to_call_or_at_once(void)
{
	order[0] = '\0';
	test = plait_test_new();
	struct plait_loop *loop = plait_test_loop(test);
	CU_ASSERT_PTR_EQUAL(plait_loop_current(), loop);
	plait_call_later(loop, 20, note, "b");
	plait_call_later(loop, 10, note, "a");
	plait_test_advance(test, 15);
	CU_ASSERT_STRING_EQUAL(order, "a@10 ");
	plait_test_jump(test, 30);
	CU_ASSERT_STRING_EQUAL(order, "a@10 b@45 ");
	plait_call_later(loop, 10, note_and_again, "c");
	plait_test_advance(test, 25);
	CU_ASSERT_STRING_EQUAL(order, "a@10 b@45 c@55 c@65 ");
	CU_ASSERT_EQUAL(plait_test_free(&test), 1); /* c goes on */
}

static void leftovers_are_counted(void)
{
	struct plait_factory *factory = begin(NULL);
	plait_test_connect(test, factory);
	plait_call_later(plait_test_loop(test), 1000, note, "never");
	CU_ASSERT_EQUAL(plait_test_free(&test), 3);
	CU_ASSERT_PTR_NULL(test);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void again_at_once(void *arg)
{
	plait_call_later(arg, 0, again_at_once, arg);
}

static void what_never_rests_is_given_up(void)
{
	test = plait_test_new();
	plait_call_later(plait_test_loop(test), 5, again_at_once, plait_test_loop(test));
	plait_test_advance(test, 10);
	CU_ASSERT_EQUAL(plait_test_free(&test), 2);
}

static size_t add_one(struct plait_conn *conn, const void *data, size_t len)
{
	uint8_t byte = *(const uint8_t *)data;
	if (byte == 9)
		plait_close(conn);
	byte++;
	plait_write(conn, &byte, 1);
	return len;
}

static const struct plait_protocol counter = { PLAIT_PROTOCOL_HEAD("counter"), .data = add_one };

static void two_protocols_speak_to_each_other(void)
{
	test = plait_test_new();
	struct plait_factory *factory = plait_test_factory(test, &counter, NULL, NULL);
	struct plait_peer *one = plait_test_connect(test, factory),
			  *other = plait_test_connect(test, factory);
	plait_test_join(one, other);
	plait_write(plait_peer_conn(one), "\1", 1);
	plait_test_run(test);
	CU_ASSERT_PTR_NULL(plait_peer_conn(one));
	CU_ASSERT_PTR_NULL(plait_peer_conn(other));
	CU_ASSERT_EQUAL(plait_peer_reason(one) + plait_peer_reason(other),
			PLAIT_REASON_CLOSED + PLAIT_REASON_PEER_CLOSED);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static void an_abort_reaches_who_is_joined(void)
{
	test = plait_test_new();
	struct plait_factory *factory = plait_test_factory(test, &counter, NULL, NULL);
	struct plait_peer *one = plait_test_connect(test, factory),
			  *other = plait_test_connect(test, factory);
	plait_test_join(one, other);
	plait_abort(plait_peer_conn(one));
	plait_test_run(test);
	CU_ASSERT_EQUAL(plait_peer_reason(other), PLAIT_REASON_RESET);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

static size_t whole_packets_only(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	plait_write(conn, "|", 1);
	return len;
}

static const struct plait_protocol careless = { PLAIT_PROTOCOL_HEAD("careless"), .data = whole_packets_only };

static void a_protocol_that_trusts_in_packets_is_found_out(void)
{
	static const char input[] = "one\r\n\r\nquit\r\nthree\r\n", output[] = "hi<one><><quit>";
	test = plait_test_new();
	struct plait_factory *good = plait_test_factory(test, &greeter, NULL, NULL);
	struct plait_factory *bad = plait_test_factory(test, &careless, NULL, NULL);
	CU_ASSERT_TRUE(plait_test_cuts(test, good, input, sizeof(input) - 1, output, sizeof(output) - 1));
	CU_ASSERT_FALSE(plait_test_cuts(test, good, input, sizeof(input) - 1, "hi", 2));
	CU_ASSERT_FALSE(plait_test_cuts(test, bad, "abc", 3, "abc|", 4));
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

/* ---- TLS that begins later ---- */

static int need_context(struct plait_factory *factory, struct plait_error *error)
{
	return plait_factory_tls(factory, NULL, error) ? 0 : -1;
}

static void upgrade(struct plait_conn *conn, const void *message, size_t len)
{
	if (len == 8 && memcmp(message, "STARTTLS", 8) == 0) {
		plait_write(conn, "go.", 3);
		plait_start_tls(conn, NULL);
	} else {
		plait_write(conn, message, len);
	}
}

static void tell_version(struct plait_conn *conn)
{
	const char *version = plait_conn_tls(conn)->version;
	plait_write(conn, version, strlen(version));
}

static const struct plait_protocol upgrader = { PLAIT_PROTOCOL_HEAD("upgrader"),
						.factory_start = need_context,
						.framing = &plait_line_framing,
						.message = upgrade,
						.starts_tls = true,
						.tls_started = tell_version };

static void a_protocol_begins_tls_in_pretence(void)
{
	test = plait_test_new();
	struct plait_factory *factory = plait_test_factory(test, &upgrader, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(factory);
	peer = plait_test_connect(test, factory);
	CU_ASSERT_FALSE(plait_peer_awaits_tls(peer));
	plait_peer_say(peer, "STARTTLS\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "go."));
	CU_ASSERT_TRUE(plait_peer_awaits_tls(peer));
	plait_peer_start_tls(peer);
	CU_ASSERT_FALSE(plait_peer_awaits_tls(peer));
	plait_peer_say(peer, "hello\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(peer, "TLSv1.3hello"));

	struct plait_peer *evil = plait_test_connect(test, factory);
	plait_peer_say(evil, "STARTTLS\r\nEVIL\r\n");
	CU_ASSERT_TRUE(plait_peer_heard(evil, ""));
	CU_ASSERT_EQUAL(plait_peer_reason(evil), PLAIT_REASON_TLS_EARLY);
	plait_peer_end(peer);
	CU_ASSERT_EQUAL(plait_test_free(&test), 0);
}

SUITE_MAIN("kit", SUITE_TEST(a_peer_says_and_hears), SUITE_TEST(options_and_buffers_are_those_of_a_listener),
	   SUITE_TEST(rates_are_those_of_a_listener), SUITE_TEST(wrong_options_are_an_error),
	   SUITE_TEST(aborts_and_resets_are_seen), SUITE_TEST(what_is_written_arrives_with_what_is_sent_next),
	   SUITE_TEST(the_clock_moves_from_call_to_call_or_at_once), SUITE_TEST(leftovers_are_counted),
	   SUITE_TEST(what_never_rests_is_given_up), SUITE_TEST(two_protocols_speak_to_each_other),
	   SUITE_TEST(an_abort_reaches_who_is_joined),
	   SUITE_TEST(a_protocol_that_trusts_in_packets_is_found_out),
	   SUITE_TEST(a_protocol_begins_tls_in_pretence))
