/* Input: what is consumed, what comes again, pausing, framings, raw mode. */
#include <plait/line.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static size_t take_pairs(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len & ~(size_t)1;
}

static void what_is_not_consumed_comes_again_with_more(void)
{
	recorder.on_data = take_pairs;
	open_with(&recorder_protocol);
	rig_say(&client, "abc");
	rig_say(&client, "d");
	rig_say(&client, "ef");
	CU_ASSERT_TRUE(recorder_saw("made data(abc) data(cd) data(ef)"));
	done();
}

static size_t take_too_much(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	return len + 1;
}

static void a_plugin_that_takes_more_than_there_is_loses_the_connection(void)
{
	recorder.on_data = take_too_much;
	open_with(&recorder_protocol);
	rig_say(&client, "abc");
	CU_ASSERT_TRUE(recorder_saw("made data(abc) lost(internal)"));
	done();
}

static void pause_holds_what_arrives(void)
{
	open_with(&recorder_protocol);
	plait_pause(client.conn);
	plait_pause(client.conn);
	rig_say(&client, "abc");
	CU_ASSERT_TRUE(recorder_saw("made"));
	CU_ASSERT_EQUAL(client.memory.reads, 0);
	plait_resume(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(abc)"));
	done();
}

static void eof_waits_for_what_came_before_it(void)
{
	recorder.on_data = take_pairs;
	open_with(&recorder_protocol);
	plait_pause(client.conn);
	memory_feed(&client.memory, "abcd", 4);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made"));
	plait_resume(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(abcd) eof"));
	done();
}

static void pause_then(struct plait_conn *conn, const void *message, size_t len)
{
	if (len == 5 && memcmp(message, "pause", 5) == 0)
		plait_pause(conn);
}

static void eof_waits_for_messages_held_by_a_pause(void)
{
	recorder.on_message = pause_then;
	open_with(&recorder_line_protocol);
	memory_feed(&client.memory, "pause\r\nb\r\n", 10);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made message(pause)"));
	plait_resume(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("message(b) lost(peer-closed)"));
	done();
}

static void messages_are_framed_however_they_are_cut(void)
{
	static const char stream[] = "one\r\n\r\nthree\r\nrest";
	for (size_t cut = 1; cut < sizeof(stream); cut++) {
		open_with(&recorder_line_protocol);
		for (size_t at = 0; at < sizeof(stream) - 1; at += cut) {
			size_t rest = sizeof(stream) - 1 - at;
			rig_say_bytes(&client, stream + at, rest < cut ? rest : cut);
		}
		CU_ASSERT_TRUE(recorder_saw("made message(one) message() message(three)"));
		done();
	}
}

static size_t raw_four(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	if (len < 4)
		return 0;
	plait_set_framing(conn, &plait_line_framing, NULL);
	return 4;
}

static void raw_after_len(struct plait_conn *conn, const void *message, size_t len)
{
	if (len == 3 && memcmp(message, "raw", 3) == 0)
		plait_set_framing(conn, NULL, NULL);
}

static void framing_switches_in_mid_packet_and_back(void)
{
	recorder.on_data = raw_four;
	recorder.on_message = raw_after_len;
	open_with(&recorder_line_protocol);
	rig_say(&client, "raw\r\n12345\r\nraw\r\n67");
	CU_ASSERT_TRUE(
		recorder_saw("made message(raw) data(12345\r\nraw\r\n67) message(5) message(raw) data(67)"));
	rig_say(&client, "89x\r\n");
	CU_ASSERT_TRUE(recorder_saw("data(6789x\r\n) message(x)"));
	done();
}

static void setting_a_framing_outside_a_callback_reparses_what_waits(void)
{
	recorder.on_data = raw_four;
	open_with(&recorder_line_protocol);
	plait_set_framing(client.conn, NULL, NULL);
	rig_say(&client, "a\r\n");
	CU_ASSERT_TRUE(recorder_saw("made data(a\r\n)"));
	plait_set_framing(client.conn, &plait_line_framing, NULL);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("message(a)"));
	done();
}

static void close_on(struct plait_conn *conn, const void *message, size_t len)
{
	if (len == 4 && memcmp(message, "stop", 4) == 0)
		plait_close(conn);
}

static void close_in_a_callback_ends_the_packet(void)
{
	recorder.on_message = close_on;
	open_with(&recorder_line_protocol);
	rig_say(&client, "a\r\nstop\r\nb\r\n");
	CU_ASSERT_TRUE(recorder_saw("made message(a) message(stop)"));
	done();
}

static void too_long_without_callback_closes(void)
{
	static const struct plait_line settings = { .delimiter = "\n", .max_length = 3 };
	open_with(&recorder_line_protocol);
	plait_set_framing(client.conn, &plait_line_framing, &settings);
	rig_say(&client, "abc\nabcd\n");
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made message(abc) lost(message-too-long)"));
	done();
}

static size_t many;

static void count_many(struct plait_conn *conn, const void *message, size_t len)
{
	(void)conn;
	(void)message;
	(void)len;
	many++;
	recorder.events[0] = '\0';
}

/* Moves of bytes would show as a quadratic run time; here the reads and messages are counted. */
static void a_long_message_byte_by_byte_is_linear(void)
{
	static const struct plait_line settings = { .delimiter = "\r\n", .max_length = 1 << 20 };
	recorder.on_message = count_many;
	open_with(&recorder_line_protocol);
	plait_set_framing(client.conn, &plait_line_framing, &settings);
	for (size_t i = 0; i < 1 << 18; i++)
		rig_say_bytes(&client, "x", 1);
	CU_ASSERT_TRUE(conn_framing(client.conn)->frame.scanned >= (1 << 18) - 2);
	rig_say(&client, "\r\n");
	CU_ASSERT_EQUAL(many, 1);
	many = 0;
	done();
}

static void discard(struct plait_conn *conn, const void *message, size_t len)
{
	size_t waiting;
	const char *input = plait_input(conn, &waiting);
	(void)message;
	(void)len;
	recorder_note("waiting(%.*s)", (int)waiting, waiting ? input : "");
	plait_input_discard(conn);
}

static void input_can_be_seen_and_discarded(void)
{
	recorder.on_message = discard;
	open_with(&recorder_line_protocol);
	rig_say(&client, "a\r\nb\r\nc");
	rig_say(&client, "d\r\n");
	CU_ASSERT_TRUE(recorder_saw("made message(a) waiting(b\r\nc) message(d) waiting()"));
	done();
}

static void discard_waiting(void *conn)
{
	plait_input_discard(conn);
}

static void input_discarded_from_outside_leaves_no_trace(void)
{
	open_with(&recorder_line_protocol);
	rig_say(&client, "a long unfinished line");
	plait_call_later(rig.loop, 0, discard_waiting, client.conn);
	rig_run(&rig);
	rig_say(&client, "one\r\n");
	rig_say(&client, "two\r\n");
	CU_ASSERT_TRUE(recorder_saw("made message(one) message(two)"));
	done();
}

static size_t take_nothing(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	(void)len;
	return 0;
}

static void close_and_look(struct plait_conn *conn)
{
	size_t len;
	const char *rest = plait_input(conn, &len);
	plait_close(conn);
	CU_ASSERT_EQUAL_FATAL(len, 4);
	CU_ASSERT_EQUAL(memcmp(rest, "rest", 4), 0);
}

/* What plait_input gave is good until the callback returns. */
static void input_outlives_a_close_in_the_same_callback(void)
{
	recorder.on_data = take_nothing;
	recorder.on_eof = close_and_look;
	open_with(&recorder_protocol);
	rig_say(&client, "rest");
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made data(rest) eof lost(closed)"));
	done();
}

static struct plait_line longer = { .delimiter = "\r\n", .max_length = 8 };

static size_t allow_longer(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	(void)len;
	longer.max_length *= 4;
	plait_set_framing(conn, &plait_line_framing, &longer);
	return 0;
}

/* Setting the framing is a remedy, also when it is the same one with other settings. */
static void a_longer_message_may_be_allowed_when_it_comes(void)
{
	struct plait_protocol protocol = recorder_line_protocol;
	protocol.message_too_long = allow_longer;
	open_with(&protocol);
	plait_set_framing(client.conn, &plait_line_framing, &longer);
	rig_say(&client, "longer than eight\r\n");
	CU_ASSERT_TRUE(recorder_saw("made message(longer than eight)"));
	done();
}

static unsigned asked;

/* Messages of five bytes, and it says how many it needs. */
static enum plait_frame_verdict next_of_five(const void *settings, const uint8_t *data, size_t len,
					     struct plait_frame *frame)
{
	(void)settings;
	(void)data;
	asked++;
	CU_ASSERT_EQUAL(frame->need, 0);
	if (len < 5) {
		frame->need = 5;
		return PLAIT_FRAME_MORE;
	}
	frame->offset = 0;
	frame->length = frame->consumed = 5;
	return PLAIT_FRAME_MESSAGE;
}

static void a_framing_is_not_asked_before_it_can_answer(void)
{
	static const struct plait_framing five = { .name = "five", .next = next_of_five };
	open_with(&recorder_line_protocol);
	plait_set_framing(client.conn, &five, NULL);
	asked = 0;
	for (int i = 0; i < 6; i++)
		rig_say(&client, "a");
	CU_ASSERT_EQUAL(asked, 3); /* at the first, the fifth and the sixth byte */
	rig_say(&client, "bcde");
	CU_ASSERT_EQUAL(asked, 4);
	CU_ASSERT_TRUE(recorder_saw("made message(aaaaa) message(abcde)"));
	done();
}

SUITE_MAIN("input", SUITE_TEST(what_is_not_consumed_comes_again_with_more),
	   SUITE_TEST(input_outlives_a_close_in_the_same_callback),
	   SUITE_TEST(a_longer_message_may_be_allowed_when_it_comes),
	   SUITE_TEST(a_plugin_that_takes_more_than_there_is_loses_the_connection),
	   SUITE_TEST(pause_holds_what_arrives), SUITE_TEST(eof_waits_for_what_came_before_it),
	   SUITE_TEST(eof_waits_for_messages_held_by_a_pause),
	   SUITE_TEST(messages_are_framed_however_they_are_cut),
	   SUITE_TEST(framing_switches_in_mid_packet_and_back),
	   SUITE_TEST(setting_a_framing_outside_a_callback_reparses_what_waits),
	   SUITE_TEST(close_in_a_callback_ends_the_packet), SUITE_TEST(too_long_without_callback_closes),
	   SUITE_TEST(a_long_message_byte_by_byte_is_linear), SUITE_TEST(input_can_be_seen_and_discarded),
	   SUITE_TEST(input_discarded_from_outside_leaves_no_trace),
	   SUITE_TEST(a_framing_is_not_asked_before_it_can_answer))
