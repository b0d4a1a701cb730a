/* The throttle of writing: who writes waits, and what is written is sent. */
#include <plait/group.h>
#include <plait/producer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net/recorder.h"
#include "tests/unit/policy/throttled.h"
#include "tests/unit/suite.h"

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static void over_the_write_rate_the_connection_is_blocked(void)
{
	throttled_start(0, 10);
	recorder.on_data = echo;
	rig_say(&a, "0123456789abcdefghij");
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghij"));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	CU_ASSERT_FALSE(reads(&a));
	rig_say(&a, "x");
	rig_advance(&rig, 999);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(recorder_saw("made data(0123456789abcdefghij)"));
	rig_advance(&rig, 1);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(recorder_saw("drained data(x)"));
	CU_ASSERT_TRUE(rig_heard(&a, "x"));
	throttled_end();
}

/* a has written two seconds' worth in one, and waits for the other. */
static void start_held_back(void)
{
	throttled_start(0, 10);
	plait_write(a.conn, "0123456789abcdefghij", 20);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
}

static struct plait_deferred *send_a_file(void)
{
	FILE *file = tmpfile();
	fputs("of a file ", file);
	fflush(file);
	struct plait_deferred *sent = plait_send_file(a.conn, dup(fileno(file)), 0, PLAIT_TO_END);
	fclose(file);
	return sent;
}

static void what_is_written_while_blocked_is_sent_and_counts(void)
{
	start_held_back();
	plait_write(a.conn, "0123456789", 10);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghij0123456789"));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(recorder_saw("made drained"));
	throttled_end();
}

static unsigned produced;

static void produce(struct plait_conn *conn, size_t room, void *arg)
{
	(void)room;
	(void)arg;
	produced++;
	plait_write(conn, "0123456789", 10);
}

static void stop_producing(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	(void)conn;
	(void)reason;
	(void)arg;
}

/* One that always has something: without an end to a turn's work it makes as much as it is asked for. */
static void a_pull_producer_waits(void)
{
	static const struct plait_producer producer = { .produce = produce, .stop = stop_producing };
	throttled_start(0, 10);
	produced = 0;
	plait_register_producer(a.conn, &producer, NULL);
	loop_turn(rig.loop, false);
	while (!plait_conn_blocked(a.conn) && produced < 1000)
		loop_turn(rig.loop, false);
	CU_ASSERT_TRUE(produced >= 4 && produced < 10);
	unsigned before = produced;
	rig_run(&rig);
	CU_ASSERT_EQUAL(produced, before);
	rig.now_ms += before * 1000;
	loop_turn(rig.loop, false);
	CU_ASSERT_TRUE(produced > before);
	plait_unregister_producer(a.conn);
	rig_run(&rig);
	throttled_end();
}

static void a_file_waits_and_what_is_behind_it(void)
{
	start_held_back();
	struct plait_deferred *sent = send_a_file();
	plait_write(a.conn, "and more", 8);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghij"));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(rig_heard(&a, "of a file and more"));
	plait_deferred_unref(&sent);
	throttled_end();
}

/* An end that has begun is not held back. */
static void a_file_goes_on_when_its_connection_closes(void)
{
	start_held_back();
	struct plait_deferred *sent = send_a_file();
	rig_run(&rig);
	plait_close(a.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghijof a file "));
	plait_deferred_unref(&sent);
	throttled_end();
}

/* The end of the pause leaves a slow reader's marks as they are. */
static void a_slow_reader_stays_blocked(void)
{
	static const char block[60000];
	throttled_start(0, 100);
	rig_stop_reading(&a);
	plait_write(a.conn, block, 40000); /* below the high mark */
	rig_run(&rig);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	a.memory.write_room = 200;
	memory_wake(&a.memory);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn)); /* more than the low mark waits */
	CU_ASSERT_TRUE(recorder_saw("made"));
	rig_read(&a);
	CU_ASSERT_TRUE(recorder_saw("drained"));
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn)); /* for what it has taken */
	rig_advance(&rig, 600000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(recorder_saw("drained"));
	throttled_end();
}

static void reading_and_writing_are_apart(void)
{
	throttled_start(10, 100);
	recorder.on_data = echo;
	rig_say(&a, "0123456789abcdefghij");
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	throttled_end();
}

static void closing_is_not_held_back(void)
{
	throttled_start(100, 1);
	plait_write(a.conn, "0123456789", 10);
	say(&a, 500);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	plait_write(a.conn, "bye", 3);
	plait_close(a.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789bye"));
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn)); /* so that a producer can finish */
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	rig_end(&a);
	CU_ASSERT_PTR_NULL(a.conn);
	throttled_end();
}

static void who_closes_is_not_held_back_later_either(void)
{
	throttled_start(0, 10);
	a.memory.write_room = 30;
	plait_write(a.conn, "0123456789abcdefghij0123456789abcdefghij", 40);
	rig_run(&rig);
	plait_close(a.conn);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	rig_read(&a);
	CU_ASSERT_TRUE(a.memory.was_shut_down);
	throttled_end();
}

/* Who comes later was never blocked. */
static void a_pause_that_is_over_is_not_told(void)
{
	start_held_back();
	rig_leave(&a);
	rig_advance(&rig, 60000);
	rig_connect(&rig, &listener, &a);
	CU_ASSERT_TRUE(recorder_saw("made made"));
	throttled_end();
}

/* ---- groups ---- */

static unsigned slow;

static void count_slow(struct plait_conn *member, struct plait_chunk *chunk)
{
	(void)member;
	(void)chunk;
	slow++;
}

static void tell(struct plait_group *group, const char *text)
{
	struct plait_chunk *chunk = plait_chunk_new(text, strlen(text));
	plait_group_offer(group, chunk, NULL, count_slow);
	plait_chunk_unref(&chunk);
}

/* Who shares has nothing of its own to be blocked for. */
static void one_that_shares_with_a_group_is_held_back_as_well(void)
{
	throttled_start(0, 10);
	struct plait_group *group = plait_group_open("room");
	rig_connect(&rig, &listener, &b);
	plait_group_add(group, a.conn);
	plait_group_add(group, b.conn);
	slow = 0;
	tell(group, "to all of them ");
	CU_ASSERT_TRUE(a.conn->sharing);
	conn_hold(a.conn, TRAFFIC_OUT, TRAFFIC_ALL);
	CU_ASSERT_FALSE(a.conn->sharing);
	tell(group, "to one");
	CU_ASSERT_EQUAL(slow, 1);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "to all of them "));
	CU_ASSERT_TRUE(rig_heard(&b, "to all of them to one"));
	rig_advance(&rig, 1000);
	tell(group, "to nobody");
	CU_ASSERT_EQUAL(slow, 3);
	plait_group_close(&group);
	rig_leave(&b);
	throttled_end();
}

SUITE_MAIN("throttle-output", SUITE_TEST(over_the_write_rate_the_connection_is_blocked),
	   SUITE_TEST(what_is_written_while_blocked_is_sent_and_counts), SUITE_TEST(a_pull_producer_waits),
	   SUITE_TEST(a_file_waits_and_what_is_behind_it),
	   SUITE_TEST(a_file_goes_on_when_its_connection_closes), SUITE_TEST(a_slow_reader_stays_blocked),
	   SUITE_TEST(reading_and_writing_are_apart), SUITE_TEST(closing_is_not_held_back),
	   SUITE_TEST(who_closes_is_not_held_back_later_either), SUITE_TEST(a_pause_that_is_over_is_not_told),
	   SUITE_TEST(one_that_shares_with_a_group_is_held_back_as_well))
