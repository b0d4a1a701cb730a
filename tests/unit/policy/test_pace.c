/* The pace of each connection: what is more than a second's worth pauses it, alone, and loses nothing. */
#include "core/policy/pace.h"

#include "tests/unit/net/recorder.h"
#include "tests/unit/policy/throttled.h"
#include "tests/unit/suite.h"

static struct pace pace;

/* a and b are connected, at that pace, with a rate for all that read. */
static void start(uint64_t read_rate, uint64_t write_rate, uint64_t all)
{
	const struct limit_settings settings = { .connection_read_rate = read_rate,
						 .connection_write_rate = write_rate };
	throttled_start(all, 0);
	rig_leave(&a);
	pace_init(&pace, &settings, all > 0 ? throttle_traffic(throttle) : NULL);
	listener.factory->traffic = &pace.traffic;
	rig_connect(&rig, &listener, &a);
	rig_connect(&rig, &listener, &b);
}

static void end(void)
{
	rig_leave(&b);
	throttled_end();
}

static void up_to_a_seconds_worth_nothing_happens(void)
{
	start(100, 0, 0);
	for (int i = 0; i < 5; i++) {
		say(&a, 100);
		CU_ASSERT_TRUE(reads(&a));
		rig_advance(&rig, 1000);
	}
	CU_ASSERT_FALSE(timer_active(&a.conn->timer));
	end();
}

static void what_is_more_pauses_that_connection_alone(void)
{
	start(100, 0, 0);
	say(&a, 350);
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_TRUE(reads(&b));
	rig_advance(&rig, 2499);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(reads(&a));
	say(&a, 1);
	CU_ASSERT_FALSE(reads(&a)); /* a second's worth is still unpaid */
	rig_advance(&rig, 10);
	CU_ASSERT_TRUE(reads(&a));
	end();
}

/* In small steps, too. */
static void the_average_is_the_rate(void)
{
	start(1000, 0, 0);
	uint64_t begin = rig.now_ms, total = 0;
	while (rig.now_ms < begin + 60000) {
		if (reads(&a)) {
			say(&a, 7);
			total += 7;
		}
		rig_advance(&rig, 1);
	}
	CU_ASSERT_TRUE(total >= 60000 && total <= 61100);
	end();
}

static void writing_pauses_as_above_the_high_mark(void)
{
	static const char block[300];
	start(0, 100, 0);
	plait_write(a.conn, block, sizeof(block));
	rig_run(&rig);
	CU_ASSERT_TRUE(plait_conn_blocked(a.conn));
	CU_ASSERT_FALSE(plait_conn_blocked(b.conn));
	CU_ASSERT_FALSE(reads(&a));
	CU_ASSERT_EQUAL(buffer_size(&a.memory.from_conn), sizeof(block));
	recorder_reset();
	rig_advance(&rig, 1999);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("drained"));
	CU_ASSERT_TRUE(reads(&a));
	end();
}

/* Each has its own reason to pause, and going on needs both. */
static void the_rate_of_all_holds_beside_it(void)
{
	start(1000, 0, 100);
	say(&a, 300);
	CU_ASSERT_TRUE(reads(&a));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&a)); /* all are held, b too */
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&rig, 2000);
	CU_ASSERT_TRUE(reads(&a));
	end();
	start(10, 0, 100);
	say(&a, 300);
	CU_ASSERT_FALSE(reads(&a));
	rig_advance(&rig, 1000);
	CU_ASSERT_FALSE(reads(&b));
	rig_advance(&rig, 2000);
	CU_ASSERT_TRUE(reads(&b));
	CU_ASSERT_FALSE(reads(&a)); /* its own pause is longer */
	rig_advance(&rig, 26000);
	CU_ASSERT_TRUE(reads(&a));
	end();
}

/* Neither idle, nor at a message: the time is ours. But a pause does not begin the message's time anew. */
static void a_pause_is_not_the_peers_silence(void)
{
	start(100, 0, 0);
	listener.settings.timeouts.idle_ms = 2000;
	rig_leave(&b);
	rig_connect(&rig, &listener, &b);
	say(&b, 600);
	rig_advance(&rig, 5000);
	CU_ASSERT_TRUE(reads(&b));
	rig_advance(&rig, 1999);
	CU_ASSERT_FALSE(b.memory.was_shut_down);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(b.memory.was_shut_down);
	end();
}

static size_t take_nothing(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn, (void)data, (void)len;
	return 0;
}

static void a_message_has_no_more_time_for_pauses(void)
{
	start(10, 0, 0);
	listener.settings.timeouts.message_ms = 20000;
	recorder.on_data = take_nothing;
	rig_leave(&b);
	rig_connect(&rig, &listener, &b);
	unsigned seconds = 0;
	while (!b.memory.was_shut_down && seconds < 200) {
		if (reads(&b))
			say(&b, 12); /* which is paid for in more than a second: then it pauses */
		for (int i = 0; i < 10; i++)
			rig_advance(&rig, 100);
		seconds++;
	}
	CU_ASSERT_TRUE(seconds >= 20 && seconds <= 100);
	recorder.on_data = NULL;
	end();
}

SUITE_MAIN("pace", SUITE_TEST(up_to_a_seconds_worth_nothing_happens),
	   SUITE_TEST(what_is_more_pauses_that_connection_alone), SUITE_TEST(the_average_is_the_rate),
	   SUITE_TEST(writing_pauses_as_above_the_high_mark), SUITE_TEST(the_rate_of_all_holds_beside_it),
	   SUITE_TEST(a_pause_is_not_the_peers_silence), SUITE_TEST(a_message_has_no_more_time_for_pauses))
