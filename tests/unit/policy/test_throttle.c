/* The throttle: what it measures and when, and how long reading pauses, on one loop and on two. */
#include <stdio.h>

#include "tests/unit/net/recorder.h"
#include "tests/unit/policy/throttled.h"
#include "tests/unit/suite.h"

static void up_to_the_rate_nothing_happens(void)
{
	throttled_start(100, 0);
	for (int i = 0; i < 5; i++) {
		say(&a, 100);
		rig_advance(&rig, 1000);
		CU_ASSERT_TRUE(reads(&a));
	}
	throttled_end();
}

static void n_times_the_rate_pauses_for_n_less_one_seconds(void)
{
	throttled_start(100, 0);
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
	throttled_end();
}

/* In steps, so that each measurement falls into its own turn; Twisted's would let through twice as much. */
static void a_little_too_much_is_held_to_the_rate_as_well(void)
{
	throttled_start(1000, 0);
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
	throttled_end();
}

static void what_was_read_is_delivered_and_nothing_is_lost(void)
{
	throttled_start(10, 0);
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
	throttled_end();
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
	throttled_start(4, 0);
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
	throttled_end();
}

static void all_connections_count_and_share_the_pause(void)
{
	throttled_start(100, 0);
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
	throttled_end();
}

/* Within one second, and with nobody there in between. */
static void who_comes_and_goes_gets_no_burst_of_its_own(void)
{
	throttled_start(100, 0);
	for (int i = 0; i < 4; i++) {
		say(&a, 100);
		CU_ASSERT_TRUE(reads(&a));
		rig_leave(&a);
		rig_connect(&rig, &listener, &a);
	}
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a));
	throttled_end();
}

/* Else who leaves after a burst would be free of it when it comes again. */
static void leaving_does_not_pay(void)
{
	throttled_start(100, 0);
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
	throttled_end();
}

static void a_large_burst_is_stopped_before_its_second_is_over(void)
{
	throttled_start(100, 0);
	say(&a, 400);
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 4000);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 10);
	CU_ASSERT_TRUE(reads(&a));
	throttled_end();
}

static void many_loops_share_what_a_burst_may_be(void)
{
	throttled_start(100, 0);
	rig.loop->count = 64;
	rig_advance(&rig, 1000);
	say(&a, 200); /* but this is too much for one second, whatever the others do */
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a));
	throttled_end();
}

static void one_that_has_another_factory_is_left_alone(void)
{
	struct rig_listener other;
	throttled_start(100, 0);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&other, &throttled_protocol, NULL, NULL), 0);
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
	throttled_end();
}

/* ---- idle ---- */

static void the_pause_does_not_count_as_idle(void)
{
	throttled_start(100, 0);
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
	throttled_end();
}

static void what_moved_during_the_pause_is_newer(void)
{
	throttled_start(100, 0);
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
	throttled_end();
}

static void a_long_time_pays_everything(void)
{
	throttled_start((uint64_t)1 << 34, 0);
	say(&a, 1);
	rig_advance(&rig, (uint64_t)1 << 30); /* the product is 0 in 64 bits */
	CU_ASSERT_TRUE(reads(&a));
	throttled_end();
}

/* ---- two loops ---- */

static void two_loops_add_up_and_pause_together(void)
{
	struct rig second;
	throttled_start(100, 0);
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
	throttled_end();
}

/* A loop whose turn began before another's measurement. */
static void a_loop_that_is_behind_measures_no_time(void)
{
	struct rig second;
	throttled_start(100, 0);
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
	throttled_end();
}

SUITE_MAIN("throttle", SUITE_TEST(up_to_the_rate_nothing_happens),
	   SUITE_TEST(n_times_the_rate_pauses_for_n_less_one_seconds),
	   SUITE_TEST(a_little_too_much_is_held_to_the_rate_as_well),
	   SUITE_TEST(what_was_read_is_delivered_and_nothing_is_lost),
	   SUITE_TEST(what_waits_is_delivered_during_the_pause),
	   SUITE_TEST(all_connections_count_and_share_the_pause),
	   SUITE_TEST(who_comes_and_goes_gets_no_burst_of_its_own), SUITE_TEST(leaving_does_not_pay),
	   SUITE_TEST(a_large_burst_is_stopped_before_its_second_is_over),
	   SUITE_TEST(many_loops_share_what_a_burst_may_be),
	   SUITE_TEST(one_that_has_another_factory_is_left_alone),
	   SUITE_TEST(the_pause_does_not_count_as_idle), SUITE_TEST(what_moved_during_the_pause_is_newer),
	   SUITE_TEST(a_long_time_pays_everything), SUITE_TEST(two_loops_add_up_and_pause_together),
	   SUITE_TEST(a_loop_that_is_behind_measures_no_time))
