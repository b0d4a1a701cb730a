/* TLS on an open connection: what leaves when, what waits, and how it ends. */
#include <plait/error.h>
#include <plait/group.h>
#include <string.h>

#include "core/net/net.h"
#include "tests/unit/net/filing.h"
#include "tests/unit/net/noting_producer.h"
#include "tests/unit/net/upgrading.h"
#include "tests/unit/suite.h"

static void begin_and_start(void)
{
	upgrading_begin(&recorder_upgrading_protocol);
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "go."));
	CU_ASSERT_TRUE(client.memory.securing);
}

static void the_answer_leaves_first_and_the_rest_waits(void)
{
	recorder.on_data = upgrading_data;
	upgrading_begin(&recorder_upgrading_protocol);
	CU_ASSERT_PTR_NULL(plait_conn_tls(client.conn));
	rig_say(&client, "STARTTLS");
	CU_ASSERT_TRUE(rig_heard(&client, "go."));
	CU_ASSERT_EQUAL(client.conn->state, CONN_HANDSHAKE);
	CU_ASSERT_PTR_NULL(plait_conn_tls(client.conn));
	CU_ASSERT_EQUAL(plait_write(client.conn, "later", 5), 0);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 5);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	CU_ASSERT_TRUE(recorder_saw("data(STARTTLS)"));
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "later"));
	CU_ASSERT_STRING_EQUAL(plait_conn_tls(client.conn)->version, "TLSv1.3");
	CU_ASSERT_PTR_NULL(plait_conn_certificate(client.conn));
	rig_say(&client, "x");
	CU_ASSERT_TRUE(recorder_saw("tls_started data(x)"));
	done();
}

static void note_tls(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	recorder_note(plait_conn_tls(conn) ? "TLS" : "plain");
}

static void write_note(struct plait_conn *conn)
{
	plait_write(conn, "!", 1);
}

/* What is written between leaves before what tls_started writes. */
static void order_is_kept(void)
{
	recorder.on_tls_started = write_note;
	begin_and_start();
	plait_write(client.conn, "a", 1);
	rig_run(&rig);
	plait_write(client.conn, "b", 1);
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "ab!"));
	done();
}

static void without_the_callback_it_works_as_well(void)
{
	open_with(&rig_echoer);
	struct plait_tls_context context = { .role = &context };
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, &context), 0);
	rig_run(&rig);
	upgrading_shake(&client);
	rig_say(&client, "abc");
	CU_ASSERT_TRUE(rig_heard(&client, "abc"));
	done();
}

static void a_slow_peer_gets_all_of_the_answer_first(void)
{
	static const char large[200000] = { 'x' };
	upgrading_begin(&recorder_upgrading_protocol);
	client.memory.write_room = 10;
	plait_write(client.conn, large, sizeof(large));
	CU_ASSERT_TRUE(plait_conn_blocked(client.conn));
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), sizeof(large) + 3 - 10);
	CU_ASSERT_EQUAL(plait_conn_room(client.conn), listener.settings.buffers.cap - sizeof(large) - 3 + 10);
	CU_ASSERT_FALSE(client.memory.securing);
	CU_ASSERT_EQUAL(client.memory.interest, WATCH_WRITE);
	rig_read(&client);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), sizeof(large) + 3);
	CU_ASSERT_TRUE(client.memory.securing);
	upgrading_shake(&client);
	CU_ASSERT_TRUE(recorder_saw("tls_started drained"));
	CU_ASSERT_FALSE(plait_conn_blocked(client.conn));
	done();
}

static void the_cap_holds_meanwhile(void)
{
	static const char large[1 << 20];
	begin_and_start();
	unsigned writes = 0;
	while (plait_write(client.conn, large, sizeof(large)) == 0 && writes < 100)
		writes++;
	CU_ASSERT_EQUAL(writes, 16);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(overflow)"));
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	done();
}

static void a_handshake_that_takes_too_long_ends_it(void)
{
	open_with(&recorder_upgrading_protocol);
	listener.settings.timeouts.handshake_ms = 1000;
	recorder.on_lost = note_tls;
	rig_advance(&rig, 700);
	struct plait_tls_context context = { .role = &context };
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, &context), 0);
	rig_run(&rig);
	rig_advance(&rig, 999);
	CU_ASSERT_TRUE(recorder_saw("made"));
	rig_advance(&rig, 1);
	CU_ASSERT_TRUE(recorder_saw("lost(timeout-handshake) plain"));
	done();
}

static void so_does_one_that_fails(void)
{
	recorder.on_lost = note_tls;
	begin_and_start();
	plait_write(client.conn, "secret", 6);
	rig_say(&client, "hello?");
	CU_ASSERT_TRUE(recorder_saw("lost(tls-handshake) plain"));
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	done();
}

static void and_a_peer_that_goes(void)
{
	begin_and_start();
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void a_broken_connection_is_noticed_before_it(void)
{
	upgrading_begin(&recorder_upgrading_protocol);
	client.memory.fail_writes = PLAIT_REASON_RESET;
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(reset)"));
	CU_ASSERT_FALSE(client.memory.securing);
	done();
}

static void where_it_makes_no_sense_it_is_refused(void)
{
	upgrading_begin(&recorder_upgrading_protocol);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), 0);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_REFUSED);
	rig_run(&rig);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_REFUSED);
	upgrading_shake(&client);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_REFUSED);
	plait_close(client.conn);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_CLOSING);
	done();

	upgrading_begin(&recorder_upgrading_protocol);
	listener.factory->tls.role = NULL;
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_MISSING);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("eof"));
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_CLOSING);
	done();

	upgrading_begin(&recorder_upgrading_protocol);
	plait_shutdown_write(client.conn);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_CLOSING);
	done();
}

static void try_when_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	CU_ASSERT_EQUAL(plait_start_tls(conn, NULL), PLAIT_ERROR_CLOSING);
}

static void when_lost_as_well(void)
{
	recorder.on_lost = try_when_lost;
	upgrading_begin(&recorder_upgrading_protocol);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	done();
}

static void not_while_something_feeds_it(void)
{
	struct filing filing = { 0 };
	upgrading_begin(&recorder_upgrading_protocol);
	client.memory.write_room = 0;
	filing_send(filing_file(100), 0, 100, &filing);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_REFUSED);
	client.memory.write_room = MEMORY_UNLIMITED;
	rig_run(&rig);
	CU_ASSERT_EQUAL(filing.fired, 1);
	noting_register(&noting_push);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), PLAIT_ERROR_REFUSED);
	plait_unregister_producer(client.conn);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), 0);
	done();
}

static void files_and_producers_can_wait_for_it(void)
{
	struct filing filing = { 0 };
	filing_by_transport = true;
	begin_and_start();
	filing_send(filing_file(100), 0, 100, &filing);
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	CU_ASSERT_EQUAL(filing.fired, 0);
	CU_ASSERT_TRUE(recorder_saw(""));
	upgrading_shake(&client);
	CU_ASSERT_EQUAL(filing.fired, 1);
	CU_ASSERT_EQUAL(filing.sent, 100);
	CU_ASSERT_TRUE(recorder_saw("tls_started produce"));
	done();
	filing_by_transport = false;
}

static void a_close_waits_for_it(void)
{
	begin_and_start();
	plait_write(client.conn, "bye", 3);
	plait_close(client.conn);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw(""));
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "bye"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void and_so_does_a_half_close(void)
{
	begin_and_start();
	plait_write(client.conn, "bye", 3);
	plait_shutdown_write(client.conn);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "bye"));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_say(&client, "x");
	CU_ASSERT_TRUE(recorder_saw("tls_started data(x)"));
	done();
}

static void a_close_that_comes_to_nothing_says_why(void)
{
	begin_and_start();
	plait_close(client.conn);
	rig_say(&client, "no TLS");
	CU_ASSERT_TRUE(recorder_saw("lost(tls-handshake)"));
	done();
}

static void an_abort_does_not_wait(void)
{
	begin_and_start();
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void a_pause_holds_what_comes_behind_it(void)
{
	begin_and_start();
	plait_pause(client.conn);
	upgrading_shake(&client);
	rig_say(&client, "x");
	CU_ASSERT_TRUE(recorder_saw("tls_started"));
	plait_resume(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("data(x)"));
	done();
}

static void a_resume_meanwhile_counts(void)
{
	upgrading_begin(&recorder_upgrading_protocol);
	plait_pause(client.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	plait_resume(client.conn);
	upgrading_shake(&client);
	rig_say(&client, "x");
	CU_ASSERT_TRUE(recorder_saw("tls_started data(x)"));
	done();
}

static void what_a_group_said_before_leaves_before(void)
{
	struct plait_group *group = plait_group_open("room");
	struct plait_chunk *chunk = plait_chunk_new("said.", 5);
	upgrading_begin(&recorder_upgrading_protocol);
	CU_ASSERT_EQUAL(plait_group_add(group, client.conn), 0);
	plait_group_send(group, chunk, NULL);
	CU_ASSERT_TRUE(client.conn->sharing);
	CU_ASSERT_EQUAL(plait_start_tls(client.conn, NULL), 0);
	plait_group_send(group, chunk, NULL);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "said."));
	CU_ASSERT_TRUE(client.memory.securing);
	plait_group_send(group, chunk, NULL);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "said.said."));
	done();
	plait_chunk_unref(&chunk);
	plait_group_close(&group);
}

static void a_group_can_be_joined_meanwhile(void)
{
	struct plait_group *group = plait_group_open("room");
	struct plait_chunk *chunk = plait_chunk_new("said.", 5);
	begin_and_start();
	CU_ASSERT_EQUAL(plait_group_add(group, client.conn), 0);
	plait_group_send(group, chunk, NULL);
	plait_close(client.conn);
	CU_ASSERT_EQUAL(plait_group_count(group), 0);
	upgrading_shake(&client);
	CU_ASSERT_TRUE(rig_heard(&client, "said."));
	done();
	plait_chunk_unref(&chunk);
	plait_group_close(&group);
}

static void note_empty(void *arg)
{
	*(bool *)arg = true;
}

static void draining_waits_for_it(void)
{
	bool empty = false;
	begin_and_start();
	net_drain(rig.loop->net, note_empty, &empty);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw(""));
	upgrading_shake(&client);
	CU_ASSERT_TRUE(recorder_saw("tls_started draining"));
	plait_close(client.conn);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	CU_ASSERT_TRUE(empty);
	done();
}

static void and_its_end_does_not(void)
{
	begin_and_start();
	CU_ASSERT_EQUAL(net_abort_all(rig.loop->net), 1);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(drain)"));
	done();
}

static void start_at_once(struct plait_conn *conn)
{
	CU_ASSERT_EQUAL(upgrading_start(conn), 0);
}

static char made_context;

static void when_made_it_can_begin_as_well(void)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &recorder_upgrading_protocol, NULL, NULL), 0);
	listener.factory->tls.role = &made_context;
	recorder.on_made = start_at_once;
	rig_connect(&rig, &listener, &client);
	CU_ASSERT_TRUE(rig_heard(&client, "go."));
	upgrading_shake(&client);
	CU_ASSERT_TRUE(recorder_saw("made tls_started"));
	done();
}

static void a_timeout_of_its_own_goes_on(void)
{
	begin_and_start();
	plait_set_timeout(client.conn, 100);
	rig_advance(&rig, 200);
	CU_ASSERT_TRUE(recorder_saw(""));
	upgrading_shake(&client);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("tls_started lost(timeout-protocol)"));
	done();
}

SUITE_MAIN("start_tls", SUITE_TEST(the_answer_leaves_first_and_the_rest_waits), SUITE_TEST(order_is_kept),
	   SUITE_TEST(without_the_callback_it_works_as_well),
	   SUITE_TEST(a_slow_peer_gets_all_of_the_answer_first), SUITE_TEST(the_cap_holds_meanwhile),
	   SUITE_TEST(a_handshake_that_takes_too_long_ends_it), SUITE_TEST(so_does_one_that_fails),
	   SUITE_TEST(and_a_peer_that_goes), SUITE_TEST(a_broken_connection_is_noticed_before_it),
	   SUITE_TEST(where_it_makes_no_sense_it_is_refused), SUITE_TEST(when_lost_as_well),
	   SUITE_TEST(not_while_something_feeds_it), SUITE_TEST(files_and_producers_can_wait_for_it),
	   SUITE_TEST(a_close_waits_for_it), SUITE_TEST(and_so_does_a_half_close),
	   SUITE_TEST(a_close_that_comes_to_nothing_says_why), SUITE_TEST(an_abort_does_not_wait),
	   SUITE_TEST(a_pause_holds_what_comes_behind_it), SUITE_TEST(a_resume_meanwhile_counts),
	   SUITE_TEST(what_a_group_said_before_leaves_before), SUITE_TEST(a_group_can_be_joined_meanwhile),
	   SUITE_TEST(draining_waits_for_it), SUITE_TEST(and_its_end_does_not),
	   SUITE_TEST(when_made_it_can_begin_as_well), SUITE_TEST(a_timeout_of_its_own_goes_on))
