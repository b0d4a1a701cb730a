/* Messages written through a connection's framing, and what a protocol may do to input that waits. */
#include <plait/error.h>
#include <plait/length_field.h>
#include <plait/line.h>
#include <plait/netstring.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static void messages_leave_as_the_framing_has_them(void)
{
	open_with(&recorder_line_protocol);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "line", 4), 0);
	plait_set_framing(client.conn, &plait_netstring_framing, NULL);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "net", 3), 0);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "", 0), 0);
	plait_set_framing(client.conn, &plait_int8_framing, NULL);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "!", 1), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "line\r\n3:net,0:,\1!"));
	CU_ASSERT_EQUAL(client.memory.writes, 1);
	done();
}

static void what_cannot_be_framed_is_refused_and_nothing_is_written(void)
{
	static char long_message[256];
	open_with(&recorder_line_protocol);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "a\r\nb", 4), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "a\r", 2), 0);
	plait_set_framing(client.conn, &plait_int8_framing, NULL);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, long_message, 256), PLAIT_ERROR_INVALID);
	plait_set_framing(client.conn, NULL, NULL);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "raw", 3), PLAIT_ERROR_INVALID);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "a\r\r\n"));
	plait_close(client.conn);
	plait_set_framing(client.conn, &plait_int8_framing, NULL);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "late", 4), PLAIT_ERROR_CLOSING);
	done();
}

/* A delimiter that begins with its own end: the message must not bring it about earlier. */
static void a_line_ends_where_it_ends(void)
{
	static const struct plait_line doubled = { "aa", 100 }, any = { NULL, 100 };
	open_with(&recorder_line_protocol);
	plait_set_framing(client.conn, &plait_line_framing, &doubled);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "ba", 2), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "a", 1), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "ab", 2), 0);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "", 0), 0);
	plait_set_framing(client.conn, &plait_line_framing, &any);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "x\n", 2), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_write_message(client.conn, "x\r", 2), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "abaaaax\r\r\n"));
	done();
}

/* ---- what waits ---- */

static void drop_two(struct plait_conn *conn, const void *message, size_t len)
{
	(void)message;
	(void)len;
	plait_input_drop(conn, 2);
}

static void dropped_input_is_not_delivered(void)
{
	open_with(&recorder_line_protocol);
	recorder.on_message = drop_two;
	recorder_saw("made");
	rig_say(&client, "one\r\nxxtwo\r\nxxthree\r\nx");
	CU_ASSERT_TRUE(recorder_saw("message(one) message(two) message(three)"));
	rig_say(&client, "four\r\n"); /* the x was dropped, and no more than there was */
	CU_ASSERT_TRUE(recorder_saw("message(four)"));
	done();
}

static void replace(struct plait_conn *conn, const void *message, size_t len)
{
	size_t there;
	plait_input(conn, &there);
	if (len == 3 && !memcmp(message, "one", 3)) {
		CU_ASSERT_EQUAL(plait_input_replace(conn, "12345678", 8), PLAIT_ERROR_OVERFLOW);
		CU_ASSERT_EQUAL(plait_input_replace(conn, "2\r\n3\r\n", 6), 0);
		CU_ASSERT_EQUAL(there, 7);
	}
}

static void replaced_input_is_delivered_instead(void)
{
	open_with(&recorder_line_protocol);
	recorder.on_message = replace;
	recorder_saw("made");
	rig_say(&client, "one\r\nabcde\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(one) message(2) message(3)"));
	done();
}

/* Half a message waits; from outside of any callback. */
static void waiting_input_can_be_dropped_and_replaced_from_outside(void)
{
	open_with(&recorder_line_protocol);
	recorder_saw("made");
	rig_say(&client, "abcdefgh");
	plait_input_drop(client.conn, 2);
	rig_say(&client, "\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(cdefgh)"));
	rig_say(&client, "abcdefgh");
	CU_ASSERT_EQUAL(plait_input_replace(client.conn, "123456789", 9), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(plait_input_replace(client.conn, "1\r\n2\r\n3", 7), 0);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("message(1) message(2)"));
	rig_say(&client, "4\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(34)"));
	CU_ASSERT_EQUAL(plait_input_replace(client.conn, "", 0), 0);
	done();
}

static size_t announced;

static size_t note_length(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	announced = plait_message_length(conn);
	return len;
}

static const struct plait_protocol prefixed = {
	PLAIT_PROTOCOL_HEAD("prefixed"),
	.framing = &plait_int32_framing,
	.message = drop_two,
	.message_too_long = note_length,
};

static void how_long_too_long_is_can_be_asked(void)
{
	open_with(&prefixed);
	rig_say_bytes(&client, "\377\0\0\0", 4);
	CU_ASSERT_EQUAL(announced, 0xff000000);
	plait_set_framing(client.conn, &plait_netstring_framing, NULL);
	rig_say(&client, "12345678:");
	CU_ASSERT_EQUAL(announced, 123456); /* where it has become too long */
	plait_set_framing(client.conn, &plait_line_framing, NULL);
	for (int i = 0; i < 2000; i++)
		rig_say(&client, "0123456789");
	CU_ASSERT_EQUAL(announced, 0);
	done();
}

SUITE_MAIN("framing", SUITE_TEST(messages_leave_as_the_framing_has_them),
	   SUITE_TEST(what_cannot_be_framed_is_refused_and_nothing_is_written),
	   SUITE_TEST(a_line_ends_where_it_ends), SUITE_TEST(dropped_input_is_not_delivered),
	   SUITE_TEST(replaced_input_is_delivered_instead),
	   SUITE_TEST(waiting_input_can_be_dropped_and_replaced_from_outside),
	   SUITE_TEST(how_long_too_long_is_can_be_asked))
