/* Timeouts: a protocol's own, which it resets itself, and a connection's idle time in place of the listener's. */
#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static void (*on_timed_out)(struct plait_conn *conn);

static void timed_out(struct plait_conn *conn)
{
	recorder_note("timed_out");
	if (on_timed_out)
		on_timed_out(conn);
}

/* The recorder with the callback. */
static void open_timed(void (*then)(struct plait_conn *conn))
{
	static struct plait_protocol protocol;
	protocol = recorder_protocol;
	protocol.timed_out = timed_out;
	on_timed_out = then;
	open_with(&protocol);
	CU_ASSERT_TRUE(recorder_saw("made"));
}

static void calls_the_protocol_once(void)
{
	open_timed(NULL);
	CU_ASSERT_EQUAL(plait_set_timeout(client.conn, 3000), 0);
	rig_advance(&rig, 2999);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	plait_reset_timeout(client.conn); /* which does not bring back what has passed */
	rig_advance(&rig, 60000);
	CU_ASSERT_TRUE(recorder_saw(""));
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	CU_ASSERT_EQUAL(plait_set_timeout(client.conn, 1000), 3000);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	done();
}

static void closes_without_the_callback(void)
{
	open_with(&recorder_protocol);
	plait_set_timeout(client.conn, 3000);
	rig_advance(&rig, 3000);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made lost(timeout-protocol)"));
	done();
}

static void begins_anew_when_it_is_reset_or_set(void)
{
	open_timed(NULL);
	plait_set_timeout(client.conn, 3000);
	for (int i = 0; i < 5; i++) {
		rig_advance(&rig, 2999);
		plait_reset_timeout(client.conn);
	}
	rig_advance(&rig, 2999);
	CU_ASSERT_EQUAL(plait_set_timeout(client.conn, 2000), 3000);
	rig_advance(&rig, 1999);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	done();
}

static void bytes_alone_do_not_reset_it(void)
{
	open_timed(NULL);
	plait_set_timeout(client.conn, 3000);
	rig_advance(&rig, 2999);
	rig_say(&client, "x");
	plait_write(client.conn, "y", 1);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("data(x) timed_out"));
	done();
}

static void may_be_longer_or_shorter_than_what_runs(void)
{
	open_timed(NULL);
	plait_set_timeout(client.conn, 60000);
	plait_set_timeout(client.conn, 1000);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	plait_set_timeout(client.conn, 1000);
	plait_set_timeout(client.conn, UINT64_MAX); /* beyond the end of the clock */
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(recorder_saw(""));
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	done();
}

static void none_costs_nothing_and_ends_it(void)
{
	open_timed(NULL);
	CU_ASSERT_EQUAL(plait_set_timeout(client.conn, 0), 0);
	plait_reset_timeout(client.conn);
	CU_ASSERT_PTR_NULL(client.conn->extra);
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	plait_set_timeout(client.conn, 1000);
	CU_ASSERT_EQUAL(plait_set_timeout(client.conn, 0), 1000);
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	rig_advance(&rig, 5000);
	CU_ASSERT_TRUE(recorder_saw(""));
	done();
}

/* A message a microsecond must not mean a walk through the heap of timers for each. */
static void a_reset_leaves_the_timer_alone(void)
{
	open_timed(NULL);
	plait_set_timeout(client.conn, 3000);
	uint64_t deadline = client.conn->timer.deadline_ms;
	uint32_t order = client.conn->timer.order;
	rig_advance(&rig, 1000);
	plait_reset_timeout(client.conn);
	CU_ASSERT_EQUAL(client.conn->timer.deadline_ms, deadline);
	CU_ASSERT_EQUAL(client.conn->timer.order, order);
	rig_advance(&rig, 2000);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	done();
}

static void goodbye(struct plait_conn *conn)
{
	plait_write(conn, "too slow", 8);
	plait_close(conn);
}

static void what_is_written_when_it_has_passed_leaves(void)
{
	open_timed(goodbye);
	plait_set_timeout(client.conn, 1000);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(rig_heard(&client, "too slow"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("timed_out lost(closed)"));
	done();
}

static void ping(struct plait_conn *conn)
{
	plait_write(conn, "ping", 4);
}

static void writing_is_enough(void)
{
	open_timed(ping);
	plait_set_timeout(client.conn, 1000);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(rig_heard(&client, "ping"));
	done();
}

static void once_more(struct plait_conn *conn)
{
	plait_set_timeout(conn, 500);
}

static void can_be_set_again_when_it_has_passed(void)
{
	open_timed(once_more);
	plait_set_timeout(client.conn, 1000);
	rig_advance(&rig, 1000);
	rig_advance(&rig, 499);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	done();
}

static void does_not_pass_after_close(void)
{
	open_timed(NULL);
	plait_set_timeout(client.conn, 1000);
	plait_close(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 1000);
	plait_set_timeout(client.conn, 1);
	plait_set_idle_timeout(client.conn, 1);
	rig_advance(&rig, 3999);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)")); /* the close timeout, of 5 s */
	done();
}

/* ---- idle ---- */

static void idle_time_of_one_connection(void)
{
	struct plait_protocol protocol = recorder_protocol;
	struct rig_client other;
	protocol.lost = NULL; /* the recorder knows one connection */
	open_with(&protocol);
	listener.settings.timeouts.idle_ms = 60000;
	rig_connect(&rig, &listener, &other);
	CU_ASSERT_EQUAL(plait_set_idle_timeout(other.conn, 3000), 60000);
	CU_ASSERT_EQUAL(plait_set_idle_timeout(other.conn, 2000), 3000);
	rig_advance(&rig, 1999);
	CU_ASSERT_FALSE(other.memory.was_shut_down);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(other.memory.was_shut_down);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_leave(&other);
	done();
}

static void idle_time_begins_anew_when_it_is_set(void)
{
	open_with(&recorder_protocol);
	rig_advance(&rig, 2000);
	plait_set_idle_timeout(client.conn, 1000);
	rig_advance(&rig, 999);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_say(&client, "x"); /* any byte counts */
	rig_advance(&rig, 999);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	plait_write(client.conn, "y", 1);
	rig_run(&rig);
	rig_advance(&rig, 999);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made data(x) lost(timeout-idle)"));
	done();
}

static void no_idle_time_for_one_connection(void)
{
	open_with(&recorder_protocol);
	listener.settings.timeouts.idle_ms = 60000;
	plait_set_idle_timeout(client.conn, 0);
	CU_ASSERT_FALSE(timer_active(&client.conn->timer));
	rig_advance(&rig, 3600000);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	CU_ASSERT_EQUAL(plait_set_idle_timeout(client.conn, 1000), 0);
	rig_advance(&rig, 1000);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	done();
}

static void both_run_beside_one_another(void)
{
	open_timed(NULL);
	plait_set_idle_timeout(client.conn, 5000);
	plait_set_timeout(client.conn, 2000);
	rig_advance(&rig, 2000);
	CU_ASSERT_TRUE(recorder_saw("timed_out"));
	rig_advance(&rig, 2999);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	done();
}

/* One that is late for both: the protocol still says its word. */
static void both_at_once(void)
{
	open_timed(NULL);
	plait_set_idle_timeout(client.conn, 1000);
	plait_set_timeout(client.conn, 1000);
	rig_advance(&rig, 1000);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("timed_out lost(timeout-idle)"));
	done();
}

SUITE_MAIN("timeout", SUITE_TEST(calls_the_protocol_once), SUITE_TEST(closes_without_the_callback),
	   SUITE_TEST(begins_anew_when_it_is_reset_or_set), SUITE_TEST(bytes_alone_do_not_reset_it),
	   SUITE_TEST(may_be_longer_or_shorter_than_what_runs), SUITE_TEST(none_costs_nothing_and_ends_it),
	   SUITE_TEST(a_reset_leaves_the_timer_alone), SUITE_TEST(what_is_written_when_it_has_passed_leaves),
	   SUITE_TEST(writing_is_enough), SUITE_TEST(can_be_set_again_when_it_has_passed),
	   SUITE_TEST(does_not_pass_after_close), SUITE_TEST(idle_time_of_one_connection),
	   SUITE_TEST(idle_time_begins_anew_when_it_is_set), SUITE_TEST(no_idle_time_for_one_connection),
	   SUITE_TEST(both_run_beside_one_another), SUITE_TEST(both_at_once))
