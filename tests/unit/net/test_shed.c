/* Shedding: above the bound the connections that hold the most are closed, whichever loop they are on, and nobody else. */
#include <plait/chunk.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/net.h"
#include "core/net/shed.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define LOOPS 3
#define KIB 1024
#define MIB (1024 * KIB)

static struct rig rigs[LOOPS];
static struct rig_listener listener;
static struct shed *shed;
static enum plait_reason reasons[64];
static unsigned ends;

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	if (ends < 64)
		reasons[ends++] = reason;
}

static size_t leave_all(struct plait_conn *conn, const void *bytes, size_t len)
{
	(void)conn;
	(void)bytes;
	(void)len;
	return 0;
}

static const struct plait_protocol silent = { PLAIT_PROTOCOL_HEAD("silent"), .data = leave_all,
					      .lost = on_lost };

static void begin(uint64_t most)
{
	struct plait_loop *loops[LOOPS];
	ends = 0;
	for (unsigned i = 0; i < LOOPS; i++) {
		rig_init(&rigs[i]);
		loops[i] = rigs[i].loop;
	}
	rig_listen(&listener, &silent, NULL, NULL);
	listener.settings.buffers.input = 64 * MIB;
	listener.settings.buffers.cap = 64 * MIB;
	shed = shed_new(loops, LOOPS, most);
}

static void finish(void)
{
	for (unsigned i = 0; i < LOOPS; i++) {
		loop_enter(rigs[i].loop);
		rig_fini(&rigs[i]);
	}
	rig_unlisten(&listener);
	shed_free(&shed);
}

static void run(void)
{
	for (unsigned times = 0; times < 8; times++)
		for (unsigned i = 0; i < LOOPS; i++)
			rig_advance(&rigs[i], 10);
}

static void enter(unsigned on, struct rig_client *client)
{
	loop_enter(rigs[on].loop);
	rig_connect(&rigs[on], &listener, client);
	rig_stop_reading(client);
}

static void leave(struct rig_client *client)
{
	loop_enter(client->rig->loop);
	rig_leave(client);
}

/* So many bytes wait for it. */
static void owe(struct rig_client *client, size_t len)
{
	char *bytes = calloc(1, len);
	loop_enter(client->rig->loop);
	plait_write(client->conn, bytes, len);
	free(bytes);
	run();
}

/* So many of its bytes are left by its protocol. */
static void say(struct rig_client *client, size_t len)
{
	char *bytes = calloc(1, len);
	rig_say_bytes(client, bytes, len);
	free(bytes);
	run();
}

static struct shed_told told(void)
{
	struct shed_told now;
	for (unsigned i = 0; i < LOOPS; i++)
		queue_pool_tell(&rigs[i].loop->pool);
	shed_tell(shed, &now);
	return now;
}

static void the_worst_go_first_on_any_loop(void)
{
	struct rig_client small[LOOPS], large, quiet[LOOPS];
	begin(8 * MIB);
	for (unsigned i = 0; i < LOOPS; i++) {
		enter(i, &small[i]);
		enter(i, &quiet[i]);
	}
	enter(1, &large);
	owe(&large, 6 * MIB);
	CU_ASSERT_EQUAL(told().closed, 0);
	owe(&small[0], 1 * MIB);
	CU_ASSERT_EQUAL(ends, 0);
	owe(&small[1], 3 * MIB / 2); /* the one who crosses the line is not the worst */
	CU_ASSERT_EQUAL(ends, 1);
	CU_ASSERT_EQUAL(reasons[0], PLAIT_REASON_SHED);
	CU_ASSERT_PTR_NULL(large.conn);
	CU_ASSERT_TRUE(large.memory.was_reset);
	CU_ASSERT_PTR_NOT_NULL(small[0].conn);
	CU_ASSERT_PTR_NOT_NULL(small[1].conn);
	CU_ASSERT_PTR_NOT_NULL(quiet[0].conn);
	CU_ASSERT_EQUAL(told().closed, 1);
	CU_ASSERT(told().bytes < 3 * MIB);
	for (unsigned i = 0; i < LOOPS; i++) {
		leave(&small[i]);
		leave(&quiet[i]);
	}
	leave(&large);
	CU_ASSERT_EQUAL(told().bytes, 0);
	finish();
}

static void input_counts_too(void)
{
	struct rig_client clients[4];
	begin(4 * MIB);
	for (unsigned i = 0; i < 4; i++)
		enter(i % LOOPS, &clients[i]);
	for (unsigned i = 0; i < 3; i++)
		say(&clients[i], (i + 1) * 200 * KIB);
	CU_ASSERT_EQUAL(ends, 0);
	CU_ASSERT(told().bytes >= 1200 * KIB);
	say(&clients[2], 600 * KIB);
	say(&clients[3], 900 * KIB);
	say(&clients[2], 900 * KIB);
	CU_ASSERT(ends >= 1);
	CU_ASSERT_PTR_NULL(clients[2].conn);
	CU_ASSERT_PTR_NOT_NULL(clients[0].conn);
	CU_ASSERT(told().bytes <= 4 * MIB);
	for (unsigned i = 0; i < 4; i++)
		leave(&clients[i]);
	CU_ASSERT_EQUAL(told().bytes, 0);
	finish();
}

/* With hysteresis: an eighth below the bound. */
static void many_alike_go_until_it_fits(void)
{
	struct rig_client clients[40];
	begin(4 * MIB);
	for (unsigned i = 0; i < 40; i++) {
		enter(i % LOOPS, &clients[i]);
		owe(&clients[i], 128 * KIB);
	}
	CU_ASSERT(ends > 0);
	CU_ASSERT(ends <= 24);
	CU_ASSERT(told().bytes <= 4 * MIB + LOOPS * HOLDING_STEP);
	for (unsigned i = 0; i < 40; i++)
		leave(&clients[i]);
	CU_ASSERT_EQUAL(told().bytes, 0);
	finish();
}

static void a_shared_chunk_counts_once(void)
{
	struct rig_client clients[10];
	struct plait_chunk *chunk = plait_chunk_new(NULL, 1 * MIB);
	begin(4 * MIB);
	memset(plait_chunk_bytes(chunk), 0, 1 * MIB);
	for (unsigned i = 0; i < 10; i++) {
		enter(i % LOOPS, &clients[i]);
		loop_enter(clients[i].rig->loop);
		plait_write_chunk(clients[i].conn, chunk);
		run();
	}
	CU_ASSERT_EQUAL(ends, 0);
	CU_ASSERT(told().bytes > 1 * MIB);
	CU_ASSERT(told().bytes < 3 * MIB / 2);
	for (unsigned i = 0; i < 10; i++)
		leave(&clients[i]);
	CU_ASSERT_EQUAL(told().bytes, 0); /* it is the program's alone */
	plait_chunk_unref(&chunk);
	finish();
}

static void without_a_bound_nobody_goes(void)
{
	struct rig_client one;
	begin(0);
	enter(0, &one);
	owe(&one, 32 * MIB);
	CU_ASSERT_EQUAL(ends, 0);
	CU_ASSERT(told().bytes >= 32 * MIB);
	shed_set_most(shed, 1 * MIB); /* of what comes from here on */
	owe(&one, 128 * KIB);
	CU_ASSERT_EQUAL(ends, 1);
	leave(&one);
	finish();
}

/* Its loop does not turn: it is left out, and the others go on. */
static void a_loop_that_stands_still_holds_nobody_up(void)
{
	struct rig_client here, there;
	char *bytes = calloc(1, 3 * MIB);
	begin(4 * MIB);
	enter(0, &here);
	enter(1, &there);
	owe(&there, 2 * MIB);
	loop_enter(rigs[0].loop);
	plait_write(here.conn, bytes, 3 * MIB);
	free(bytes);
	rig_run(&rigs[0]);
	CU_ASSERT_EQUAL(ends, 0); /* it waits for the other's answer */
	rig_advance(&rigs[0], 100);
	rig_run(&rigs[0]);
	CU_ASSERT_EQUAL(ends, 1);
	CU_ASSERT_PTR_NULL(here.conn);
	rig_run(&rigs[1]);
	CU_ASSERT_EQUAL(ends, 1);
	for (unsigned i = 0; i < LOOPS; i++)
		rigs[i].now_ms += 1000;
	run();
	enter(0, &here); /* and a later round has all of them */
	owe(&here, 5 * MIB / 2);
	CU_ASSERT_EQUAL(ends, 2);
	CU_ASSERT_PTR_NULL(here.conn);
	CU_ASSERT_PTR_NOT_NULL(there.conn);
	leave(&here);
	leave(&there);
	finish();
}

/* So many wait, and no time passes. */
static void owe_now(struct rig_client *client, size_t len)
{
	char *bytes = calloc(1, len);
	loop_enter(client->rig->loop);
	plait_write(client->conn, bytes, len);
	free(bytes);
}

/* A loop that began a round does not cut a later one short, in which the worst have not been counted yet. */
static void patience_is_for_one_round(void)
{
	struct rig_client large, small, worst;
	begin(4 * MIB);
	enter(0, &large);
	enter(1, &small);
	enter(2, &worst);
	owe_now(&small, MIB / 2);
	owe_now(&worst, 11 * MIB / 4);
	owe_now(&large, 7 * MIB / 2);
	for (unsigned i = 0; i < 3 * LOOPS; i++)
		rig_run(&rigs[i % LOOPS]);
	CU_ASSERT_EQUAL(ends, 1);
	CU_ASSERT_PTR_NULL(large.conn);
	for (unsigned i = 0; i < LOOPS; i++)
		rig_advance(&rigs[i], 95);
	owe_now(&small, MIB);
	rig_run(&rigs[1]);
	rig_advance(&rigs[0], 10); /* the last loop has not answered */
	rig_run(&rigs[1]);
	CU_ASSERT_EQUAL(ends, 1);
	run();
	CU_ASSERT_EQUAL(ends, 2);
	CU_ASSERT_PTR_NULL(worst.conn);
	CU_ASSERT_PTR_NOT_NULL(small.conn);
	leave(&large);
	leave(&small);
	leave(&worst);
	finish();
}

static void small_blocks_are_counted(void)
{
	static struct rig_client clients[600];
	begin(0);
	for (unsigned i = 0; i < 600; i++) {
		enter(i % LOOPS, &clients[i]);
		owe(&clients[i], 100);
	}
	CU_ASSERT(told().bytes >= 600 * 2000);
	for (unsigned i = 0; i < 600; i++)
		leave(&clients[i]);
	CU_ASSERT_EQUAL(told().bytes, 0); /* though the pools keep them */
	finish();
}

/* Its memory is given back at the end of the turn: nobody has to go in its place. */
static void who_is_going_counts_as_gone(void)
{
	struct rig_client large, small;
	char *bytes = calloc(1, 3 * MIB);
	begin(4 * MIB);
	enter(0, &large);
	enter(0, &small);
	owe(&large, 3 * MIB);
	loop_enter(rigs[0].loop);
	plait_write(small.conn, bytes, 3 * MIB / 2);
	plait_abort(large.conn);
	run();
	CU_ASSERT_PTR_NULL(large.conn);
	CU_ASSERT_PTR_NOT_NULL(small.conn);
	CU_ASSERT_EQUAL(told().closed, 0);
	free(bytes);
	leave(&large);
	leave(&small);
	finish();
}

static void a_dribble_holds_little(void)
{
	struct rig_client one;
	begin(0);
	enter(0, &one);
	for (unsigned i = 0; i < 100; i++)
		rig_say(&one, "x");
	CU_ASSERT(told().bytes > 0);
	CU_ASSERT(told().bytes < 1024);
	leave(&one);
	finish();
}

SUITE_MAIN("shed", SUITE_TEST(the_worst_go_first_on_any_loop), SUITE_TEST(input_counts_too),
	   SUITE_TEST(many_alike_go_until_it_fits), SUITE_TEST(a_shared_chunk_counts_once),
	   SUITE_TEST(without_a_bound_nobody_goes), SUITE_TEST(a_loop_that_stands_still_holds_nobody_up),
	   SUITE_TEST(patience_is_for_one_round), SUITE_TEST(small_blocks_are_counted),
	   SUITE_TEST(who_is_going_counts_as_gone), SUITE_TEST(a_dribble_holds_little))
