/* The rules of life and death of a connection: DESIGN's numbers stand in the tests' names. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* Runs fn in a child whose abort the test expects. */
static bool aborts(void (*fn)(void))
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		fn();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void write_from_elsewhere(void)
{
	loop_enter(NULL); /* what another thread would see */
	plait_write(client.conn, "x", 1);
}

static void rule_1_calls_from_another_thread_are_caught(void)
{
	open_with(&recorder_protocol);
#ifdef PLAIT_DEBUG
	CU_ASSERT_TRUE(aborts(write_from_elsewhere));
#else
	(void)aborts;
	(void)write_from_elsewhere;
#endif
	done();
}

static size_t close_now(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	plait_write(conn, "bye", 3);
	plait_close(conn);
	recorder_note("returned");
	return len;
}

static void rule_2_close_returns_before_lost(void)
{
	recorder.on_data = close_now;
	open_with(&recorder_protocol);
	rig_say(&client, "a");
	CU_ASSERT_TRUE(recorder_saw("made data(a) returned"));
	CU_ASSERT_TRUE(rig_heard(&client, "bye"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static size_t abort_now(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	plait_write(conn, "never", 5);
	plait_abort(conn);
	plait_abort(conn);
	recorder_note("returned");
	return len;
}

static void rule_2_abort_returns_before_lost(void)
{
	recorder.on_data = abort_now;
	open_with(&recorder_protocol);
	rig_say(&client, "a");
	CU_ASSERT_TRUE(recorder_saw("made data(a) returned lost(aborted)"));
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void resume_now(struct plait_conn *conn)
{
	plait_resume(conn);
	recorder_note("resumed");
}

static size_t pause_after_one(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	(void)len;
	plait_pause(conn);
	plait_resume(conn);
	plait_pause(conn);
	return 1;
}

static void rule_2_resume_delivers_later(void)
{
	recorder.on_data = pause_after_one;
	open_with(&recorder_protocol);
	rig_say(&client, "ab");
	CU_ASSERT_TRUE(recorder_saw("made data(ab)"));
	resume_now(client.conn);
	CU_ASSERT_TRUE(recorder_saw("resumed"));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(b)"));
	done();
}

static void everything_at_once(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	CU_ASSERT_EQUAL(plait_write(conn, "x", 1), PLAIT_ERROR_CLOSING);
	plait_close(conn);
	plait_abort(conn);
	plait_pause(conn);
	plait_resume(conn);
	plait_shutdown_write(conn);
	plait_set_framing(conn, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL(plait_conn_state(conn));
	CU_ASSERT_EQUAL(plait_conn_peer(conn)->family, PLAIT_FAMILY_IPV4);
}

static void rule_3_lost_comes_once_whatever_is_called(void)
{
	recorder.on_lost = everything_at_once;
	open_with(&recorder_protocol);
	plait_abort(client.conn);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made lost(aborted)"));
	CU_ASSERT_EQUAL(recorder.lost, 1);
	done();
}

static void rule_3_the_first_reason_stays(void)
{
	open_with(&recorder_protocol);
	plait_close(client.conn);
	client.memory.fail_reads = PLAIT_REASON_RESET;
	memory_wake(&client.memory);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made lost(closed)"));
	done();
}

static void rule_3_bytes_lost_while_closing_change_the_reason(void)
{
	open_with(&recorder_protocol);
	rig_stop_reading(&client);
	plait_write(client.conn, "owed", 4);
	plait_close(client.conn);
	rig_run(&rig);
	client.memory.fail_writes = PLAIT_REASON_RESET;
	memory_wake(&client.memory);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made lost(reset)"));
	done();
}

static void rule_3_every_reason_is_counted(void)
{
	open_with(&recorder_protocol);
	client.memory.fail_reads = PLAIT_REASON_RESET;
	memory_wake(&client.memory);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("made lost(reset)"));
	CU_ASSERT_EQUAL(rig.loop->net->counters.closed[PLAIT_REASON_RESET], 1);
	CU_ASSERT_EQUAL(rig.loop->net->counters.opened, 1);
	done();
}

static void rule_3_refused_is_never_made_nor_lost(void)
{
	open_with(&recorder_refusing_protocol);
	CU_ASSERT_TRUE(recorder_saw(""));
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void close_with_a_reset(struct rig_client *bad)
{
	bad->memory.fail_reads = PLAIT_REASON_RESET;
	memory_wake(&bad->memory);
}

static void fail_its_writes(struct rig_client *bad)
{
	bad->memory.fail_writes = PLAIT_REASON_RESET;
	plait_write(bad->conn, "x", 1);
}

static void fill_its_buffer(struct rig_client *bad)
{
	static const char block[65536];
	rig_stop_reading(bad);
	while (plait_write(bad->conn, block, sizeof(block)) == 0)
		;
}

static void rule_6_a_failure_is_its_own(void)
{
	static void (*const failures[])(struct rig_client *) = { close_with_a_reset, fail_its_writes,
								 fill_its_buffer };
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct rig_client bad;
		open_with(&recorder_protocol);
		rig_connect(&rig, &listener, &bad);
		recorder_reset();
		rig_stop_reading(&client);
		plait_write(client.conn, "owed", 4);
		failures[i](&bad);
		rig_run(&rig);
		CU_ASSERT_PTR_NULL(bad.conn);
		CU_ASSERT_EQUAL(recorder.lost, 1);
		recorder_reset();
		rig_say(&client, "still here");
		rig_read(&client);
		CU_ASSERT_TRUE(recorder_saw("data(still here)"));
		CU_ASSERT_TRUE(rig_heard(&client, "owed"));
		rig_leave(&bad);
		done();
	}
}

static void rule_8_an_idle_connection_ends(void)
{
	rig_init(&rig);
	rig_listen(&listener, &recorder_protocol, NULL, NULL);
	listener.settings.timeouts.idle_ms = 60000;
	rig_connect(&rig, &listener, &client);
	rig_advance(&rig, 59000);
	rig_say(&client, "x");
	rig_advance(&rig, 59000);
	CU_ASSERT_TRUE(recorder_saw("made data(x)"));
	rig_advance(&rig, 1000);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(timeout-idle)"));
	done();
}

static size_t take_nothing(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	(void)data;
	(void)len;
	return 0;
}

static void rule_8_input_left_unread_is_bounded(void)
{
	static char block[60000];
	open_with(&recorder_protocol);
	listener.settings.buffers.input = 100000;
	recorder_reset();
	recorder.on_data = take_nothing;
	rig_say_bytes(&client, block, sizeof(block));
	CU_ASSERT_TRUE(recorder_saw("data(60000)"));
	rig_say_bytes(&client, block, sizeof(block));
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_PTR_NOT_NULL(strstr(recorder.events, "lost(limit-input)"));
	done();
}

static void open_twice(void)
{
	conn_move(client.conn, CONN_OPEN);
}

static void rule_9_only_allowed_moves(void)
{
	open_with(&recorder_protocol);
	CU_ASSERT_EQUAL(client.conn->state, CONN_OPEN);
	CU_ASSERT_TRUE(aborts(open_twice));
	done();
}

SUITE_MAIN("life", SUITE_TEST(rule_1_calls_from_another_thread_are_caught),
	   SUITE_TEST(rule_2_close_returns_before_lost), SUITE_TEST(rule_2_abort_returns_before_lost),
	   SUITE_TEST(rule_2_resume_delivers_later), SUITE_TEST(rule_3_lost_comes_once_whatever_is_called),
	   SUITE_TEST(rule_3_the_first_reason_stays),
	   SUITE_TEST(rule_3_bytes_lost_while_closing_change_the_reason),
	   SUITE_TEST(rule_3_every_reason_is_counted), SUITE_TEST(rule_3_refused_is_never_made_nor_lost),
	   SUITE_TEST(rule_6_a_failure_is_its_own), SUITE_TEST(rule_8_an_idle_connection_ends),
	   SUITE_TEST(rule_8_input_left_unread_is_bounded), SUITE_TEST(rule_9_only_allowed_moves))
