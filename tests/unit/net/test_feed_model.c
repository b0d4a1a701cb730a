/* Producers and files at random, against a model of what may be called when, and of what the peer must hear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/net/filing.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

#define RUNS 3000
#define STEPS 60
#define STREAM_MOST ((size_t)8 << 20)

static struct {
	enum { NONE, RUNNING, PAUSED } producer;
	bool pull;
	unsigned in_call; /* calls of plait's on the stack: nobody is called back from inside */
	bool in_callback;
	bool lost;
	bool cancels;   /* the stream is then not what was asked for */
	unsigned files; /* whose Deferreds have not fired */
	struct plait_deferred *last;
	uint8_t stream[STREAM_MOST]; /* what was taken from us, in order */
	size_t length;
} model;

static int file;

static void act(struct plait_conn *conn);

static unsigned below(unsigned bound)
{
	return (unsigned)rand() % bound;
}

static void enter(void)
{
	CU_ASSERT_EQUAL(model.in_call, 0);
	CU_ASSERT_FALSE(model.in_callback);
	CU_ASSERT_FALSE(model.lost);
	model.in_callback = true;
}

static void leave(struct plait_conn *conn)
{
	for (unsigned i = below(3); i > 0; i--)
		act(conn);
	model.in_callback = false;
}

/* ---- what plait calls ---- */

static void on_pause(struct plait_conn *conn, void *arg)
{
	enter();
	CU_ASSERT_PTR_EQUAL(arg, &model);
	CU_ASSERT_TRUE(model.producer == RUNNING && !model.pull && plait_conn_blocked(conn));
	model.producer = PAUSED;
	leave(conn);
}

static void on_resume(struct plait_conn *conn, void *arg)
{
	enter();
	CU_ASSERT_PTR_EQUAL(arg, &model);
	CU_ASSERT_TRUE(model.producer == PAUSED && !model.pull && !plait_conn_blocked(conn));
	model.producer = RUNNING;
	leave(conn);
}

static void write_some(struct plait_conn *conn, size_t len)
{
	size_t offset = below(1000);
	CU_ASSERT_FATAL(model.length + len <= STREAM_MOST);
	model.in_call++;
	int result = plait_write(conn, filing_content + offset, len);
	model.in_call--;
	if (result == 0) {
		memcpy(model.stream + model.length, filing_content + offset, len);
		model.length += len;
	}
}

static void on_produce(struct plait_conn *conn, size_t room, void *arg)
{
	enter();
	CU_ASSERT_PTR_EQUAL(arg, &model);
	CU_ASSERT_TRUE(model.producer == RUNNING && model.pull && room > 0);
	CU_ASSERT_TRUE(plait_conn_queued(conn) <= listener.settings.buffers.low);
	CU_ASSERT_TRUE(plait_conn_queued(conn) + room <= listener.settings.buffers.high);
	if (below(8))
		write_some(conn, 1 + below((unsigned)room));
	leave(conn);
}

static void on_stop(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	enter();
	CU_ASSERT_PTR_EQUAL(arg, &model);
	CU_ASSERT_TRUE(model.producer != NONE && reason != PLAIT_REASON_NONE);
	model.producer = NONE;
	leave(conn);
}

static const struct plait_producer push = { .pause = on_pause, .resume = on_resume, .stop = on_stop };
static const struct plait_producer pull = { .produce = on_produce, .stop = on_stop };

static struct plait_result forget(struct plait_result result, void *arg)
{
	(void)arg;
	plait_result_drop(&result);
	return plait_value(NULL);
}

/* A cancel, which is ours, is answered at once; all else is a callback like any other. */
static struct plait_result on_file(struct plait_result result, void *arg)
{
	struct plait_conn *conn = client.conn;
	bool by_us = result.failure && result.failure->code == PLAIT_ERROR_CANCELLED;
	model.files--;
	if (!by_us) {
		enter();
		leave(conn);
	}
	return forget(result, arg);
}

static void on_drained(struct plait_conn *conn)
{
	enter();
	leave(conn);
}

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	enter();
	CU_ASSERT_EQUAL(model.producer, NONE);
	CU_ASSERT_EQUAL(model.files, 0);
	size_t heard = buffer_size(&client.memory.from_conn);
	if (!model.cancels && reason == PLAIT_REASON_CLOSED)
		CU_ASSERT_EQUAL(heard, model.length);
	model.in_callback = false;
	model.lost = true;
}

static const struct plait_protocol protocol = { .head = { PLAIT_MAGIC, PLAIT_ABI_MAJOR, PLAIT_ABI_MINOR,
							  sizeof(struct plait_protocol), PLAIT_KIND_PROTOCOL,
							  "model" },
						.drained = on_drained,
						.lost = on_lost };

/* ---- what is done to it ---- */

static void register_any(struct plait_conn *conn)
{
	bool pulls = below(2);
	model.in_call++;
	int result = plait_register_producer(conn, pulls ? &pull : &push, &model);
	model.in_call--;
	if (model.producer != NONE)
		CU_ASSERT_TRUE(result == PLAIT_ERROR_REFUSED);
	if (result < 0)
		return;
	model.producer = RUNNING;
	model.pull = pulls;
}

static void unregister(struct plait_conn *conn)
{
	model.in_call++;
	CU_ASSERT_EQUAL(plait_unregister_producer(conn), model.producer == NONE ? PLAIT_ERROR_GONE : 0);
	model.in_call--;
	model.producer = NONE;
}

static void send_any(struct plait_conn *conn)
{
	size_t len = below(3) ? below(3000) : below(90000), offset = below(1000);
	CU_ASSERT_FATAL(model.length + len <= STREAM_MOST);
	model.in_call++;
	struct plait_deferred *deferred = plait_send_file(conn, dup(file), offset, len);
	model.in_call--;
	if (plait_deferred_called(deferred)) { /* refused */
		plait_add_errback(deferred, forget, NULL);
	} else {
		memcpy(model.stream + model.length, filing_content + offset, len);
		model.length += len;
		model.files++;
		plait_add_both(deferred, on_file, NULL);
	}
	plait_deferred_unref(&model.last);
	model.last = deferred;
}

static void act(struct plait_conn *conn)
{
	unsigned what = below(100);
	if (what < 30) {
		write_some(conn, below(4) ? below(3000) : below(60000));
	} else if (what < 50) {
		register_any(conn);
	} else if (what < 65) {
		unregister(conn);
	} else if (what < 85) {
		send_any(conn);
	} else if (what < 88 && model.cancels && model.last) {
		plait_deferred_cancel(model.last);
	} else if (what == 90) {
		plait_close(conn);
	} else if (what == 91) {
		plait_shutdown_write(conn);
	} else if (what == 92 && below(4) == 0) {
		plait_abort(conn);
	} else if (what == 93 && below(4) == 0) {
		plait_close_error(conn, "at random");
	}
}

static void act_outside(void)
{
	unsigned what = below(20);
	if (what < 10)
		act(client.conn);
	else if (what < 14)
		client.memory.write_room = below(60000);
	else if (what == 14)
		client.memory.write_room = MEMORY_UNLIMITED;
	else if (what == 15 && below(10) == 0)
		client.memory.peer_ended = true;
	else if (what == 16 && below(20) == 0)
		client.memory.fail_writes = PLAIT_REASON_RESET;
	memory_wake(&client.memory);
	if (what >= 17)
		rig_advance(&rig, below(4) ? 0 : below(3000));
	else if (what > 12)
		loop_turn(rig.loop, false);
}

/* The peer heard what was asked for, in order and from its beginning. */
static bool stream_is_right(void)
{
	const struct buffer *heard = &client.memory.from_conn;
	size_t len = buffer_size(heard);
	return model.cancels || len == 0 ||
	       (len <= model.length && memcmp(buffer_data(heard), model.stream, len) == 0);
}

static void run(unsigned seed)
{
	srand(seed);
	model.producer = NONE;
	model.in_call = model.files = 0;
	model.in_callback = model.lost = false;
	model.length = 0;
	model.cancels = seed % 4 == 0;
	rig_connect(&rig, &listener, &client);
	for (int step = 0; step < STEPS && client.conn; step++)
		act_outside();
	for (int i = 0; i < 8 && client.conn;
	     i++) { /* an end in order, which waits, and then is not waited for */
		client.memory.write_room = MEMORY_UNLIMITED;
		client.memory.peer_ended = true;
		memory_wake(&client.memory);
		plait_close(client.conn);
		rig_advance(&rig, 5000);
	}
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_TRUE(model.lost && stream_is_right());
	plait_deferred_unref(&model.last);
	rig_leave(&client);
}

static void at_random(void)
{
	filing_begin();
	done();
	file = filing_file(91000);
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &protocol, NULL, NULL), 0);
	for (unsigned seed = 1; seed <= RUNS; seed++) {
		run(seed);
		if (CU_get_number_of_failures() > 0) {
			printf("# seed %u\n", seed);
			break;
		}
	}
	rig_unlisten(&listener);
	rig_fini(&rig);
	close(file);
}

SUITE_MAIN("producers and files at random", SUITE_TEST(at_random))
