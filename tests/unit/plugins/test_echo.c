/* Tests the echo plugin on connections over memory. */
#include "plugins/echo/echo.c"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static void what_comes_in_goes_out(void)
{
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &plait_plugin, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
	CU_ASSERT(rig_heard(&client, ""));
	rig_say(&client, "hello");
	CU_ASSERT(rig_heard(&client, "hello"));
	rig_say(&client, "again\r\n");
	CU_ASSERT(rig_heard(&client, "again\r\n"));
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void a_half_closed_client_gets_all_its_bytes(void)
{
	static char bytes[300000];
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 251);
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &plait_plugin, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
	rig_stop_reading(&client);
	memory_feed(&client.memory, bytes, sizeof(bytes));
	rig_end(&client);
	CU_ASSERT_PTR_NOT_NULL(client.conn);
	rig_read(&client);
	CU_ASSERT_PTR_NULL(client.conn);
	CU_ASSERT_FALSE(client.memory.was_reset);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&client.memory.from_conn), sizeof(bytes));
	CU_ASSERT(!memcmp(buffer_data(&client.memory.from_conn), bytes, sizeof(bytes)));
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void a_client_that_does_not_read_is_not_read_from(void)
{
	static char bytes[1 << 20];
	struct rig rig;
	struct rig_listener listener;
	struct rig_client client;

	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &plait_plugin, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
	rig_stop_reading(&client);
	rig_say_bytes(&client, bytes, sizeof(bytes));
	CU_ASSERT(plait_conn_queued(client.conn) <= listener.settings.buffers.high + LOOP_INPUT_SIZE);
	CU_ASSERT(buffer_size(&client.memory.to_conn) > sizeof(bytes) / 2);
	rig_read(&client);
	CU_ASSERT_EQUAL(buffer_size(&client.memory.from_conn), sizeof(bytes));
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

SUITE_MAIN("echo", SUITE_TEST(what_comes_in_goes_out), SUITE_TEST(a_half_closed_client_gets_all_its_bytes),
	   SUITE_TEST(a_client_that_does_not_read_is_not_read_from))
