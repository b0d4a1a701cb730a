/* Producers on a connection: how they end, and it with them. */
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/noting_producer.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

/* ---- ends ---- */

static void close_waits_for_the_producer(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 500000;
	noting_register(&noting_pull);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(noting_heard(), 500000);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_PTR_NOT_NULL(strstr(recorder.events, "produce lost(closed)"));
	CU_ASSERT_PTR_NULL(strstr(recorder.events, "stop"));
	CU_ASSERT_FALSE(client.memory.was_reset);
	done();
}

static void close_waits_for_a_push_producer(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_close(client.conn);
	rig_say(&client, "more");
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 4 */
	CU_ASSERT_EQUAL(plait_write(client.conn, "late", 4), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "late"));
	rig_stop_reading(&client);
	plait_write(client.conn, noting_block, 70000);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("pause"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("resume")); /* drained would be a delivery */
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	plait_unregister_producer(client.conn);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void shutdown_write_waits_for_the_producer(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_shutdown_write(client.conn);
	rig_run(&rig);
	CU_ASSERT_FALSE(client.memory.was_shut_down);
	CU_ASSERT_EQUAL(plait_write(client.conn, "late", 4), 0);
	plait_unregister_producer(client.conn);
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	CU_ASSERT_TRUE(rig_heard(&client, "late"));
	rig_say(&client, "in");
	CU_ASSERT_TRUE(recorder_saw("data(in)"));
	done();
}

static void a_close_does_not_wait_for_ever(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_close(client.conn);
	rig_run(&rig);
	rig_advance(&rig, 4999);
	CU_ASSERT_TRUE(recorder_saw(""));
	plait_write(client.conn, "x", 1);
	rig_run(&rig);
	rig_advance(&rig, 5000); /* the peer took something meanwhile */
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_advance(&rig, 5000);
	CU_ASSERT_TRUE(recorder_saw("stop(timeout-close) lost(timeout-close)"));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

static void abort_stops_it_before_lost(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_abort(client.conn);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
	noting_begin(&recorder_protocol);
	noting_register(&noting_pull);
	plait_close(client.conn);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
}

static void a_reset_stops_it(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = noting_make;
	noting_to_make = 100000;
	client.memory.fail_writes = PLAIT_REASON_RESET;
	noting_register(&noting_pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce stop(reset) lost(reset)"));
	done();
}

/* What was written goes out; no more is made. */
static void an_end_that_is_not_its_protocols_stops_it_at_once(void)
{
	noting_on_call = NULL;
	open_with(&recorder_no_eof_protocol);
	CU_ASSERT_TRUE(recorder_saw("made"));
	noting_register(&noting_push);
	rig_stop_reading(&client);
	plait_write(client.conn, noting_block, 1000);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("stop(peer-closed)"));
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_read(&client);
	CU_ASSERT_EQUAL(noting_heard(), 1000);
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void draining_stops_it(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	net_drain(rig.loop->net, NULL, NULL);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(drain)"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(drain)"));
	done();
}

static void close_on_draining(struct plait_conn *conn)
{
	plait_close(conn);
}

/* Who has the callback decides, and its close waits. */
static void draining_with_a_callback_lets_it_finish(void)
{
	recorder.on_draining = close_on_draining;
	noting_on_call = noting_make;
	open_with(&recorder_draining_protocol);
	noting_to_make = 100000;
	noting_register(&noting_pull);
	net_drain(rig.loop->net, NULL, NULL);
	rig_run(&rig);
	CU_ASSERT_EQUAL(noting_heard(), 100000);
	CU_ASSERT_TRUE(recorder_saw("made draining produce produce"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void a_drain_that_took_too_long_stops_it(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(net_abort_all(rig.loop->net), 1); /* bytes were owed */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(drain) lost(drain)"));
	done();
}

static void close_error_stops_it(void)
{
	noting_begin(&recorder_protocol);
	noting_register(&noting_push);
	plait_close_error(client.conn, "nonsense");
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(protocol-error)"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(protocol-error)"));
	done();
}

/* ---- from inside its callbacks ---- */

static void (*deed)(struct plait_conn *conn);

static void do_deed(struct plait_conn *conn, const char *call)
{
	(void)call;
	deed(conn);
}

static void unregister(struct plait_conn *conn)
{
	plait_unregister_producer(conn);
}

static void unregister_and_close(struct plait_conn *conn)
{
	plait_write(conn, "bye", 3);
	plait_unregister_producer(conn);
	plait_close(conn);
}

static void close_and_unregister(struct plait_conn *conn)
{
	plait_close(conn);
	plait_write(conn, "bye", 3);
	plait_unregister_producer(conn);
}

static void abort_and_unregister(struct plait_conn *conn)
{
	plait_abort(conn);
	plait_unregister_producer(conn);
}

static void close_twice(struct plait_conn *conn)
{
	plait_close(conn);
	plait_close(conn);
}

static void close_and_abort(struct plait_conn *conn)
{
	plait_close(conn);
	plait_abort(conn);
}

static void exchange(struct plait_conn *conn)
{
	noting_on_call = NULL;
	plait_unregister_producer(conn);
	CU_ASSERT_EQUAL(plait_register_producer(conn, &noting_push, noting_block), 0);
}

/* What happens when each deed is done in every call of a pull producer that is noting_room, and of a push producer that is paused;
 * then the peer reads, and ends. */
static void every_order_of_ends_inside_its_callbacks(void)
{
	static const struct {
		void (*deed)(struct plait_conn *conn);
		const char *pulled, *pushed;
	} rows[] = {
		{ unregister, "produce eof", "pause drained eof" },
		{ unregister_and_close, "produce lost(closed)", "pause lost(closed)" },
		{ close_and_unregister, "produce lost(closed)", "pause lost(closed)" },
		{ abort_and_unregister, "produce lost(aborted)", "pause lost(aborted)" },
		{ plait_abort, "produce stop(aborted) lost(aborted)", "pause stop(aborted) lost(aborted)" },
		{ close_and_abort, "produce stop(aborted) lost(aborted)",
		  "pause stop(aborted) lost(aborted)" },
		{ close_twice, "produce stop(timeout-close) lost(timeout-close)",
		  "pause resume stop(timeout-close) lost(timeout-close)" },
		{ exchange, "produce eof", "pause pause drained resume eof" },
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		bool pushes = i % 2;
		noting_begin(&recorder_protocol);
		deed = rows[i / 2].deed;
		noting_on_call = do_deed;
		noting_register(pushes ? &noting_push : &noting_pull);
		rig_stop_reading(&client);
		if (pushes)
			plait_write(client.conn, noting_block, 70000);
		rig_run(&rig);
		rig_read(&client);
		rig_end(&client);
		rig_advance(&rig, 5000);
		rig_advance(&rig, 5000);
		CU_ASSERT_TRUE(recorder_saw(pushes ? rows[i / 2].pushed : rows[i / 2].pulled));
		done();
	}
}

static void call_everything(struct plait_conn *conn, const char *call)
{
	if (strncmp(call, "stop", 4) != 0)
		return;
	CU_ASSERT_EQUAL(plait_unregister_producer(conn), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_register_producer(conn, &noting_push, noting_block), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_write(conn, "x", 1), PLAIT_ERROR_CLOSING);
	plait_close(conn);
	plait_abort(conn);
	plait_shutdown_write(conn);
}

static void stop_may_call_anything_and_comes_once(void)
{
	noting_begin(&recorder_protocol);
	noting_on_call = call_everything;
	noting_register(&noting_push);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
	noting_on_call = call_everything;
	open_with(&recorder_no_eof_protocol);
	noting_register(&noting_push);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made stop(peer-closed) lost(peer-closed)"));
	done();
}

/* In the callbacks of the protocol, too. */
static void register_in_made(struct plait_conn *conn)
{
	CU_ASSERT_EQUAL(plait_register_producer(conn, &noting_pull, noting_block), 0);
}

static void unregister_in_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	CU_ASSERT_EQUAL(plait_unregister_producer(conn), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_register_producer(conn, &noting_pull, noting_block), PLAIT_ERROR_CLOSING);
}

static void made_and_lost(void)
{
	recorder.on_made = register_in_made;
	recorder.on_lost = unregister_in_lost;
	noting_on_call = noting_make;
	noting_to_make = 10;
	open_with(&recorder_protocol);
	CU_ASSERT_TRUE(recorder_saw("made produce"));
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	done();
}

SUITE_MAIN("producers' ends", SUITE_TEST(close_waits_for_the_producer),
	   SUITE_TEST(close_waits_for_a_push_producer), SUITE_TEST(shutdown_write_waits_for_the_producer),
	   SUITE_TEST(a_close_does_not_wait_for_ever), SUITE_TEST(abort_stops_it_before_lost),
	   SUITE_TEST(a_reset_stops_it), SUITE_TEST(an_end_that_is_not_its_protocols_stops_it_at_once),
	   SUITE_TEST(draining_stops_it), SUITE_TEST(draining_with_a_callback_lets_it_finish),
	   SUITE_TEST(a_drain_that_took_too_long_stops_it), SUITE_TEST(close_error_stops_it),
	   SUITE_TEST(every_order_of_ends_inside_its_callbacks),
	   SUITE_TEST(stop_may_call_anything_and_comes_once), SUITE_TEST(made_and_lost))
