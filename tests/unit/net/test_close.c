/* How connections end: in order after what was written, in time, and on the peer's end. Rule 4 of DESIGN. */
#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static void rule_4_nothing_is_delivered_after_close(void)
{
	open_with(&recorder_protocol);
	plait_close(client.conn);
	rig_say(&client, "more");
	CU_ASSERT_TRUE(recorder_saw("made"));
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void rule_4_what_was_written_is_sent_first(void)
{
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "last words", 10);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_read(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "last words"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	done();
}

static void rule_4_a_reader_that_stands_still_is_cut(void)
{
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "owed", 4);
	plait_close(client.conn);
	rig_advance(&rig, 4999);
	CU_ASSERT_TRUE(recorder_saw("made"));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("lost(timeout-close)"));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void rule_4_a_slow_reader_is_not_cut(void)
{
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "0123456789", 10);
	plait_close(client.conn);
	rig_run(&rig);
	for (int i = 0; i < 10; i++) {
		rig_advance(&rig, 4000);
		client.memory.write_room = 1;
		memory_wake(&client.memory);
		rig_run(&rig);
	}
	CU_ASSERT_TRUE(rig_heard(&client, "0123456789"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made lost(closed)"));
	done();
}

/* A kernel reports room only when much of its buffer is free: until then, what it holds tells who is alive. */
static void rule_4_a_reader_slower_than_the_kernels_buffer_is_not_cut(void)
{
	open_with(&recorder_protocol);
	client.memory.write_room = 100;
	client.memory.untaken = 100;
	char block[150] = { 0 };
	plait_write(client.conn, block, sizeof(block));
	plait_close(client.conn);
	rig_run(&rig);
	for (int i = 0; i < 9; i++) {
		rig_advance(&rig, 5000);
		client.memory.untaken -= 10;
	}
	CU_ASSERT_TRUE(recorder_saw("made"));
	/* The same after all of it was handed over. */
	client.memory.untaken = 60;
	rig_read(&client);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	for (int i = 0; i < 6; i++) {
		rig_advance(&rig, 5000);
		client.memory.untaken -= 10;
	}
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 5000);
	rig_advance(&rig, 5000);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void rule_4_a_peer_that_does_not_end_is_left_in_order(void)
{
	open_with(&recorder_protocol);
	plait_close(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 5000);
	CU_ASSERT_TRUE(recorder_saw("made lost(closed)"));
	CU_ASSERT_FALSE(client.memory.was_reset);
	done();
}

static void eof_without_callback_closes_after_flushing(void)
{
	open_with(&recorder_no_eof_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "answer", 6);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made"));
	rig_read(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "answer"));
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void eof_with_callback_keeps_our_direction(void)
{
	open_with(&recorder_protocol);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made eof"));
	CU_ASSERT_EQUAL(plait_write(client.conn, "still", 5), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "still"));
	plait_shutdown_write(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void shutdown_write_keeps_input(void)
{
	open_with(&recorder_protocol);
	plait_write(client.conn, "done", 4);
	plait_shutdown_write(client.conn);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "done"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_say(&client, "more");
	CU_ASSERT_TRUE(recorder_saw("made data(more)"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void note_empty(void *arg)
{
	*(bool *)arg = true;
}

static void drain_closes_in_order(void)
{
	bool empty = false;
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "owed", 4);
	net_drain(rig.loop->net, note_empty, &empty);
	rig_run(&rig);
	CU_ASSERT_FALSE(empty);
	rig_read(&client);
	rig_end(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "owed"));
	CU_ASSERT_TRUE(recorder_saw("made lost(drain)"));
	CU_ASSERT_TRUE(empty);
	done();
}

static void drain_asks_a_protocol_that_wants_to_know(void)
{
	bool empty = false;
	open_with(&recorder_draining_protocol);
	net_drain(rig.loop->net, note_empty, &empty);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made draining"));
	rig_say(&client, "last");
	CU_ASSERT_TRUE(recorder_saw("data(last)"));
	CU_ASSERT_EQUAL(net_abort_all(rig.loop->net), 1);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(drain)"));
	CU_ASSERT_TRUE(empty);
	done();
}

SUITE_MAIN("close", SUITE_TEST(rule_4_nothing_is_delivered_after_close),
	   SUITE_TEST(rule_4_what_was_written_is_sent_first),
	   SUITE_TEST(rule_4_a_reader_that_stands_still_is_cut), SUITE_TEST(rule_4_a_slow_reader_is_not_cut),
	   SUITE_TEST(rule_4_a_reader_slower_than_the_kernels_buffer_is_not_cut),
	   SUITE_TEST(rule_4_a_peer_that_does_not_end_is_left_in_order),
	   SUITE_TEST(eof_without_callback_closes_after_flushing),
	   SUITE_TEST(eof_with_callback_keeps_our_direction), SUITE_TEST(shutdown_write_keeps_input),
	   SUITE_TEST(drain_closes_in_order), SUITE_TEST(drain_asks_a_protocol_that_wants_to_know))
