/* The throttle: what it measures and when, what it holds back and for how long, on one loop and on two. */
#include "core/policy/throttle.h"

#include <plait/group.h>
#include <plait/producer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static struct rig rig;
static struct rig_listener listener;
static struct rig_client a, b;
static struct throttle *throttle;

/* Without lost: the recorder knows one connection. */
static struct plait_protocol protocol;

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

static void start(uint64_t read_rate, uint64_t write_rate)
{
	const struct limit_settings settings = { .read_rate = read_rate, .write_rate = write_rate };
	protocol = recorder_protocol;
	protocol.lost = NULL;
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &protocol, NULL, NULL), 0);
	throttle = throttle_new(&settings);
	listener.factory->traffic = throttle_traffic(throttle);
	rig_connect(&rig, &listener, &a);
}

static void end(void)
{
	rig_leave(&a);
	CU_ASSERT_EQUAL(timer_heap_next(&rig.loop->timers), TIMER_NEVER); /* nobody is there to be measured */
	rig_unlisten(&listener);
	throttle_free(&throttle);
	rig_fini(&rig);
	recorder_reset();
}

static bool reads(const struct rig_client *client)
{
	return client->memory.interest & WATCH_READ;
}

static void say(struct rig_client *client, size_t len)
{
	static const char block[1 << 16];
	rig_say_bytes(client, block, len);
}

static void up_to_the_rate_nothing_happens(void)
{
	start(100, 0);
	for (int i = 0; i < 5; i++) {
		say(&a, 100);
		rig_advance(&rig, 1000);
		CU_ASSERT_TRUE(reads(&a));
	}
	end();
}

static void n_times_the_rate_pauses_for_n_less_one_seconds(void)
{
	start(100, 0);
	say(&a, 300);
	CU_ASSERT_TRUE(reads(&a));
	CU_ASSERT_EQUAL(throttle_moved(throttle, TRAFFIC_IN), 300);
	rig_advance(&rig, 999);
	CU_ASSERT_TRUE(reads(&a));
	rig_advance(&rig, 1);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_EQUAL(throttle_moved(throttle, TRAFFIC_IN), 0);
	rig_advance(&rig, 1999);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(reads(&a));
	end();
}

/* In steps, so that each measurement falls into its own turn; Twisted's would let through twice as much. */
static void a_little_too_much_is_held_to_the_rate_as_well(void)
{
	start(1000, 0);
	uint64_t begin = rig.now_ms, total = 0;
	while (rig.now_ms < begin + 60000) {
		if (reads(&a)) {
			say(&a, 15);
			total += 15;
		}
		rig_advance(&rig, 10);
	}
	CU_ASSERT_TRUE(total >= 58500 && total <= 61500);
	if (total < 58500 || total > 61500)
		printf("# %llu bytes in a minute\n", (unsigned long long)total);
	end();
}

static void what_was_read_is_delivered_and_nothing_is_lost(void)
{
	start(10, 0);
	rig_say(&a, "0123456789abcdefghij");
	plait_pause(a.conn);
	rig_say(&a, "waits");
	CU_ASSERT_TRUE(recorder_saw("made data(0123456789abcdefghij)"));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	rig_say(&a, " for later");
	plait_resume(a.conn); /* its own pause; the other stays */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(recorder_saw("data(waits for later)"));
	end();
}

static size_t take_four(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	plait_pause(conn);
	return len < 4 ? len : 4;
}

/* Bytes that the connection has read already. */
static void what_waits_is_delivered_during_the_pause(void)
{
	start(4, 0);
	recorder.on_data = take_four;
	rig_say(&a, "onlymore");
	CU_ASSERT_TRUE(recorder_saw("made data(onlymore)"));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	plait_resume(a.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(more)"));
	plait_resume(a.conn);
	rig_run(&rig);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(reads(&a));
	end();
}

static void all_connections_count_and_share_the_pause(void)
{
	start(100, 0);
	rig_connect(&rig, &listener, &b);
	say(&a, 100);
	say(&b, 100);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_FALSE(reads(&b));
	rig_leave(&b);
	rig_connect(&rig, &listener, &b); /* who comes during the pause */
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(reads(&a));
	CU_ASSERT_TRUE(reads(&b));
	rig_leave(&b);
	end();
}

/* Else who leaves after a burst would be free of it when it comes again. */
static void leaving_does_not_pay(void)
{
	start(100, 0);
	say(&a, 300);
	rig_leave(&a);
	rig_connect(&rig, &listener, &a);
	say(&a, 1);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	rig_leave(&a);
	rig_advance(&rig, 500);
	rig_connect(&rig, &listener, &a);
	CU_ASSERT_FALSE(reads(&a));
	rig_leave(&a);
	rig_advance(&rig, 60000); /* time does */
	rig_connect(&rig, &listener, &a);
	CU_ASSERT_TRUE(reads(&a));
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	end();
}

static void a_large_burst_is_stopped_before_its_second_is_over(void)
{
	start(100, 0);
	say(&a, 400);
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 4000);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 10);
	CU_ASSERT_TRUE(reads(&a));
	end();
}

static void many_loops_share_what_a_burst_may_be(void)
{
	start(100, 0);
	rig.loop->count = 64;
	rig_advance(&rig, 1000);
	say(&a, 200); /* but this is too much for one second, whatever the others do */
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a));
	end();
}

static void one_that_has_another_factory_is_left_alone(void)
{
	struct rig_listener other;
	start(100, 0);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&other, &protocol, NULL, NULL), 0);
	rig_connect(&rig, &other, &b);
	say(&b, 500);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 200);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_TRUE(reads(&b));
	rig_leave(&b);
	rig_unlisten(&other);
	end();
}

/* ---- writing ---- */

static void over_the_write_rate_the_connection_is_blocked(void)
{
	start(0, 10);
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
	end();
}

static void what_is_written_while_blocked_is_sent_and_counts(void)
{
	start(0, 10);
	plait_write(a.conn, "0123456789abcdefghij", 20);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	plait_write(a.conn, "0123456789", 10);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghij0123456789"));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	CU_ASSERT_TRUE(recorder_saw("made drained"));
	end();
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
	start(0, 10);
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
	end();
}

static void a_file_waits_and_what_is_behind_it(void)
{
	FILE *file = tmpfile();
	start(0, 10);
	fputs("of a file ", file);
	fflush(file);
	plait_write(a.conn, "0123456789abcdefghij", 20);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	struct plait_deferred *sent = plait_send_file(a.conn, dup(fileno(file)), 0, PLAIT_TO_END);
	plait_write(a.conn, "and more", 8);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&a, "0123456789abcdefghij"));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(rig_heard(&a, "of a file and more"));
	plait_deferred_unref(&sent);
	fclose(file);
	end();
}

/* The end of the pause leaves a slow reader's marks as they are. */
static void a_slow_reader_stays_blocked(void)
{
	static const char block[60000];
	start(0, 100);
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
	end();
}

static void reading_and_writing_are_apart(void)
{
	start(10, 100);
	recorder.on_data = echo;
	rig_say(&a, "0123456789abcdefghij");
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	end();
}

/* ---- idle ---- */

static void the_pause_does_not_count_as_idle(void)
{
	start(100, 0);
	listener.settings.timeouts.idle_ms = 1500;
	plait_set_idle_timeout(a.conn, 1500);
	say(&a, 400);
	rig_advance(&rig, 1000); /* of its idle time */
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 2999);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(reads(&a));
	CU_ASSERT_FALSE(a.memory.was_shut_down);
	rig_advance(&rig, 499);
	CU_ASSERT_FALSE(a.memory.was_shut_down);
	rig_advance(&rig, 1); /* the rest of it */
	CU_ASSERT_TRUE(a.memory.was_shut_down);
	end();
}

static void closing_is_not_held_back(void)
{
	start(100, 1);
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
	end();
}

static void who_closes_is_not_held_back_later_either(void)
{
	start(0, 10);
	a.memory.write_room = 30;
	plait_write(a.conn, "0123456789abcdefghij0123456789abcdefghij", 40);
	rig_run(&rig);
	plait_close(a.conn);
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(plait_conn_blocked(a.conn));
	rig_read(&a);
	CU_ASSERT_TRUE(a.memory.was_shut_down);
	end();
}

/* Who comes later was never blocked. */
static void a_pause_that_is_over_is_not_told(void)
{
	start(0, 10);
	plait_write(a.conn, "0123456789abcdefghij", 20);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	rig_leave(&a);
	rig_advance(&rig, 60000);
	rig_connect(&rig, &listener, &a);
	CU_ASSERT_TRUE(recorder_saw("made made"));
	end();
}

static void what_moved_during_the_pause_is_newer(void)
{
	start(100, 0);
	plait_set_idle_timeout(a.conn, 1500);
	say(&a, 500);
	rig_advance(&rig, 1000);
	rig_advance(&rig, 3900);
	plait_write(a.conn, "x", 1);
	rig_run(&rig);
	rig_advance(&rig, 100);
	CU_ASSERT_TRUE(reads(&a));
	rig_advance(&rig, 1499);
	CU_ASSERT_FALSE(a.memory.was_shut_down);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(a.memory.was_shut_down);
	end();
}

static void a_long_time_pays_everything(void)
{
	start((uint64_t)1 << 34, 0);
	say(&a, 1);
	rig_advance(&rig, (uint64_t)1 << 30); /* the product is 0 in 64 bits */
	CU_ASSERT_TRUE(reads(&a));
	end();
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
	start(0, 10);
	struct plait_group *group = plait_group_open("room");
	rig_connect(&rig, &listener, &b);
	plait_group_add(group, a.conn);
	plait_group_add(group, b.conn);
	slow = 0;
	tell(group, "to all of them ");
	CU_ASSERT_TRUE(a.conn->sharing);
	conn_hold(a.conn, TRAFFIC_OUT);
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
	end();
}

/* ---- two loops ---- */

static void two_loops_add_up_and_pause_together(void)
{
	struct rig second;
	start(100, 0);
	rig_init(&second);
	second.loop->index = 1;
	rig_connect(&second, &listener, &b);
	say(&b, 100);
	second.now_ms += 300; /* they do not look at the same moment */
	rig_run(&second);
	loop_enter(rig.loop);
	say(&a, 200);
	rig.now_ms = second.now_ms;
	rig_run(&rig);
	CU_ASSERT_EQUAL(throttle_moved(throttle, TRAFFIC_IN), 300);
	rig_advance(&rig, 700);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&second, 700);
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&second, 1999);
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&second, 1);
	CU_ASSERT_TRUE(reads(&b));
	loop_enter(rig.loop);
	rig_advance(&rig, 2000);
	CU_ASSERT_TRUE(reads(&a));
	loop_enter(second.loop);
	rig_leave(&b);
	rig_fini(&second);
	loop_enter(rig.loop);
	end();
}

/* A loop whose turn began before another's measurement. */
static void a_loop_that_is_behind_measures_no_time(void)
{
	struct rig second;
	start(100, 0);
	rig_init(&second);
	second.loop->index = 1;
	loop_enter(rig.loop);
	rig_advance(&rig, 1000);
	loop_enter(second.loop);
	rig_connect(&second, &listener, &b); /* it looks, with a clock of a second ago */
	CU_ASSERT_TRUE(reads(&b));
	say(&b, 900);
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&second, 1000);
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&second, 9001);
	CU_ASSERT_TRUE(reads(&b));
	rig_leave(&b);
	rig_fini(&second);
	loop_enter(rig.loop);
	end();
}

SUITE_MAIN("throttle", SUITE_TEST(up_to_the_rate_nothing_happens),
	   SUITE_TEST(n_times_the_rate_pauses_for_n_less_one_seconds),
	   SUITE_TEST(a_little_too_much_is_held_to_the_rate_as_well),
	   SUITE_TEST(what_was_read_is_delivered_and_nothing_is_lost),
	   SUITE_TEST(what_waits_is_delivered_during_the_pause),
	   SUITE_TEST(all_connections_count_and_share_the_pause), SUITE_TEST(leaving_does_not_pay),
	   SUITE_TEST(a_large_burst_is_stopped_before_its_second_is_over),
	   SUITE_TEST(many_loops_share_what_a_burst_may_be),
	   SUITE_TEST(one_that_has_another_factory_is_left_alone),
	   SUITE_TEST(over_the_write_rate_the_connection_is_blocked),
	   SUITE_TEST(what_is_written_while_blocked_is_sent_and_counts), SUITE_TEST(a_pull_producer_waits),
	   SUITE_TEST(a_file_waits_and_what_is_behind_it), SUITE_TEST(a_slow_reader_stays_blocked),
	   SUITE_TEST(reading_and_writing_are_apart), SUITE_TEST(the_pause_does_not_count_as_idle),
	   SUITE_TEST(closing_is_not_held_back), SUITE_TEST(who_closes_is_not_held_back_later_either),
	   SUITE_TEST(a_pause_that_is_over_is_not_told), SUITE_TEST(what_moved_during_the_pause_is_newer),
	   SUITE_TEST(a_long_time_pays_everything),
	   SUITE_TEST(one_that_shares_with_a_group_is_held_back_as_well),
	   SUITE_TEST(two_loops_add_up_and_pause_together),
	   SUITE_TEST(a_loop_that_is_behind_measures_no_time))
