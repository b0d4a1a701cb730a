/* Output: gathering, marks, the cap, and what a blocked transport keeps. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static size_t answer_in_pieces(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	for (int i = 0; i < 16; i++)
		plait_write(conn, "piece ", 6);
	return len;
}

static void small_writes_of_a_callback_leave_together(void)
{
	recorder.on_data = answer_in_pieces;
	open_with(&recorder_protocol);
	rig_say(&client, "go");
	CU_ASSERT_EQUAL(client.memory.writes, 1);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 96);
	done();
}

static void small_writes_from_outside_leave_at_the_end_of_the_turn(void)
{
	open_with(&recorder_protocol);
	plait_write(client.conn, "a", 1);
	plait_write(client.conn, "b", 1);
	CU_ASSERT_EQUAL(client.memory.writes, 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(client.memory.writes, 1);
	CU_ASSERT_TRUE(rig_heard(&client, "ab"));
	done();
}

static void a_large_write_is_not_copied_and_keeps_its_order(void)
{
	static char block[40000];
	open_with(&recorder_protocol);
	memset(block, 'x', sizeof(block));
	plait_write(client.conn, "head", 4);
	plait_write(client.conn, block, sizeof(block));
	CU_ASSERT_EQUAL(client.conn->output.bytes, 0);
	CU_ASSERT_EQUAL(client.memory.writes, 1);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 40004);
	CU_ASSERT_EQUAL(memcmp(buffer_data(&client.memory.from_conn), "headx", 5), 0);
	done();
}

/* A part of no bytes is nothing to send, wherever it stands and whatever it points to. */
static void empty_parts_are_passed_over(void)
{
	static char block[5000];
	const struct iovec large[] = {
		{ NULL, 0 }, { block, 3000 }, { NULL, 0 }, { block, 2000 }, { NULL, 0 }
	};
	const struct iovec small[] = { { NULL, 0 }, { block, 3 }, { NULL, 0 } };
	open_with(&recorder_protocol);
	CU_ASSERT_EQUAL(plait_writev(client.conn, large, 5), 0);
	CU_ASSERT_EQUAL(client.memory.writes, 1);
	CU_ASSERT_EQUAL(client.conn->write_needs, WATCH_NONE);
	CU_ASSERT_EQUAL(plait_writev(client.conn, small, 3), 0);
	CU_ASSERT_EQUAL(plait_writev(client.conn, small, 1), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(client.memory.writes, 2);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 5003);
	done();
}

/* Every length around the borders of chunks, over a transport that takes a few bytes at a time. */
static void all_sizes_arrive_whole_and_in_order(void)
{
	static uint8_t sent[400000];
	size_t total = 0;
	open_with(&recorder_protocol);
	listener.settings.buffers.cap = 1 << 20;
	srand(1);
	rig_stop_reading(&client);
	for (unsigned i = 0; i < 60; i++) {
		static const size_t sizes[] = { 1, 2047, 2048, 2049, 16383, 16384, 16385, 33000, 0, 7 };
		size_t len = sizes[(unsigned)rand() % 10];
		if (total + len > sizeof(sent))
			break;
		for (size_t k = 0; k < len; k++)
			sent[total + k] = (uint8_t)rand();
		if (i % 3 == 2) {
			struct plait_chunk *chunk = plait_chunk_new(sent + total, len);
			CU_ASSERT_EQUAL(plait_write_chunk(client.conn, chunk), 0);
			plait_chunk_unref(&chunk);
		} else {
			CU_ASSERT_EQUAL(plait_write(client.conn, sent + total, len), 0);
		}
		total += len;
		client.memory.write_room = (size_t)rand() % 9000;
		memory_wake(&client.memory);
		rig_run(&rig);
	}
	rig_read(&client);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), total);
	CU_ASSERT_EQUAL(memcmp(buffer_data(&client.memory.from_conn), sent, total), 0);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 0);
	CU_ASSERT_PTR_NULL(client.conn->output.head);
	done();
}

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

/* Rule 5: an echo to a reader that does not read stays bounded. */
static void rule_5_output_above_the_high_mark_pauses_reading(void)
{
	static char block[1 << 20];
	recorder.on_data = echo;
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	for (int i = 0; i < 8; i++)
		memory_feed(&client.memory, block, sizeof(block));
	rig_run(&rig);
	CU_ASSERT_TRUE(plait_conn_queued(client.conn) <= 65536 + LOOP_INPUT_SIZE);
	CU_ASSERT_TRUE(plait_conn_blocked(client.conn));
	CU_ASSERT_TRUE(recorder.received < 4 * LOOP_INPUT_SIZE);
	client.memory.write_room = 4096;
	memory_wake(&client.memory);
	size_t before = recorder.received;
	rig_run(&rig);
	CU_ASSERT_EQUAL(recorder.received, before);
	rig_read(&client);
	CU_ASSERT_EQUAL(recorder.received, 8 << 20);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 8 << 20);
	CU_ASSERT_FALSE(plait_conn_blocked(client.conn));
	done();
}

static void drained_comes_at_the_low_mark(void)
{
	static char block[70000];
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, block, sizeof(block));
	rig_run(&rig);
	client.memory.write_room = 70000 - 16384 - 1;
	memory_wake(&client.memory);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made"));
	client.memory.write_room = 1;
	memory_wake(&client.memory);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("drained"));
	done();
}

static void both_pauses_must_end(void)
{
	static char block[70000];
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, block, sizeof(block));
	plait_pause(client.conn);
	rig_say(&client, "x");
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("made drained"));
	plait_resume(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(x)"));
	done();
}

static void rule_5_the_cap_ends_the_connection(void)
{
	static char block[30000];
	open_with(&recorder_protocol);
	listener.settings.buffers.cap = 100000;
	rig_stop_reading(&client);
	for (int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(plait_write(client.conn, block, sizeof(block)), 0);
	CU_ASSERT_EQUAL(plait_conn_room(client.conn), 10000);
	CU_ASSERT_EQUAL(plait_write(client.conn, block, sizeof(block)), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made lost(overflow)"));
	done();
}

/* The cap counts what the transport does not take, for a chunk as for any other write. */
static void rule_5_a_chunk_may_be_as_large_as_the_cap(void)
{
	static char block[2000];
	struct plait_chunk *chunk = plait_chunk_new(NULL, 131072);
	open_with(&recorder_protocol);
	memset(plait_chunk_bytes(chunk), 'c', 131072);
	listener.settings.buffers.cap = 131072;
	for (int i = 0; i < 30; i++)
		CU_ASSERT_EQUAL(plait_write(client.conn, block, sizeof(block)), 0);
	CU_ASSERT_EQUAL(plait_write_chunk(client.conn, chunk), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 30 * sizeof(block) + 131072);
	rig_stop_reading(&client);
	CU_ASSERT_EQUAL(plait_write(client.conn, block, 1), 0);
	CU_ASSERT_EQUAL(plait_write_chunk(client.conn, chunk), PLAIT_ERROR_OVERFLOW);
	plait_chunk_unref(&chunk);
	done();
}

static void a_write_that_fails_ends_the_connection_later(void)
{
	recorder.on_data = echo;
	open_with(&recorder_protocol);
	client.memory.fail_writes = PLAIT_REASON_RESET;
	rig_say(&client, "x");
	CU_ASSERT_TRUE(recorder_saw("made data(x) lost(reset)"));
	done();
}

SUITE_MAIN("output", SUITE_TEST(small_writes_of_a_callback_leave_together),
	   SUITE_TEST(small_writes_from_outside_leave_at_the_end_of_the_turn),
	   SUITE_TEST(a_large_write_is_not_copied_and_keeps_its_order),
	   SUITE_TEST(empty_parts_are_passed_over), SUITE_TEST(all_sizes_arrive_whole_and_in_order),
	   SUITE_TEST(rule_5_output_above_the_high_mark_pauses_reading),
	   SUITE_TEST(drained_comes_at_the_low_mark), SUITE_TEST(both_pauses_must_end),
	   SUITE_TEST(rule_5_the_cap_ends_the_connection),
	   SUITE_TEST(rule_5_a_chunk_may_be_as_large_as_the_cap),
	   SUITE_TEST(a_write_that_fails_ends_the_connection_later))
