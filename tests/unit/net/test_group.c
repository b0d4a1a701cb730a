/* Groups and handles: who is spoken to, who is not any more, and calls to what has gone. */
#include <plait/group.h>
#include <string.h>

#include "tests/unit/net/recorder.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define CLIENTS 5

static struct rig rig;
static struct rig_listener listener;
static struct rig_client clients[CLIENTS];
static struct plait_group *group;

static size_t pass_on(struct plait_conn *conn, const void *data, size_t len)
{
	struct plait_chunk *chunk = plait_chunk_new(data, len);
	plait_group_send(group, chunk, conn);
	plait_chunk_unref(&chunk);
	return len;
}

static const struct plait_protocol talker = {
	PLAIT_PROTOCOL_HEAD("talker"),
	.data = pass_on,
};

static void open_all(void)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &talker, NULL, NULL), 0);
	group = plait_group_open("test/room");
	for (int i = 0; i < CLIENTS; i++) {
		rig_connect(&rig, &listener, &clients[i]);
		CU_ASSERT_EQUAL(plait_group_add(group, clients[i].conn), 0);
	}
}

static void close_all(void)
{
	for (int i = 0; i < CLIENTS; i++)
		rig_leave(&clients[i]);
	plait_group_close(&group);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void say(const char *text, int from)
{
	struct plait_chunk *chunk = plait_chunk_new(text, strlen(text));
	plait_group_send(group, chunk, from < 0 ? NULL : clients[from].conn);
	plait_chunk_unref(&chunk);
	rig_run(&rig);
}

static void all_but_the_sender_hear_it(void)
{
	open_all();
	say("hello", 2);
	for (int i = 0; i < CLIENTS; i++)
		CU_ASSERT_TRUE(rig_heard(&clients[i], i == 2 ? "" : "hello"));
	close_all();
}

static void messages_of_a_turn_leave_in_one_send(void)
{
	open_all();
	struct plait_chunk *chunk = plait_chunk_new("x", 1);
	for (int i = 0; i < 10; i++)
		plait_group_send(group, chunk, NULL);
	plait_chunk_unref(&chunk);
	clients[0].memory.writes = 0;
	rig_run(&rig);
	CU_ASSERT_EQUAL(clients[0].memory.writes, 1);
	CU_ASSERT_TRUE(rig_heard(&clients[0], "xxxxxxxxxx"));
	close_all();
}

/* Also to those who speak: what others said to one before its own callback waits for what they say after it. */
static void a_turn_of_many_speakers_is_one_send_to_each(void)
{
	open_all();
	for (int i = 0; i < CLIENTS; i++) {
		clients[i].memory.writes = 0;
		memory_feed(&clients[i].memory, "x", 1);
	}
	rig_run(&rig);
	for (int i = 0; i < CLIENTS; i++) {
		CU_ASSERT_EQUAL(clients[i].memory.writes, 1);
		CU_ASSERT_EQUAL(buffer_size(&clients[i].memory.from_conn), CLIENTS - 1);
	}
	close_all();
}

static void added_twice_hears_once_and_removed_hears_nothing(void)
{
	open_all();
	CU_ASSERT_EQUAL(plait_group_add(group, clients[0].conn), 0);
	plait_group_remove(group, clients[1].conn);
	plait_group_remove(group, clients[1].conn);
	CU_ASSERT_EQUAL(plait_group_count(group), CLIENTS - 1);
	say("a", -1);
	CU_ASSERT_TRUE(rig_heard(&clients[0], "a"));
	CU_ASSERT_TRUE(rig_heard(&clients[1], ""));
	CU_ASSERT_TRUE(rig_heard(&clients[4], "a"));
	close_all();
}

static void who_closes_has_left(void)
{
	open_all();
	plait_close(clients[3].conn);
	CU_ASSERT_EQUAL(plait_group_count(group), CLIENTS - 1);
	CU_ASSERT_EQUAL(plait_group_add(group, clients[3].conn), PLAIT_ERROR_CLOSING);
	plait_abort(clients[0].conn);
	CU_ASSERT_EQUAL(plait_group_count(group), CLIENTS - 2);
	say("a", -1);
	CU_ASSERT_TRUE(rig_heard(&clients[3], ""));
	close_all();
}

static void abort_neighbours(struct plait_conn *member, struct plait_chunk *chunk)
{
	(void)chunk;
	plait_write(member, "y", 1);
	if (member == clients[1].conn) {
		plait_abort(clients[0].conn);
		plait_abort(clients[1].conn);
		plait_abort(clients[2].conn);
	}
}

static void members_may_go_during_the_walk(void)
{
	open_all();
	struct plait_chunk *chunk = plait_chunk_new("x", 1);
	plait_group_each(group, chunk, NULL, abort_neighbours);
	plait_chunk_unref(&chunk);
	CU_ASSERT_EQUAL(plait_group_count(group), 2);
	rig_run(&rig);
	CU_ASSERT_TRUE(rig_heard(&clients[3], "y"));
	CU_ASSERT_TRUE(rig_heard(&clients[4], "y"));
	say("z", -1);
	CU_ASSERT_TRUE(rig_heard(&clients[4], "z"));
	close_all();
}

static void one_name_is_one_group(void)
{
	open_all();
	struct plait_group *same = plait_group_open("test/room"), *other = plait_group_open("test/other");
	CU_ASSERT_PTR_EQUAL(same, group);
	CU_ASSERT_PTR_NOT_EQUAL(other, group);
	plait_group_close(&same);
	plait_group_close(&other);
	CU_ASSERT_PTR_NULL(other);
	close_all();
}

static void note(struct plait_conn *conn, void *arg)
{
	*(int *)arg = conn ? 1 : 2;
}

static void a_handle_to_what_has_gone_is_a_clean_no(void)
{
	int answer = 0;
	open_all();
	struct plait_conn_ref *first = plait_conn_ref(clients[0].conn),
			      *second = plait_conn_ref(clients[0].conn);
	plait_conn_ref_call(first, note, &answer);
	CU_ASSERT_EQUAL(answer, 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(answer, 1);
	plait_abort(clients[0].conn);
	plait_conn_ref_call(first, note, &answer);
	rig_run(&rig);
	CU_ASSERT_EQUAL(answer, 2);
	plait_conn_unref(&first);
	plait_conn_ref_call(second, note, &answer);
	plait_conn_unref(&second);
	CU_ASSERT_PTR_NULL(second);
	close_all();
}

SUITE_MAIN("group", SUITE_TEST(all_but_the_sender_hear_it), SUITE_TEST(messages_of_a_turn_leave_in_one_send),
	   SUITE_TEST(a_turn_of_many_speakers_is_one_send_to_each),
	   SUITE_TEST(added_twice_hears_once_and_removed_hears_nothing), SUITE_TEST(who_closes_has_left),
	   SUITE_TEST(members_may_go_during_the_walk), SUITE_TEST(one_name_is_one_group),
	   SUITE_TEST(a_handle_to_what_has_gone_is_a_clean_no))
