/* The listener's deadlines: of the first byte, of a message, of the output's progress, and of a connection's life. */
#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* A connection, once the settings are made. */
static void open_timed(const struct plait_protocol *protocol, const struct timeout_settings *timeouts)
{
	open_with(protocol);
	rig_leave(&client);
	recorder_reset();
	listener.settings.timeouts = *timeouts;
	listener.settings.timeouts.close_ms = 5000;
	rig_connect(&rig, &listener, &client);
}

static bool is_closed(void)
{
	return client.memory.was_shut_down;
}

static bool ended(const char *events)
{
	rig_end(&client);
	return recorder_saw(events);
}

/* ---- the first byte ---- */

static const struct timeout_settings first_byte = { .first_byte_ms = 3000 };

static void who_says_nothing_is_let_go(void)
{
	open_timed(&recorder_protocol, &first_byte);
	plait_write(client.conn, "hello", 5); /* which says nothing about the peer */
	rig_advance(&rig, 2999);
	CU_ASSERT_FALSE(is_closed());
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(is_closed());
	CU_ASSERT_TRUE(ended("made lost(timeout-first-byte)"));
	done();
}

static void a_first_byte_is_enough(void)
{
	open_timed(&recorder_protocol, &first_byte);
	rig_advance(&rig, 2999);
	rig_say(&client, "x");
	rig_advance(&rig, 60000);
	CU_ASSERT_FALSE(is_closed());
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	done();
}

static void who_is_not_listened_to_is_waited_for(void)
{
	open_timed(&recorder_protocol, &first_byte);
	plait_pause(client.conn);
	rig_advance(&rig, 10000);
	CU_ASSERT_FALSE(is_closed());
	plait_resume(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 2999);
	CU_ASSERT_FALSE(is_closed());
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(is_closed());
	done();
}

/* ---- a message ---- */

static const struct timeout_settings message = { .message_ms = 10000 };

/* A byte a second. Whether the connection was still open before each of them. */
static bool dribble(const char *byte, unsigned seconds)
{
	while (seconds-- > 0) {
		if (is_closed())
			return false;
		rig_say(&client, byte);
		rig_advance(&rig, 1000);
	}
	return true;
}

static void a_message_in_bits_ends_the_connection(void)
{
	open_timed(&recorder_line_protocol, &message);
	CU_ASSERT_TRUE(dribble("x", 10));
	CU_ASSERT_TRUE(is_closed());
	CU_ASSERT_TRUE(ended("made lost(timeout-message)"));
	done();
}

static void the_first_message_has_its_time_from_its_first_byte(void)
{
	open_timed(&recorder_line_protocol, &message);
	rig_advance(&rig, 3600000);
	CU_ASSERT_FALSE(is_closed());
	CU_ASSERT_TRUE(dribble("x", 10));
	CU_ASSERT_TRUE(is_closed());
	done();
}

/* Each in nine seconds, the end of one with the beginning of the next. */
static void each_message_has_its_own_time(void)
{
	open_timed(&recorder_line_protocol, &message);
	CU_ASSERT_TRUE(dribble("x", 9));
	for (int i = 0; i < 5; i++) {
		rig_say(&client, "\r\nx");
		CU_ASSERT_TRUE(dribble("x", 9));
	}
	CU_ASSERT_FALSE(is_closed());
	rig_say(&client, "\r\n");
	rig_advance(&rig, 3600000);
	CU_ASSERT_FALSE(is_closed());
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	done();
}

static size_t take_nothing(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn, (void)data, (void)len;
	return 0;
}

static void input_left_unread_is_a_message_too(void)
{
	open_timed(&recorder_protocol, &message);
	recorder.on_data = take_nothing;
	CU_ASSERT_TRUE(dribble("x", 10));
	CU_ASSERT_TRUE(is_closed());
	recorder.on_data = NULL;
	done();
}

static void input_that_is_taken_is_none(void)
{
	open_timed(&recorder_protocol, &message);
	CU_ASSERT_TRUE(dribble("x", 100));
	CU_ASSERT_FALSE(is_closed());
	done();
}

static size_t skip(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data, (void)len;
	plait_frame_skip(conn);
	return 0;
}

/* What is dropped as it comes lies nowhere, and is a message nonetheless. */
static void a_message_that_is_dropped_has_to_end(void)
{
	static const char long_line[] = "0123456789012345678901234567890123456789";
	static struct plait_protocol protocol;
	protocol = recorder_line_protocol;
	protocol.message_too_long = skip;
	open_timed(&protocol, &message);
	for (int i = 0; i < 2000; i++)
		memory_feed(&client.memory, long_line, sizeof(long_line) - 1);
	rig_run(&rig);
	CU_ASSERT_FALSE(is_closed());
	CU_ASSERT_TRUE(buffer_size(&client.conn->input) < 2); /* a part of the delimiter, perhaps */
	CU_ASSERT_TRUE(dribble("x", 10));
	CU_ASSERT_TRUE(is_closed());
	done();
}

static void a_pause_of_ours_does_not_count(void)
{
	open_timed(&recorder_line_protocol, &message);
	rig_say(&client, "half a li");
	rig_advance(&rig, 9000);
	plait_pause(client.conn);
	rig_advance(&rig, 3600000);
	CU_ASSERT_FALSE(is_closed());
	plait_resume(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 9999);
	CU_ASSERT_FALSE(is_closed());
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(is_closed());
	done();
}

/* It may still be written to. */
static void who_has_ended_is_not_waited_for(void)
{
	static struct plait_protocol protocol;
	protocol = recorder_line_protocol;
	protocol.eof = recorder_protocol.eof;
	open_timed(&protocol, &message);
	rig_say(&client, "half a li");
	rig_end(&client);
	rig_advance(&rig, 60000);
	CU_ASSERT_FALSE(is_closed());
	done();
}

/* A message a microsecond must not mean a walk through the heap of timers for each. */
static void messages_leave_the_timer_alone(void)
{
	open_timed(&recorder_line_protocol, &message);
	rig_say(&client, "x");
	uint64_t deadline = client.conn->timer.deadline_ms;
	uint32_t order = client.conn->timer.order;
	for (int i = 0; i < 100; i++) {
		rig_advance(&rig, 50);
		rig_say(&client, "\r\nx");
	}
	CU_ASSERT_EQUAL(client.conn->timer.deadline_ms, deadline);
	CU_ASSERT_EQUAL(client.conn->timer.order, order);
	done();
}

/* ---- output ---- */

static const struct timeout_settings writing = { .write_ms = 4000 };

static void fill(void)
{
	static const char block[100000];
	rig_stop_reading(&client);
	plait_write(client.conn, block, sizeof(block));
	rig_run(&rig);
}

static void who_takes_nothing_is_aborted(void)
{
	open_timed(&recorder_protocol, &writing);
	fill();
	rig_say(&client, "x"); /* the connection is not idle */
	rig_advance(&rig, 3999);
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	rig_advance(&rig, 1);
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_TRUE(client.memory.was_reset);
	CU_ASSERT_TRUE(recorder_saw("made lost(timeout-write)"));
	done();
}

static void take(size_t some)
{
	client.memory.write_room = some;
	memory_wake(&client.memory);
	rig_run(&rig);
}

static void a_slow_reader_is_not_cut(void)
{
	open_timed(&recorder_protocol, &writing);
	fill();
	for (int i = 0; i < 20; i++) {
		rig_advance(&rig, 3000);
		take(1);
		CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
	}
	for (int i = 0; i < 3; i++)
		rig_advance(&rig, 1001); /* it is looked at as often */
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	for (int i = 0; i < 2; i++)
		rig_advance(&rig, 1001);
	CU_ASSERT_PTR_NULL(client.conn);
	done();
}

/* The kernel took all there was room for, and what it holds leaves: there is no room for more yet. */
static void what_the_kernel_held_counts_when_the_peer_takes_it(void)
{
	open_timed(&recorder_protocol, &writing);
	client.memory.untaken = 50;
	fill();
	for (int i = 0; i < 40; i++) {
		rig_advance(&rig, 1001);
		client.memory.untaken--;
	}
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	done();
}

static void all_that_left_ends_it(void)
{
	open_timed(&recorder_protocol, &writing);
	fill();
	rig_read(&client);
	for (int i = 0; i < 60; i++)
		rig_advance(&rig, 1000);
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	fill(); /* and it begins anew */
	for (int i = 0; i < 4; i++)
		rig_advance(&rig, 1001);
	CU_ASSERT_PTR_NULL(client.conn);
	done();
}

/* ---- life ---- */

static const struct timeout_settings life = { .lifetime_ms = 60000 };

static void a_life_ends_in_order(void)
{
	open_timed(&recorder_protocol, &life);
	for (int i = 0; i < 59; i++) {
		rig_advance(&rig, 1000);
		rig_say(&client, "x");
	}
	CU_ASSERT_FALSE(is_closed());
	recorder_reset();
	plait_write(client.conn, "the last word", 13);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(is_closed());
	CU_ASSERT_FALSE(client.memory.was_reset);
	CU_ASSERT_TRUE(rig_heard(&client, "the last word"));
	CU_ASSERT_TRUE(ended("lost(lifetime)"));
	done();
}

static void a_protocol_that_wants_to_know_is_told(void)
{
	open_timed(&recorder_draining_protocol, &life);
	rig_advance(&rig, 60000);
	CU_ASSERT_FALSE(is_closed());
	CU_ASSERT_TRUE(recorder_saw("made draining"));
	rig_advance(&rig, 29999);
	CU_ASSERT_FALSE(is_closed());
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(is_closed());
	CU_ASSERT_TRUE(ended("lost(lifetime)"));
	done();
}

static void none_costs_nothing(void)
{
	static const struct timeout_settings all_but_it = { .first_byte_ms = 1,
							    .message_ms = 1,
							    .write_ms = 1 };
	open_timed(&recorder_line_protocol, &all_but_it);
	rig_say(&client, "a line\r\n");
	rig_advance(&rig, 10);
	CU_ASSERT_PTR_NULL(client.conn->extra);
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	done();
}

SUITE_MAIN("deadlines", SUITE_TEST(who_says_nothing_is_let_go), SUITE_TEST(a_first_byte_is_enough),
	   SUITE_TEST(who_is_not_listened_to_is_waited_for),
	   SUITE_TEST(a_message_in_bits_ends_the_connection),
	   SUITE_TEST(the_first_message_has_its_time_from_its_first_byte),
	   SUITE_TEST(each_message_has_its_own_time), SUITE_TEST(input_left_unread_is_a_message_too),
	   SUITE_TEST(input_that_is_taken_is_none), SUITE_TEST(a_message_that_is_dropped_has_to_end),
	   SUITE_TEST(a_pause_of_ours_does_not_count), SUITE_TEST(who_has_ended_is_not_waited_for),
	   SUITE_TEST(messages_leave_the_timer_alone), SUITE_TEST(who_takes_nothing_is_aborted),
	   SUITE_TEST(a_slow_reader_is_not_cut),
	   SUITE_TEST(what_the_kernel_held_counts_when_the_peer_takes_it), SUITE_TEST(all_that_left_ends_it),
	   SUITE_TEST(a_life_ends_in_order), SUITE_TEST(a_protocol_that_wants_to_know_is_told),
	   SUITE_TEST(none_costs_nothing))
