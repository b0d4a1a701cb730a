/* Tests messages of one size, and states that say how long the next message is. */
#include <plait/conn.h>
#include <plait/error.h>
#include <plait/fixed.h>
#include <plait/protocol.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/protocols/framing_driver.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static void every_cut_gives_the_same_messages(void)
{
	static const uint8_t data[] = "abcdefghijk";

	for (size_t size = 1; size < 13; size++) {
		struct plait_fixed fixed = { size };
		struct record expected = { 0 };
		for (size_t at = 0; at + size <= 11; at += size)
			record_message(&expected, data + at, size);
		CU_ASSERT(framing_same_in_every_cut(&plait_fixed_framing, &fixed, data, 11, &expected));
		record_fini(&expected);
	}
}

static void one_message_can_be_skipped_however_it_is_cut(void)
{
	struct plait_fixed fixed = { 5 };
	struct plait_frame frame = { .skipping = true };
	const uint8_t *data = (const uint8_t *)"12345ABCDE";

	CU_ASSERT_EQUAL(plait_fixed_framing.next(&fixed, data, 3, &frame), PLAIT_FRAME_SKIP);
	CU_ASSERT_EQUAL(frame.consumed, 3);
	CU_ASSERT_TRUE(frame.skipping);
	CU_ASSERT_EQUAL(plait_fixed_framing.next(&fixed, data + 3, 7, &frame), PLAIT_FRAME_SKIP);
	CU_ASSERT_EQUAL(frame.consumed, 2);
	CU_ASSERT_FALSE(frame.skipping);
	CU_ASSERT_EQUAL(plait_fixed_framing.next(&fixed, data + 5, 5, &frame), PLAIT_FRAME_MESSAGE);
}

static void wraps_its_size_only(void)
{
	struct plait_fixed fixed = { 5 };
	struct plait_wrap wrap = { 0 };

	CU_ASSERT_EQUAL(plait_fixed_framing.wrap(&fixed, "12345", 5, &wrap), 0);
	CU_ASSERT(wrap.head_len == 0 && wrap.tail_len == 0);
	CU_ASSERT_EQUAL(plait_fixed_framing.wrap(&fixed, "1234", 4, &wrap), PLAIT_ERROR_INVALID);
}

/* ---- states: one digit, then so many bytes, which are answered; 0 ends it ---- */

struct talk {
	struct plait_stateful stateful;
};

static struct plait_next on_digit(struct plait_conn *conn, const void *data, size_t len);

static struct plait_next on_body(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return (struct plait_next){ on_digit, 1 };
}

static struct plait_next on_digit(struct plait_conn *conn, const void *data, size_t len)
{
	size_t need = (size_t)(*(const char *)data - '0');
	(void)len;
	if (need == 9)
		plait_close(conn);
	return (struct plait_next){ need ? on_body : NULL, need };
}

static void on_made(struct plait_conn *conn)
{
	struct talk *talk = plait_conn_state(conn);
	plait_stateful_start(conn, &talk->stateful, on_digit, 1);
}

static void on_message(struct plait_conn *conn, const void *message, size_t len)
{
	struct talk *talk = plait_conn_state(conn);
	plait_stateful_message(conn, &talk->stateful, message, len);
}

static enum plait_reason lost_for;

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	lost_for = reason;
}

static const struct plait_protocol talker = {
	PLAIT_PROTOCOL_HEAD("talker"),
	.conn_size = sizeof(struct talk),
	.made = on_made,
	.message = on_message,
	.lost = on_lost,
};

static void states_follow_each_other_however_the_stream_is_cut(void)
{
	static const char stream[] = "3abc1d5efghi9";
	struct rig rig;
	struct rig_listener listener;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &talker, NULL, NULL), 0);
	for (size_t size = 1; size <= sizeof(stream) - 1; size++) {
		struct rig_client client;
		rig_connect(&rig, &listener, &client);
		for (size_t at = 0; at < sizeof(stream) - 1; at += size)
			rig_say_bytes(&client, stream + at,
				      sizeof(stream) - 1 - at < size ? sizeof(stream) - 1 - at : size);
		CU_ASSERT_TRUE(rig_heard(&client, "abcdefghi"));
		rig_end(&client);
		CU_ASSERT_EQUAL(lost_for, PLAIT_REASON_CLOSED);
		rig_leave(&client);
	}
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void a_state_without_a_next_ends_the_connection(void)
{
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &talker, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
	rig_say(&client, "1x0abc");
	CU_ASSERT_TRUE(rig_heard(&client, "x"));
	rig_end(&client);
	CU_ASSERT_EQUAL(lost_for, PLAIT_REASON_PROTOCOL_ERROR);
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

SUITE_MAIN("fixed framing", SUITE_TEST(every_cut_gives_the_same_messages),
	   SUITE_TEST(one_message_can_be_skipped_however_it_is_cut), SUITE_TEST(wraps_its_size_only),
	   SUITE_TEST(states_follow_each_other_however_the_stream_is_cut),
	   SUITE_TEST(a_state_without_a_next_ends_the_connection))
