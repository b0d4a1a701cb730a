/* Handles on connections: what other threads do by them, and the clean no of what has gone. */
#include <plait/error.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static struct plait_conn_ref *ref;

static void open_ref(void)
{
	open_with(&recorder_protocol);
	ref = plait_conn_ref(client.conn);
}

static void close_ref(void)
{
	plait_conn_unref(&ref);
	done();
}

static void *write_from_here(void *arg)
{
	static char large[5000];
	int *result = arg;
	memset(large, '.', sizeof(large) - 1);
	struct plait_conn_ref *mine = plait_conn_ref_copy(ref);
	*result = plait_conn_ref_write(mine, "one ", 4) + plait_conn_ref_write(mine, "", 0) +
		  plait_conn_ref_write(mine, large, 4999);
	struct plait_chunk *chunk = plait_chunk_new(" two", 4);
	*result += plait_conn_ref_write_chunk(mine, chunk) + plait_conn_ref_close(mine);
	plait_chunk_unref(&chunk);
	plait_conn_unref(&mine);
	return NULL;
}

static void another_thread_writes_in_order_and_closes(void)
{
	char expected[5008];
	pthread_t thread;
	int result = 1;
	open_ref();
	pthread_create(&thread, NULL, write_from_here, &result);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(result, 0);
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	rig_run(&rig);
	snprintf(expected, sizeof(expected), "one %4999s two", "");
	memset(expected + 4, '.', 4999);
	CU_ASSERT_TRUE(rig_heard(&client, expected));
	CU_ASSERT_TRUE(client.memory.was_shut_down);
	rig_end(&client);
	CU_ASSERT_TRUE(recorder_saw("made lost(closed)"));
	close_ref();
}

static void aborted_by_its_handle_it_is_reset(void)
{
	open_ref();
	CU_ASSERT_EQUAL(plait_conn_ref_abort(ref), 0);
	CU_ASSERT_TRUE(recorder_saw("made"));
	rig_run(&rig);
	CU_ASSERT_TRUE(client.memory.was_reset);
	CU_ASSERT_PTR_NULL(client.conn);
	close_ref();
}

static void what_has_gone_is_a_clean_no(void)
{
	struct plait_chunk *chunk = plait_chunk_new("x", 1);
	open_ref();
	plait_abort(client.conn);
	/* On its way to a connection that is about to go: dropped. */
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, "late", 4), 0);
	CU_ASSERT_EQUAL(plait_conn_ref_close(ref), 0);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, "later", 5), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_conn_ref_write_chunk(ref, chunk), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_conn_ref_close(ref), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_conn_ref_abort(ref), PLAIT_ERROR_GONE);
	plait_chunk_unref(&chunk);
	close_ref();
}

static void a_thread_faster_than_the_loop_is_held_up(void)
{
	static const char block[60] = "";
	open_ref();
	rig_leave(&client);
	plait_conn_unref(&ref);
	recorder_reset();
	listener.settings.buffers.cap = 100;
	rig_connect(&rig, &listener, &client);
	ref = plait_conn_ref(client.conn);
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, block, sizeof(block) + 41), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, block, 60), 0);
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, block, 41), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, block, 40), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 100);
	CU_ASSERT_EQUAL(plait_conn_ref_write(ref, block, 60), 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), 160);
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	close_ref();
}

static void note(struct plait_conn *conn, void *arg)
{
	*(int *)arg = conn ? 1 : 2;
}

/* A stopped loop still comes to its posts, once, with the connections gone. */
static void calls_after_the_end_find_no_connection(void)
{
	int answer = 0;
	open_ref();
	rig_leave(&client);
	plait_conn_ref_call(ref, note, &answer);
	plait_conn_unref(&ref);
	done();
	CU_ASSERT_EQUAL(answer, 2);
}

SUITE_MAIN("conn_ref", SUITE_TEST(another_thread_writes_in_order_and_closes),
	   SUITE_TEST(aborted_by_its_handle_it_is_reset), SUITE_TEST(what_has_gone_is_a_clean_no),
	   SUITE_TEST(a_thread_faster_than_the_loop_is_held_up),
	   SUITE_TEST(calls_after_the_end_find_no_connection))
