/* Producers on a connection: when they are called. */
#include <plait/group.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/noting_producer.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* ---- push ---- */

static void a_push_producer_is_paused_and_resumed_by_the_marks(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("")); /* it runs already */
	rig_stop_reading(&client);
	plait_write(client.conn, noting_block, 65536);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw(""));
	plait_write(client.conn, noting_block, 1);
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 2 */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("pause"));
	plait_write(client.conn, noting_block, 1000);
	noting_take(65536 + 1001 - 16384 - 1);
	CU_ASSERT_TRUE(recorder_saw(""));
	noting_take(1);
	CU_ASSERT_TRUE(recorder_saw("drained resume"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw(""));
	done();
}

static void on_a_blocked_connection_it_begins_paused(void)
{
	noting_begin(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, noting_block, 70000);
	rig_run(&rig);
	noting_register(&noting_push);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("pause"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained resume"));
	done();
}

static void write_a_lot(struct plait_conn *conn, const char *call)
{
	if (strcmp(call, "resume") == 0)
		plait_write(conn, noting_block, 70000);
}

/* Resumed, it writes too much again: that is told by turns, not in a loop of its own. */
static void pause_and_resume_come_by_turns(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = write_a_lot;
	noting_register(&noting_push);
	rig_stop_reading(&client);
	plait_write(client.conn, noting_block, 70000);
	rig_run(&rig);
	noting_take(70000);
	noting_take(70000);
	noting_take(70000);
	CU_ASSERT_TRUE(recorder_saw("pause drained resume pause drained resume pause drained resume pause"));
	plait_unregister_producer(client.conn);
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained"));
	done();
}

/* ---- pull ---- */

static void a_pull_producer_is_asked_until_it_is_done(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 150000;
	noting_register(&noting_pull);
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 2 */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce produce produce"));
	CU_ASSERT_EQUAL(noting_heard(), 150000);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), PLAIT_ERROR_GONE);
	CU_ASSERT_FALSE(client.conn->fed);
	done();
}

static void it_is_asked_at_the_low_mark_for_what_reaches_the_high_one(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 1000000;
	rig_stop_reading(&client);
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	CU_ASSERT_EQUAL(noting_room, 65536);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 65536);
	CU_ASSERT_FALSE(plait_conn_blocked(client.conn));
	noting_take(65536 - 16384 - 1);
	CU_ASSERT_TRUE(recorder_saw(""));
	noting_take(1);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	CU_ASSERT_EQUAL(noting_room, 65536 - 16384);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 65536);
	rig_read(&client);
	CU_ASSERT_EQUAL(noting_heard(), 1000000);
	done();
}

static void who_writes_nothing_is_not_asked_for_ever(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	plait_write(client.conn, "x", 1);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	done();
}

/* Between two calls others have a turn. */
static void it_is_asked_once_a_turn(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 1000000;
	noting_register(&noting_pull);
	loop_turn(rig.loop, false);
	loop_turn(rig.loop, false);
	CU_ASSERT_TRUE(recorder_saw("produce produce"));
	CU_ASSERT_EQUAL(noting_heard(), 2 * 65536); /* what it wrote left at once */
	done();
}

static void room_is_bounded_however_high_the_mark(void)
{
	noting_begin(&recorder_protocol);
	listener.settings.buffers.high = 8 << 20;
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_EQUAL(noting_room, 256 * 1024);
	done();
}

/* A hundred megabytes for a reader that takes a little now and then: what waits never passes the mark. */
static void a_hundred_megabytes_through_a_slow_reader(void)
{
	size_t total = 0, most = 0;
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 100 << 20;
	rig_stop_reading(&client);
	noting_register(&noting_pull);
	for (size_t i = 0; total < (100 << 20) && i < 100000; i++) {
		noting_take(1 + i * 7919 % 50000);
		recorder.events[0] = '\0';
		if (plait_conn_queued(client.conn) > most)
			most = plait_conn_queued(client.conn);
		total += noting_heard();
	}
	CU_ASSERT_EQUAL(total, 100 << 20);
	CU_ASSERT_EQUAL(noting_to_make, 0);
	CU_ASSERT_TRUE(most <= 65536);
	done();
}

/* ---- what cannot be ---- */

static void one_producer_a_connection(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &noting_pull, noting_block),
			PLAIT_ERROR_REFUSED);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), 0);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), PLAIT_ERROR_GONE);
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	done();
}

static void neither_push_nor_pull_is_invalid(void)
{
	enum { PAUSE = 1, RESUME = 2, PRODUCE = 4, STOP = 8 };
	noting_begin(&recorder_protocol);
	for (unsigned has = 0; has < 16; has++) {
		const struct plait_producer producer = {
			.pause = has & PAUSE ? noting_push.pause : NULL,
			.resume = has & RESUME ? noting_push.resume : NULL,
			.produce = has & PRODUCE ? noting_pull.produce : NULL,
			.stop = has & STOP ? noting_push.stop : NULL,
		};
		bool sound = has == (PAUSE | RESUME | STOP) || has == (PRODUCE | STOP);
		CU_ASSERT_EQUAL(plait_register_producer(client.conn, &producer, noting_block),
				sound ? 0 : PLAIT_ERROR_INVALID);
		plait_unregister_producer(client.conn);
	}
	done();
}

static void a_connection_that_takes_no_output_refuses(void)
{
	noting_begin(&recorder_protocol);
	plait_close(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &noting_push, noting_block),
			PLAIT_ERROR_CLOSING);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
	noting_begin(&recorder_protocol);
	plait_shutdown_write(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &noting_push, noting_block),
			PLAIT_ERROR_CLOSING);
	plait_abort(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &noting_push, noting_block),
			PLAIT_ERROR_CLOSING);
	done();
}

/* ---- with the rest of the connection ---- */

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

/* The watermark pauses reading and the producer alike, and both go on. */
static void reading_and_producing_pause_together(void)
{
	recorder.on_data = echo;
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	rig_stop_reading(&client);
	memory_feed(&client.memory, noting_block, 70000);
	rig_run(&rig);
	CU_ASSERT_TRUE(client.conn->paused & CONN_PAUSE_WATERMARK);
	rig_say(&client, "waits");
	CU_ASSERT_TRUE(recorder_saw("data(65536) data(4464) pause"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained resume data(waits)"));
	done();
}

/* A message to a group comes between what the producer makes, and not at all on a blocked connection. */
static void messages_of_a_group_go_their_own_way(void)
{
	struct plait_group *group = plait_group_open("producers");
	noting_begin(&recorder_protocol);
	CU_ASSERT_EQUAL(plait_group_add(group, client.conn), 0);
	struct plait_chunk *chunk = plait_chunk_new("news", 4);
	plait_group_send(group, chunk, NULL); /* it shares */
	noting_register(&noting_push);
	plait_write(client.conn, "made", 4);
	plait_group_send(group, chunk, NULL);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "newsmadenews"));
	plait_group_send(group, chunk, NULL);
	CU_ASSERT_FALSE(client.conn->sharing); /* what is shared passes by the marks */
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "news"));
	plait_chunk_unref(&chunk);
	done();
	plait_group_close(&group);
}

/* ---- a connection as the producer of another ---- */

static struct rig_client other;

static size_t pass_on(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn == client.conn ? other.conn : client.conn, data, len);
	return len;
}

static void a_connection_produces_for_another(void)
{
	recorder.on_data = pass_on;
	noting_begin(&recorder_protocol);
	rig_connect(&rig, &listener, &other);
	CU_ASSERT_EQUAL(plait_register_producer(other.conn, &plait_conn_producer, client.conn), 0);
	rig_stop_reading(&other);
	for (int i = 0; i < 20; i++)
		rig_say_bytes(&client, noting_block, sizeof(noting_block));
	CU_ASSERT_TRUE(plait_conn_queued(other.conn) <= 65536 + LOOP_INPUT_SIZE);
	CU_ASSERT_TRUE(client.conn->paused & CONN_PAUSE_PROTOCOL);
	rig_read(&other);
	CU_ASSERT_EQUAL(buffer_size(&other.memory.from_conn), 20 * sizeof(noting_block));
	CU_ASSERT_FALSE(client.conn->paused);
	plait_abort(other.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(client.conn->state, CONN_FLUSHING);
	rig_leave(&other);
	recorder.lost = 0;
	done();
}

SUITE_MAIN("producers", SUITE_TEST(a_push_producer_is_paused_and_resumed_by_the_marks),
	   SUITE_TEST(on_a_blocked_connection_it_begins_paused), SUITE_TEST(pause_and_resume_come_by_turns),
	   SUITE_TEST(a_pull_producer_is_asked_until_it_is_done),
	   SUITE_TEST(it_is_asked_at_the_low_mark_for_what_reaches_the_high_one),
	   SUITE_TEST(who_writes_nothing_is_not_asked_for_ever), SUITE_TEST(it_is_asked_once_a_turn),
	   SUITE_TEST(room_is_bounded_however_high_the_mark),
	   SUITE_TEST(a_hundred_megabytes_through_a_slow_reader), SUITE_TEST(one_producer_a_connection),
	   SUITE_TEST(neither_push_nor_pull_is_invalid),
	   SUITE_TEST(a_connection_that_takes_no_output_refuses),
	   SUITE_TEST(reading_and_producing_pause_together), SUITE_TEST(messages_of_a_group_go_their_own_way),
	   SUITE_TEST(a_connection_produces_for_another))
