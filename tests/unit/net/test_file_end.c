/* Files sent on a connection: what goes wrong, cancels and closes. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/net/filing.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* ---- what cannot be ---- */

static void no_such_part_is_refused_and_the_connection_goes_on(void)
{
	struct filing outcome = { 0 };
	int ends[2], folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	filing_by_transport = false;
	filing_begin();
	CU_ASSERT_FATAL(pipe2(ends, O_CLOEXEC) == 0);
	const struct {
		int fd;
		uint64_t offset, len;
	} bad[] = {
		{ -1, 0, PLAIT_TO_END },
		{ folder, 0, PLAIT_TO_END },
		{ ends[0], 0, PLAIT_TO_END },
		{ filing_file(10), 0, 11 },
		{ filing_file(10), 11, PLAIT_TO_END },
		{ filing_file(10), 5, 6 },
		{ filing_file(10), 5, UINT64_MAX - 1 },
		{ filing_file(10), UINT64_MAX, 0 },
		{ filing_file(10), UINT64_MAX, UINT64_MAX },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		filing_send(bad[i].fd, bad[i].offset, bad[i].len, &outcome);
		CU_ASSERT_TRUE(outcome.fired == 1 && outcome.code == PLAIT_ERROR_INVALID);
		CU_ASSERT_FALSE(filing_is_open(bad[i].fd));
	}
	close(ends[1]);
	plait_write(client.conn, "on", 2);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "on"));
	done();
}

static void a_connection_that_takes_no_output_refuses(void)
{
	struct filing outcome = { 0 };
	int fd = filing_file(10);
	filing_by_transport = false;
	filing_begin();
	plait_close(client.conn);
	filing_send(fd, 0, PLAIT_TO_END, &outcome);
	CU_ASSERT_TRUE(outcome.fired == 1 && outcome.code == PLAIT_ERROR_CLOSING);
	CU_ASSERT_FALSE(filing_is_open(fd));
	done();
}

/* ---- what goes wrong meanwhile ---- */

static void shrinks(void)
{
	struct filing first = { 0 }, second = { 0 };
	int fd = filing_file(FILING_LARGE), behind = filing_file(10);
	filing_begin();
	rig_stop_reading(&client);
	filing_send(fd, 0, PLAIT_TO_END, &first);
	filing_send(behind, 0, PLAIT_TO_END, &second);
	filing_take(100000);
	CU_ASSERT_EQUAL(ftruncate(fd, 150000), 0);
	rig_read(&client);
	CU_ASSERT_TRUE(first.fired == 1 && first.code == PLAIT_ERROR_SYSTEM);
	CU_ASSERT_TRUE(second.fired == 1 && second.code == PLAIT_ERROR_GONE);
	CU_ASSERT_TRUE(recorder_saw("lost(internal)"));
	CU_ASSERT_TRUE(client.memory.was_reset); /* the peer cannot filing_take it for the whole */
	CU_ASSERT_FALSE(filing_is_open(fd) || filing_is_open(behind));
	done();
}

static void a_file_that_shrinks_ends_the_connection(void)
{
	filing_both_ways(shrinks);
}

static void ends(void)
{
	static const enum plait_reason fails[] = { PLAIT_REASON_RESET, PLAIT_REASON_NONE };
	for (int i = 0; i < 2; i++) {
		struct filing first = { 0 }, second = { 0 };
		int fds[2] = { filing_file(FILING_LARGE), filing_file(10) };
		filing_begin();
		rig_stop_reading(&client);
		filing_send(fds[0], 0, PLAIT_TO_END, &first);
		filing_send(fds[1], 0, PLAIT_TO_END, &second);
		filing_take(100000);
		client.memory.fail_writes = fails[i];
		memory_wake(&client.memory);
		if (!fails[i])
			plait_abort(client.conn);
		CU_ASSERT_EQUAL(first.fired, 0);
		rig_run(&rig);
		CU_ASSERT_TRUE(first.fired == 1 && first.code == PLAIT_ERROR_GONE);
		CU_ASSERT_TRUE(second.fired == 1 && second.code == PLAIT_ERROR_GONE);
		CU_ASSERT_FALSE(filing_is_open(fds[0]) || filing_is_open(fds[1]));
		CU_ASSERT_TRUE(recorder_saw(fails[i] ? "lost(reset)" : "lost(aborted)"));
		done();
	}
}

/* Their Deferreds fail before lost: note asserts that. */
static void the_connection_ends_meanwhile(void)
{
	filing_both_ways(ends);
}

static void cancelled(void)
{
	struct filing first = { 0 }, second = { 0 }, third = { 0 };
	int fds[3] = { filing_file(FILING_LARGE), filing_file(10), filing_file(20) };
	filing_begin();
	rig_stop_reading(&client);
	struct plait_deferred *one = filing_start(fds[0], 0, PLAIT_TO_END, &first);
	struct plait_deferred *two = filing_start(fds[1], 0, PLAIT_TO_END, &second);
	plait_write(client.conn, "then", 4);
	filing_send(fds[2], 0, PLAIT_TO_END, &third);
	filing_take(100000);
	size_t queued = plait_conn_queued(client.conn) - 4;
	plait_deferred_cancel(two);
	CU_ASSERT_TRUE(second.fired == 1 && second.code == PLAIT_ERROR_CANCELLED);
	CU_ASSERT_TRUE(filing_is_open(fds[0]) && !filing_is_open(fds[1]));
	plait_deferred_cancel(one);
	CU_ASSERT_TRUE(first.fired == 1 && first.code == PLAIT_ERROR_CANCELLED);
	CU_ASSERT_FALSE(filing_is_open(fds[0]));
	rig_read(&client);
	CU_ASSERT_TRUE(filing_heard(filing_content, 100000 + queued) && filing_heard("then", 4) &&
		       filing_heard(filing_content, 20) && filing_heard_all());
	CU_ASSERT_TRUE(first.fired == 1 && second.fired == 1 && third.fired == 1 && third.sent == 20);
	plait_deferred_unref(&one);
	plait_deferred_unref(&two);
	done();
}

static void a_cancel_stops_the_file_and_not_the_connection(void)
{
	filing_both_ways(cancelled);
}

static void cancelled_and_aborted(void)
{
	struct filing outcome = { 0 };
	int fd = filing_file(FILING_LARGE);
	filing_begin();
	struct plait_deferred *deferred = filing_start(fd, 0, PLAIT_TO_END, &outcome);
	plait_deferred_cancel(deferred);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(outcome.fired == 1 && outcome.code == PLAIT_ERROR_CANCELLED);
	plait_deferred_cancel(deferred);
	plait_deferred_unref(&deferred);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	done();
}

static struct plait_deferred *behind;

static void cancel_behind(void)
{
	plait_deferred_cancel(behind);
}

/* Whose end is on its way when that is cancelled, too. */
static void a_cancel_while_it_ends(void)
{
	struct filing first = { .deed = cancel_behind }, second = { 0 };
	filing_begin();
	filing_send(filing_file(10), 0, PLAIT_TO_END, &first);
	behind = filing_start(filing_file(10), 0, PLAIT_TO_END, &second);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(first.code == PLAIT_ERROR_GONE && second.code == PLAIT_ERROR_CANCELLED);
	CU_ASSERT_TRUE(first.fired == 1 && second.fired == 1);
	CU_ASSERT_PTR_NULL(rig.loop->tasks);
	plait_deferred_unref(&behind);
	done();
}

static void a_cancel_before_the_end(void)
{
	filing_both_ways(cancelled_and_aborted);
}

/* ---- closing ---- */

static void closes(void)
{
	struct filing outcome = { 0 };
	filing_begin();
	rig_stop_reading(&client);
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &outcome);
	plait_write(client.conn, "end", 3);
	plait_close(client.conn);
	for (int i = 0; i < 20; i++) { /* a slow reader is not cut */
		filing_take(65536);
		rig_advance(&rig, 4000);
	}
	CU_ASSERT_TRUE(recorder_saw(""));
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_read(&client);
	CU_ASSERT_TRUE(filing_heard(filing_content, FILING_LARGE) && filing_heard("end", 3) &&
		       filing_heard_all());
	CU_ASSERT_TRUE(outcome.fired == 1 && outcome.sent == FILING_LARGE);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	CU_ASSERT_FALSE(client.memory.was_reset);
	done();
}

static void close_sends_what_was_asked_for_before(void)
{
	filing_both_ways(closes);
}

static void stalls_while_closing(void)
{
	struct filing outcome = { 0 };
	filing_begin();
	rig_stop_reading(&client);
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &outcome);
	plait_close(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 4999);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(outcome.fired == 1 && outcome.code == PLAIT_ERROR_GONE);
	CU_ASSERT_TRUE(recorder_saw("lost(timeout-close)"));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void a_close_does_not_wait_for_a_dead_reader(void)
{
	filing_both_ways(stalls_while_closing);
}

static void shutdown_write_sends_it_first(void)
{
	struct filing outcome = { 0 };
	filing_by_transport = false;
	filing_begin();
	rig_stop_reading(&client);
	filing_send(filing_file(100000), 0, PLAIT_TO_END, &outcome);
	plait_shutdown_write(client.conn);
	rig_run(&rig);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	rig_read(&client);
	CU_ASSERT_TRUE(filing_heard(filing_content, 100000) && client.memory.was_shut_down);
	rig_say(&client, "in");
	CU_ASSERT_TRUE(recorder_saw("data(in)"));
	done();
}

SUITE_MAIN("files' ends", SUITE_TEST(no_such_part_is_refused_and_the_connection_goes_on),
	   SUITE_TEST(a_connection_that_takes_no_output_refuses),
	   SUITE_TEST(a_file_that_shrinks_ends_the_connection), SUITE_TEST(the_connection_ends_meanwhile),
	   SUITE_TEST(a_cancel_stops_the_file_and_not_the_connection), SUITE_TEST(a_cancel_before_the_end),
	   SUITE_TEST(a_cancel_while_it_ends), SUITE_TEST(close_sends_what_was_asked_for_before),
	   SUITE_TEST(a_close_does_not_wait_for_a_dead_reader), SUITE_TEST(shutdown_write_sends_it_first))
