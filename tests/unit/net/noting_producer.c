/* Producers that write down what happens to them. */
#include "tests/unit/net/noting_producer.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/net/fixture.h"
#include "tests/unit/net/recorder.h"

char noting_block[NOTING_BLOCK];
void (*noting_on_call)(struct plait_conn *conn, const char *call);
size_t noting_room;
size_t noting_to_make;

static void called(struct plait_conn *conn, const char *call)
{
	CU_ASSERT_FALSE(recorder.inside);
	CU_ASSERT_EQUAL(recorder.lost, 0);
	recorder.inside = true;
	recorder_note("%s", call);
	if (noting_on_call)
		noting_on_call(conn, call);
	recorder.inside = false;
}

static void on_pause(struct plait_conn *conn, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, noting_block);
	called(conn, "pause");
}

static void on_resume(struct plait_conn *conn, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, noting_block);
	called(conn, "resume");
}

static void on_stop(struct plait_conn *conn, enum plait_reason reason, void *arg)
{
	char text[40];
	CU_ASSERT_PTR_EQUAL(arg, noting_block);
	snprintf(text, sizeof(text), "stop(%s)", plait_reason_name(reason));
	called(conn, text);
}

static void on_produce(struct plait_conn *conn, size_t room, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, noting_block);
	CU_ASSERT_TRUE(plait_conn_queued(conn) <= listener.settings.buffers.low);
	CU_ASSERT_TRUE(room > 0);
	noting_room = room;
	called(conn, "produce");
}

const struct plait_producer noting_push = { .pause = on_pause, .resume = on_resume, .stop = on_stop };
const struct plait_producer noting_pull = { .produce = on_produce, .stop = on_stop };

void noting_begin(const struct plait_protocol *protocol)
{
	noting_on_call = NULL;
	noting_to_make = 0;
	open_with(protocol);
	CU_ASSERT_TRUE(recorder_saw("made"));
}

void noting_register(const struct plait_producer *producer)
{
	CU_ASSERT_EQUAL(plait_register_producer(client.conn, producer, noting_block), 0);
}

/* As much as is noting_room for, until all is made. */
void noting_make(struct plait_conn *conn, const char *call)
{
	if (strcmp(call, "produce") != 0)
		return;
	size_t len = noting_room < noting_to_make ? noting_room : noting_to_make;
	CU_ASSERT_EQUAL(plait_write(conn, noting_block, len), 0);
	noting_to_make -= len;
	if (noting_to_make == 0)
		CU_ASSERT_EQUAL(plait_unregister_producer(conn), 0);
}

void noting_take(size_t len)
{
	client.memory.write_room = len;
	memory_wake(&client.memory);
	rig_run(&rig);
}

size_t noting_heard(void)
{
	size_t len = buffer_size(&client.memory.from_conn);
	buffer_consume(&client.memory.from_conn, len);
	return len;
}
