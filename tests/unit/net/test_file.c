/* Files sent on a connection: their place among the writes, and their bounds. */
#include <plait/group.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/conn/feed.h"
#include "tests/unit/net/filing.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* ---- its place ---- */

static void in_its_place(void)
{
	struct filing first = { 0 }, second = { 0 };
	filing_begin();
	plait_write(client.conn, "head", 4);
	filing_send(filing_file(100000), 10, 50000, &first);
	plait_write(client.conn, "between", 7);
	filing_send(filing_file(100), 0, PLAIT_TO_END, &second);
	plait_write(client.conn, filing_content, 40000); /* one that would go directly */
	plait_write(client.conn, "tail", 4);
	CU_ASSERT_EQUAL(first.fired, 0); /* rule 2 */
	CU_ASSERT_TRUE(filing_heard_all());
	rig_run(&rig);
	CU_ASSERT_TRUE(filing_heard("head", 4) && filing_heard(filing_content + 10, 50000) &&
		       filing_heard("between", 7) && filing_heard(filing_content, 100) &&
		       filing_heard(filing_content, 40000) && filing_heard("tail", 4) && filing_heard_all());
	CU_ASSERT_TRUE(first.fired == 1 && first.code == 0 && first.sent == 50000);
	CU_ASSERT_TRUE(second.fired == 1 && second.code == 0 && second.sent == 100);
	CU_ASSERT_EQUAL(filing_calls > 0, filing_by_transport);
	CU_ASSERT_FALSE(client.conn->fed);
	CU_ASSERT_PTR_NULL(client.conn->output.head);
	done();
}

static void a_file_keeps_its_place_among_the_writes(void)
{
	filing_both_ways(in_its_place);
}

static void to_the_end(void)
{
	struct filing outcomes[4] = { 0 };
	filing_begin();
	filing_send(filing_file(5000), 0, PLAIT_TO_END, &outcomes[0]);
	filing_send(filing_file(5000), 5000, PLAIT_TO_END, &outcomes[1]);
	filing_send(filing_file(5000), 100, 0, &outcomes[2]);
	filing_send(filing_file(0), 0, PLAIT_TO_END, &outcomes[3]);
	CU_ASSERT_EQUAL(outcomes[1].fired, 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(filing_heard(filing_content, 5000) && filing_heard_all());
	for (int i = 0; i < 4; i++)
		CU_ASSERT_TRUE(outcomes[i].fired == 1 && outcomes[i].code == 0 &&
			       outcomes[i].sent == (i == 0 ? 5000 : 0));
	done();
}

static void a_part_may_be_all_the_rest_or_nothing(void)
{
	filing_both_ways(to_the_end);
}

/* Whatever the transport takes at a time. */
static void at_random(void)
{
	static uint8_t sent[FILING_LARGE];
	size_t total = 0;
	struct filing outcomes[40] = { 0 };
	filing_begin();
	srand(4);
	rig_stop_reading(&client);
	for (int i = 0; i < 40; i++) {
		size_t len = (size_t)rand() % 60000, offset = (size_t)rand() % 1000;
		if (i % 2) {
			filing_send(filing_file(61000), offset, len, &outcomes[i]);
			memcpy(sent + total, filing_content + offset, len);
		} else {
			plait_write(client.conn, filing_content + offset, len % 9000);
			memcpy(sent + total, filing_content + offset, len % 9000);
		}
		total += i % 2 ? len : len % 9000;
		filing_take((size_t)rand() % 70000);
	}
	rig_read(&client);
	CU_ASSERT_TRUE(filing_heard(sent, total) && filing_heard_all());
	for (int i = 1; i < 40; i += 2)
		CU_ASSERT_TRUE(outcomes[i].fired == 1 && outcomes[i].code == 0);
	done();
}

static void files_and_writes_at_random(void)
{
	filing_both_ways(at_random);
}

static void stalled(void)
{
	struct filing outcome = { 0 };
	int fd = filing_file(FILING_LARGE);
	filing_begin();
	rig_stop_reading(&client);
	filing_send(fd, 0, PLAIT_TO_END, &outcome);
	for (size_t took = 0; took < FILING_LARGE; took += 65536) {
		CU_ASSERT_EQUAL(outcome.fired, 0);
		CU_ASSERT_TRUE(filing_is_open(fd));
		filing_take(65536);
		CU_ASSERT_TRUE(plait_conn_queued(client.conn) <= QUEUE_BLOCK_SIZE);
	}
	CU_ASSERT_TRUE(outcome.fired == 1 && outcome.sent == FILING_LARGE);
	CU_ASSERT_FALSE(filing_is_open(fd));
	CU_ASSERT_TRUE(filing_heard(filing_content, FILING_LARGE));
	CU_ASSERT_TRUE(recorder_saw("")); /* neither blocked nor drained */
	done();
}

/* And its Deferred has its value when the last byte is taken, not before. */
static void a_stalled_reader_costs_no_memory(void)
{
	filing_both_ways(stalled);
}

static void in_turns(void)
{
	struct filing outcome = { 0 };
	filing_begin();
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &outcome);
	loop_turn(rig.loop, false);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 256 * 1024);
	loop_turn(rig.loop, false);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 512 * 1024);
	rig_run(&rig);
	CU_ASSERT_TRUE(filing_heard(filing_content, FILING_LARGE));
	CU_ASSERT_TRUE(filing_most <= 256 * 1024);
	done();
}

static void a_turn_sends_a_bounded_part(void)
{
	filing_both_ways(in_turns);
}

static void a_file_the_transport_cannot_send_is_copied(void)
{
	struct filing outcome = { 0 };
	filing_by_transport = true;
	filing_begin();
	filing_unable = true;
	filing_send(filing_file(100000), 0, PLAIT_TO_END, &outcome);
	rig_run(&rig);
	CU_ASSERT_EQUAL(filing_calls, 1);
	CU_ASSERT_TRUE(filing_heard(filing_content, 100000) && outcome.sent == 100000);
	done();
}

/* ---- from the Deferred's callbacks ---- */

static struct filing chained;
static unsigned rounds;

static void send_another(void)
{
	chained.deed = ++rounds < 100 ? send_another : NULL;
	filing_send(filing_file(1000), 0, PLAIT_TO_END, &chained);
}

static void one_file_after_the_other(void)
{
	filing_by_transport = true;
	filing_begin();
	rounds = 0;
	send_another();
	rig_run(&rig);
	CU_ASSERT_EQUAL(rounds, 100);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 100000);
	CU_ASSERT_FALSE(client.conn->fed);
	chained = (struct filing){ 0 };
	done();
}

static void write_and_close(void)
{
	plait_write(client.conn, "bye", 3);
	plait_close(client.conn);
}

static void abort_it(void)
{
	plait_abort(client.conn);
}

static void its_callback_may_end_the_connection(void)
{
	struct filing outcome = { .deed = write_and_close }, behind = { 0 };
	filing_by_transport = false;
	filing_begin();
	filing_send(filing_file(10), 0, PLAIT_TO_END, &outcome);
	rig_run(&rig);
	rig_end(&client);
	CU_ASSERT_TRUE(filing_heard(filing_content, 10) && filing_heard("bye", 3));
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
	filing_begin();
	outcome.deed = abort_it;
	filing_send(filing_file(10), 0, PLAIT_TO_END, &outcome);
	filing_send(filing_file(10), 0, PLAIT_TO_END, &behind);
	rig_run(&rig);
	CU_ASSERT_TRUE(filing_heard(filing_content, 10) && filing_heard_all());
	CU_ASSERT_TRUE(behind.fired == 1 && behind.code == PLAIT_ERROR_GONE);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	done();
}

static size_t answer_with_a_file(struct plait_conn *conn, const void *data, size_t len)
{
	struct plait_deferred *deferred = plait_send_file(conn, filing_file(3), 0, PLAIT_TO_END);
	(void)data;
	plait_deferred_unref(&deferred);
	return len > 0 ? 1 : 0;
}

static void from_its_data_callback(void)
{
	recorder.on_data = answer_with_a_file;
	filing_by_transport = false;
	filing_begin();
	rig_say(&client, "x");
	CU_ASSERT_TRUE(filing_heard(filing_content, 3) && filing_heard_all());
	done();
}

/* ---- bounds ---- */

static void ask_for_a_file(struct plait_conn *conn, const void *message, size_t len)
{
	(void)message;
	answer_with_a_file(conn, NULL, len);
}

/* A peer that asks for file after file, and does not read, is not read. */
static void many_files_pause_reading(void)
{
	char lines[3 * 100 + 1] = "";
	recorder.on_message = ask_for_a_file;
	for (int i = 0; i < 100; i++)
		strcat(lines, "a\r\n");
	open_with(&recorder_line_protocol);
	rig_stop_reading(&client);
	rig_say(&client, lines);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn->extra);
	CU_ASSERT_EQUAL(client.conn->extra->feed->file_count, 8);
	CU_ASSERT_TRUE(client.conn->paused & CONN_PAUSE_FILES);
	rig_read(&client);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 300);
	CU_ASSERT_FALSE(client.conn->paused);
	done();
}

static void too_many_files_end_the_connection(void)
{
	struct filing outcomes[65] = { 0 };
	filing_by_transport = false;
	filing_begin();
	for (int i = 0; i < 65; i++)
		filing_send(filing_file(3), 0, PLAIT_TO_END, &outcomes[i]);
	CU_ASSERT_EQUAL(outcomes[64].code, PLAIT_ERROR_OVERFLOW);
	rig_run(&rig);
	for (int i = 0; i < 64; i++)
		CU_ASSERT_TRUE(outcomes[i].fired == 1 && outcomes[i].code == PLAIT_ERROR_GONE);
	CU_ASSERT_TRUE(recorder_saw("lost(overflow)"));
	done();
}

static void writes_behind_a_file_are_bounded(void)
{
	struct filing outcome = { 0 };
	filing_by_transport = false;
	filing_begin();
	listener.settings.buffers.cap = 200000;
	rig_stop_reading(&client);
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &outcome);
	plait_write(client.conn, filing_content, 70000);
	rig_run(&rig);
	CU_ASSERT_TRUE(plait_conn_blocked(client.conn));
	CU_ASSERT_EQUAL(plait_write(client.conn, filing_content, 200000), PLAIT_ERROR_OVERFLOW);
	done();
}

/* ---- with the rest ---- */

static void produce(struct plait_conn *conn, size_t room, void *arg)
{
	(void)room;
	(void)arg;
	recorder_note("produce");
	plait_write(conn, "made", 4);
	plait_unregister_producer(conn);
}

static void stop(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	(void)conn;
	(void)reason;
	(void)arg;
	recorder_note("stop");
}

static void a_pull_producer_waits_for_the_file(void)
{
	static const struct plait_producer pull = { .produce = produce, .stop = stop };
	struct filing outcome = { 0 };
	filing_by_transport = true;
	filing_begin();
	rig_stop_reading(&client);
	filing_send(filing_file(FILING_LARGE), 0, PLAIT_TO_END, &outcome);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &pull, NULL), 0);
	filing_take(1000000);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	CU_ASSERT_TRUE(filing_heard(filing_content, FILING_LARGE) && filing_heard("made", 4));
	done();
}

static void produce_files(struct plait_conn *conn, size_t room, void *arg)
{
	size_t *count = arg;
	(void)room;
	if (*count == 3) {
		plait_unregister_producer(conn);
		return;
	}
	struct plait_deferred *deferred = plait_send_file(conn, filing_file(*count * 10), 0, PLAIT_TO_END);
	plait_deferred_unref(&deferred);
	++*count;
}

/* What it made may be empty. */
static void a_pull_producer_may_send_files(void)
{
	static const struct plait_producer files = { .produce = produce_files, .stop = stop };
	size_t count = 0;
	filing_by_transport = false;
	filing_begin();
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &files, &count), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_FALSE(client.conn->fed);
	CU_ASSERT_TRUE(filing_heard(filing_content, 10) && filing_heard(filing_content, 20));
	done();
}

static void what_a_group_says_comes_behind(void)
{
	struct filing outcome = { 0 };
	struct plait_group *group = plait_group_open("files");
	struct plait_chunk *chunk = plait_chunk_new("news", 4);
	filing_by_transport = true;
	filing_begin();
	CU_ASSERT_EQUAL(plait_group_add(group, client.conn), 0);
	rig_stop_reading(&client);
	filing_send(filing_file(100000), 0, PLAIT_TO_END, &outcome);
	rig_run(&rig);
	plait_group_send(group, chunk, NULL);
	CU_ASSERT_FALSE(client.conn->sharing);
	rig_read(&client);
	CU_ASSERT_TRUE(filing_heard(filing_content, 100000) && filing_heard("news", 4) && filing_heard_all());
	plait_chunk_unref(&chunk);
	done();
	plait_group_close(&group);
}

SUITE_MAIN("files", SUITE_TEST(a_file_keeps_its_place_among_the_writes),
	   SUITE_TEST(a_part_may_be_all_the_rest_or_nothing), SUITE_TEST(files_and_writes_at_random),
	   SUITE_TEST(a_stalled_reader_costs_no_memory), SUITE_TEST(a_turn_sends_a_bounded_part),
	   SUITE_TEST(a_file_the_transport_cannot_send_is_copied), SUITE_TEST(one_file_after_the_other),
	   SUITE_TEST(its_callback_may_end_the_connection), SUITE_TEST(from_its_data_callback),
	   SUITE_TEST(many_files_pause_reading), SUITE_TEST(too_many_files_end_the_connection),
	   SUITE_TEST(writes_behind_a_file_are_bounded), SUITE_TEST(a_pull_producer_waits_for_the_file),
	   SUITE_TEST(a_pull_producer_may_send_files), SUITE_TEST(what_a_group_says_comes_behind))
