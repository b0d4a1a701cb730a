/* Producers on a connection: when they are called, and how they end. */
#include <plait/group.h>
#include <plait/producer.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static char block[200000];

/* ---- a producer that writes down what happens to it ---- */

static void (*on_call)(struct plait_conn *conn, const char *call);
static size_t asked;   /* the room of the last produce */
static size_t to_make; /* bytes a pull producer still writes */
static size_t step;    /* at most so many a call */

static void called(struct plait_conn *conn, const char *call)
{
	CU_ASSERT_FALSE(recorder.inside);
	CU_ASSERT_EQUAL(recorder.lost, 0);
	recorder.inside = true;
	recorder_note("%s", call);
	if (on_call)
		on_call(conn, call);
	recorder.inside = false;
}

static void on_pause(struct plait_conn *conn, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, block);
	called(conn, "pause");
}

static void on_resume(struct plait_conn *conn, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, block);
	called(conn, "resume");
}

static void on_stop(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	char text[40];
	CU_ASSERT_PTR_EQUAL(arg, block);
	snprintf(text, sizeof(text), "stop(%s)", plait_reason_name(reason));
	called(conn, text);
}

static void on_produce(struct plait_conn *conn, size_t room, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, block);
	CU_ASSERT_TRUE(plait_conn_queued(conn) <= listener.settings.buffers.low);
	CU_ASSERT_TRUE(room > 0);
	asked = room;
	called(conn, "produce");
}

static const struct plait_producer push = { .pause = on_pause, .resume = on_resume, .stop = on_stop };
static const struct plait_producer pull = { .produce = on_produce, .stop = on_stop };

static void begin(void)
{
	on_call = NULL;
	to_make = 0;
	step = SIZE_MAX;
	open_with(&recorder_protocol);
	CU_ASSERT_TRUE(recorder_saw("made"));
}

static void register_one(const struct plait_producer *producer)
{
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, producer, block), 0);
}

/* As much as is asked for, until all is made. */
static void make(struct plait_conn *conn, const char *call)
{
	if (strcmp(call, "produce") != 0)
		return;
	size_t len = asked < step ? asked : step;
	if (len > to_make)
		len = to_make;
	CU_ASSERT_EQUAL(plait_write(conn, block, len), 0);
	to_make -= len;
	if (to_make == 0)
		CU_ASSERT_EQUAL(plait_unregister_producer(conn), 0);
}

static void take(size_t len)
{
	client.memory.write_room = len;
	memory_wake(&client.memory);
	rig_run(&rig);
}

static size_t heard(void)
{
	size_t len = buffer_size(&client.memory.from_conn);
	buffer_consume(&client.memory.from_conn, len);
	return len;
}

/* ---- push ---- */

static void a_push_producer_is_paused_and_resumed_by_the_marks(void)
{
	begin();
	register_one(&push);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("")); /* it runs already */
	rig_stop_reading(&client);
	plait_write(client.conn, block, 65536);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw(""));
	plait_write(client.conn, block, 1);
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 2 */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("pause"));
	plait_write(client.conn, block, 1000);
	take(65536 + 1001 - 16384 - 1);
	CU_ASSERT_TRUE(recorder_saw(""));
	take(1);
	CU_ASSERT_TRUE(recorder_saw("drained resume"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw(""));
	done();
}

static void on_a_blocked_connection_it_begins_paused(void)
{
	begin();
	rig_stop_reading(&client);
	plait_write(client.conn, block, 70000);
	rig_run(&rig);
	register_one(&push);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("pause"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained resume"));
	done();
}

static void write_a_lot(struct plait_conn *conn, const char *call)
{
	if (strcmp(call, "resume") == 0)
		plait_write(conn, block, 70000);
}

/* Resumed, it writes too much again: that is told by turns, not in a loop of its own. */
static void pause_and_resume_come_by_turns(void)
{
	begin();
	on_call = write_a_lot;
	register_one(&push);
	rig_stop_reading(&client);
	plait_write(client.conn, block, 70000);
	rig_run(&rig);
	take(70000);
	take(70000);
	take(70000);
	CU_ASSERT_TRUE(recorder_saw("pause drained resume pause drained resume pause drained resume pause"));
	plait_unregister_producer(client.conn);
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained"));
	done();
}

/* ---- pull ---- */

static void a_pull_producer_is_asked_until_it_is_done(void)
{
	begin();
	on_call = make;
	to_make = 150000;
	register_one(&pull);
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 2 */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce produce produce"));
	CU_ASSERT_EQUAL(heard(), 150000);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), PLAIT_ERROR_GONE);
	CU_ASSERT_FALSE(client.conn->fed);
	done();
}

static void it_is_asked_at_the_low_mark_for_what_reaches_the_high_one(void)
{
	begin();
	on_call = make;
	to_make = 1000000;
	rig_stop_reading(&client);
	register_one(&pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	CU_ASSERT_EQUAL(asked, 65536);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 65536);
	CU_ASSERT_FALSE(plait_conn_blocked(client.conn));
	take(65536 - 16384 - 1);
	CU_ASSERT_TRUE(recorder_saw(""));
	take(1);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	CU_ASSERT_EQUAL(asked, 65536 - 16384);
	CU_ASSERT_EQUAL(plait_conn_queued(client.conn), 65536);
	rig_read(&client);
	CU_ASSERT_EQUAL(heard(), 1000000);
	done();
}

static void who_writes_nothing_is_not_asked_for_ever(void)
{
	begin();
	register_one(&pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	plait_write(client.conn, "x", 1);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	done();
}

/* Between two calls others have a turn. */
static void it_is_asked_once_a_turn(void)
{
	begin();
	on_call = make;
	to_make = 1000000;
	register_one(&pull);
	loop_turn(rig.loop, false);
	loop_turn(rig.loop, false);
	CU_ASSERT_TRUE(recorder_saw("produce produce"));
	CU_ASSERT_EQUAL(heard(), 2 * 65536); /* what it wrote left at once */
	done();
}

static void room_is_bounded_however_high_the_mark(void)
{
	begin();
	listener.settings.buffers.high = 8 << 20;
	register_one(&pull);
	rig_run(&rig);
	CU_ASSERT_EQUAL(asked, 256 * 1024);
	done();
}

/* A hundred megabytes for a reader that takes a little now and then: what waits never passes the mark. */
static void a_hundred_megabytes_through_a_slow_reader(void)
{
	size_t total = 0, most = 0;
	begin();
	on_call = make;
	to_make = 100 << 20;
	rig_stop_reading(&client);
	register_one(&pull);
	for (size_t i = 0; total < (100 << 20) && i < 100000; i++) {
		take(1 + i * 7919 % 50000);
		recorder.events[0] = '\0';
		if (plait_conn_queued(client.conn) > most)
			most = plait_conn_queued(client.conn);
		total += heard();
	}
	CU_ASSERT_EQUAL(total, 100 << 20);
	CU_ASSERT_EQUAL(to_make, 0);
	CU_ASSERT_TRUE(most <= 65536);
	done();
}

/* ---- what cannot be ---- */

static void one_producer_a_connection(void)
{
	begin();
	register_one(&push);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &pull, block), PLAIT_ERROR_REFUSED);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), 0);
	CU_ASSERT_EQUAL(plait_unregister_producer(client.conn), PLAIT_ERROR_GONE);
	register_one(&pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce"));
	done();
}

static void neither_push_nor_pull_is_invalid(void)
{
	static const struct plait_producer bad[] = {
		{ .stop = on_stop },
		{ .produce = on_produce },
		{ .pause = on_pause, .resume = on_resume },
		{ .pause = on_pause, .stop = on_stop },
		{ .resume = on_resume, .stop = on_stop },
		{ .pause = on_pause, .resume = on_resume, .produce = on_produce, .stop = on_stop },
		{ .pause = on_pause, .produce = on_produce, .stop = on_stop },
	};
	begin();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(plait_register_producer(client.conn, &bad[i], block), PLAIT_ERROR_INVALID);
	done();
}

static void a_connection_that_takes_no_output_refuses(void)
{
	begin();
	plait_close(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &push, block), PLAIT_ERROR_CLOSING);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
	begin();
	plait_shutdown_write(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &push, block), PLAIT_ERROR_CLOSING);
	plait_abort(client.conn);
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, &push, block), PLAIT_ERROR_CLOSING);
	done();
}

/* ---- ends ---- */

static void close_waits_for_the_producer(void)
{
	begin();
	on_call = make;
	to_make = 500000;
	register_one(&pull);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(heard(), 500000);
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
	begin();
	register_one(&push);
	plait_close(client.conn);
	rig_say(&client, "more");
	CU_ASSERT_TRUE(recorder_saw("")); /* rule 4 */
	CU_ASSERT_EQUAL(plait_write(client.conn, "late", 4), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "late"));
	rig_stop_reading(&client);
	plait_write(client.conn, block, 70000);
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
	begin();
	register_one(&push);
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
	begin();
	register_one(&push);
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
	begin();
	register_one(&push);
	plait_abort(client.conn);
	CU_ASSERT_TRUE(recorder_saw(""));
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
	begin();
	register_one(&pull);
	plait_close(client.conn);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
}

static void a_reset_stops_it(void)
{
	begin();
	on_call = make;
	to_make = 100000;
	client.memory.fail_writes = PLAIT_REASON_RESET;
	register_one(&pull);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("produce stop(reset) lost(reset)"));
	done();
}

/* What was written goes out; no more is made. */
static void an_end_that_is_not_its_protocols_stops_it_at_once(void)
{
	on_call = NULL;
	open_with(&recorder_no_eof_protocol);
	CU_ASSERT_TRUE(recorder_saw("made"));
	register_one(&push);
	rig_stop_reading(&client);
	plait_write(client.conn, block, 1000);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("stop(peer-closed)"));
	CU_ASSERT_EQUAL(plait_write(client.conn, "x", 1), PLAIT_ERROR_CLOSING);
	rig_read(&client);
	CU_ASSERT_EQUAL(heard(), 1000);
	CU_ASSERT_TRUE(recorder_saw("lost(peer-closed)"));
	done();
}

static void draining_stops_it(void)
{
	begin();
	register_one(&push);
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
	on_call = make;
	step = SIZE_MAX;
	open_with(&recorder_draining_protocol);
	to_make = 100000;
	register_one(&pull);
	net_drain(rig.loop->net, NULL, NULL);
	rig_run(&rig);
	CU_ASSERT_EQUAL(heard(), 100000);
	CU_ASSERT_TRUE(recorder_saw("made draining produce produce"));
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("lost(closed)"));
	done();
}

static void a_drain_that_took_too_long_stops_it(void)
{
	begin();
	register_one(&push);
	plait_close(client.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(net_abort_all(rig.loop->net), 1); /* bytes were owed */
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(drain) lost(drain)"));
	done();
}

static void close_error_stops_it(void)
{
	begin();
	register_one(&push);
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
	on_call = NULL;
	plait_unregister_producer(conn);
	CU_ASSERT_EQUAL(plait_register_producer(conn, &push, block), 0);
}

/* What happens when each deed is done in every call of a pull producer that is asked, and of a push producer that is paused;
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
		begin();
		deed = rows[i / 2].deed;
		on_call = do_deed;
		register_one(pushes ? &push : &pull);
		rig_stop_reading(&client);
		if (pushes)
			plait_write(client.conn, block, 70000);
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
	CU_ASSERT_EQUAL(plait_register_producer(conn, &push, block), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_write(conn, "x", 1), PLAIT_ERROR_CLOSING);
	plait_close(conn);
	plait_abort(conn);
	plait_shutdown_write(conn);
}

static void stop_may_call_anything_and_comes_once(void)
{
	begin();
	on_call = call_everything;
	register_one(&push);
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("stop(aborted) lost(aborted)"));
	done();
	on_call = call_everything;
	open_with(&recorder_no_eof_protocol);
	register_one(&push);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made stop(peer-closed) lost(peer-closed)"));
	done();
}

/* In the callbacks of the protocol, too. */
static void register_in_made(struct plait_conn *conn)
{
	CU_ASSERT_EQUAL(plait_register_producer(conn, &pull, block), 0);
}

static void unregister_in_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)reason;
	CU_ASSERT_EQUAL(plait_unregister_producer(conn), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_register_producer(conn, &pull, block), PLAIT_ERROR_CLOSING);
}

static void made_and_lost(void)
{
	recorder.on_made = register_in_made;
	recorder.on_lost = unregister_in_lost;
	on_call = make;
	to_make = 10;
	step = SIZE_MAX;
	open_with(&recorder_protocol);
	CU_ASSERT_TRUE(recorder_saw("made produce"));
	plait_abort(client.conn);
	rig_run(&rig);
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	done();
}

/* ---- with the rest of the connection ---- */

static size_t echo(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn, data, len);
	return len;
}

/* The watermark pauses reading and the producer alike, and both go on. */
static void reading_and_producing_pause_together(void)
{
	recorder.on_data = echo;
	begin();
	register_one(&push);
	rig_stop_reading(&client);
	memory_feed(&client.memory, block, 70000);
	rig_run(&rig);
	CU_ASSERT_TRUE(client.conn->paused & CONN_PAUSE_WATERMARK);
	rig_say(&client, "waits");
	CU_ASSERT_TRUE(recorder_saw("data(65536) data(4464) pause"));
	rig_read(&client);
	CU_ASSERT_TRUE(recorder_saw("drained resume data(waits)"));
	done();
}

/* A message to a group comes between what the producer makes, and not at all on a blocked connection. */
static void messages_of_a_group_go_their_own_way(void)
{
	struct plait_group *group = plait_group_open("producers");
	begin();
	CU_ASSERT_EQUAL(plait_group_add(group, client.conn), 0);
	struct plait_chunk *chunk = plait_chunk_new("news", 4);
	plait_group_send(group, chunk, NULL); /* it shares */
	register_one(&push);
	plait_write(client.conn, "made", 4);
	plait_group_send(group, chunk, NULL);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "newsmadenews"));
	plait_group_send(group, chunk, NULL);
	CU_ASSERT_FALSE(client.conn->sharing); /* what is shared passes by the marks */
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, "news"));
	plait_chunk_unref(&chunk);
	done();
	plait_group_close(&group);
}

/* ---- a connection as the producer of another ---- */

static struct rig_client other;

static size_t pass_on(struct plait_conn *conn, const void *data, size_t len)
{
	plait_write(conn == client.conn ? other.conn : client.conn, data, len);
	return len;
}

static void a_connection_produces_for_another(void)
{
	recorder.on_data = pass_on;
	begin();
	rig_connect(&rig, &listener, &other);
	CU_ASSERT_EQUAL(plait_register_producer(other.conn, &plait_conn_producer, client.conn), 0);
	rig_stop_reading(&other);
	for (int i = 0; i < 20; i++)
		rig_say_bytes(&client, block, sizeof(block));
	CU_ASSERT_TRUE(plait_conn_queued(other.conn) <= 65536 + LOOP_INPUT_SIZE);
	CU_ASSERT_TRUE(client.conn->paused & CONN_PAUSE_PROTOCOL);
	rig_read(&other);
	CU_ASSERT_EQUAL(buffer_size(&other.memory.from_conn), 20 * sizeof(block));
	CU_ASSERT_FALSE(client.conn->paused);
	plait_abort(other.conn);
	rig_run(&rig);
	CU_ASSERT_EQUAL(client.conn->state, CONN_FLUSHING);
	rig_leave(&other);
	recorder.lost = 0;
	done();
}

SUITE_MAIN("producers", SUITE_TEST(a_push_producer_is_paused_and_resumed_by_the_marks),
	   SUITE_TEST(on_a_blocked_connection_it_begins_paused), SUITE_TEST(pause_and_resume_come_by_turns),
	   SUITE_TEST(a_pull_producer_is_asked_until_it_is_done),
	   SUITE_TEST(it_is_asked_at_the_low_mark_for_what_reaches_the_high_one),
	   SUITE_TEST(who_writes_nothing_is_not_asked_for_ever), SUITE_TEST(it_is_asked_once_a_turn),
	   SUITE_TEST(room_is_bounded_however_high_the_mark),
	   SUITE_TEST(a_hundred_megabytes_through_a_slow_reader), SUITE_TEST(one_producer_a_connection),
	   SUITE_TEST(neither_push_nor_pull_is_invalid),
	   SUITE_TEST(a_connection_that_takes_no_output_refuses), SUITE_TEST(close_waits_for_the_producer),
	   SUITE_TEST(close_waits_for_a_push_producer), SUITE_TEST(shutdown_write_waits_for_the_producer),
	   SUITE_TEST(a_close_does_not_wait_for_ever), SUITE_TEST(abort_stops_it_before_lost),
	   SUITE_TEST(a_reset_stops_it), SUITE_TEST(an_end_that_is_not_its_protocols_stops_it_at_once),
	   SUITE_TEST(draining_stops_it), SUITE_TEST(draining_with_a_callback_lets_it_finish),
	   SUITE_TEST(a_drain_that_took_too_long_stops_it), SUITE_TEST(close_error_stops_it),
	   SUITE_TEST(every_order_of_ends_inside_its_callbacks),
	   SUITE_TEST(stop_may_call_anything_and_comes_once), SUITE_TEST(made_and_lost),
	   SUITE_TEST(reading_and_producing_pause_together), SUITE_TEST(messages_of_a_group_go_their_own_way),
	   SUITE_TEST(a_connection_produces_for_another))
