/* Groups when there is no memory: who cannot be given what it is owed fails, says so, and nobody else notices. */
#include <plait/group.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static bool no_memory;

/* The linker puts this in malloc's place (--wrap). */
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	return no_memory ? NULL : __real_malloc(size);
}

static struct rig rig;
static struct rig_listener listener;
static struct rig_client a, b;
static struct plait_group *older, *newer;

static enum plait_reason reason_of_a;

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	if (conn == a.conn)
		reason_of_a = reason;
}

static const struct plait_protocol listening = {
	PLAIT_PROTOCOL_HEAD("listening"),
	.lost = on_lost,
};

/* Both in both groups, sharing in the newer, and owed a word. */
static void two_are_owed_a_word(void)
{
	struct plait_chunk *chunk = plait_chunk_new("word", 4);
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &listening, NULL, NULL), 0);
	older = plait_group_open("test/older");
	newer = plait_group_open("test/newer");
	rig_connect(&rig, &listener, &a);
	rig_connect(&rig, &listener, &b);
	for (int i = 0; i < 2; i++) {
		plait_group_add(i ? newer : older, a.conn);
		plait_group_add(i ? newer : older, b.conn);
	}
	reason_of_a = PLAIT_REASON_NONE;
	CU_ASSERT_PTR_NOT_NULL(buffer_reserve(&a.memory.from_conn, 100)); /* the peers have memory */
	CU_ASSERT_PTR_NOT_NULL(buffer_reserve(&b.memory.from_conn, 100));
	plait_group_send(newer, chunk, NULL);
	CU_ASSERT_TRUE(a.conn->sharing && b.conn->sharing);
	plait_chunk_unref(&chunk);
	no_memory = true;
}

static void memory_is_back(void)
{
	no_memory = false;
	rig_run(&rig);
}

static void done(void)
{
	rig_leave(&a);
	rig_leave(&b);
	plait_group_close(&older);
	plait_group_close(&newer);
	rig_unlisten(&listener);
	rig_fini(&rig);
}

static void a_is_lost_and_b_is_not(void)
{
	CU_ASSERT_EQUAL(reason_of_a, PLAIT_REASON_INTERNAL);
	CU_ASSERT_TRUE(a.memory.was_reset);
	CU_ASSERT_PTR_NULL(a.conn);
	CU_ASSERT_TRUE(rig_heard(&b, "word"));
	CU_ASSERT_EQUAL(plait_group_count(older), 1);
	CU_ASSERT_EQUAL(plait_group_count(newer), 1);
}

static void leaving_another_group_needs_none(void)
{
	two_are_owed_a_word();
	plait_group_remove(older, a.conn);
	CU_ASSERT_TRUE(a.conn->sharing);
	memory_is_back();
	CU_ASSERT_TRUE(rig_heard(&a, "word"));
	CU_ASSERT_EQUAL(plait_group_count(older), 1);
	CU_ASSERT_EQUAL(plait_group_count(newer), 2);
	done();
}

static void who_leaves_fails(void)
{
	two_are_owed_a_word();
	plait_group_remove(newer, a.conn);
	memory_is_back();
	a_is_lost_and_b_is_not();
	done();
}

static void who_closes_does_not_seem_to_end_in_order(void)
{
	two_are_owed_a_word();
	plait_close(a.conn);
	memory_is_back();
	a_is_lost_and_b_is_not();
	done();
}

static void who_ends_its_direction_fails(void)
{
	two_are_owed_a_word();
	plait_shutdown_write(a.conn);
	memory_is_back();
	a_is_lost_and_b_is_not();
	done();
}

static void who_writes_fails(void)
{
	two_are_owed_a_word();
	CU_ASSERT_EQUAL(plait_write(a.conn, "more", 4), PLAIT_ERROR_CLOSING);
	memory_is_back();
	a_is_lost_and_b_is_not();
	done();
}

static void who_joins_fails(void)
{
	struct plait_group *third = plait_group_open("test/third");
	two_are_owed_a_word();
	CU_ASSERT_EQUAL(plait_group_add(third, a.conn), PLAIT_ERROR_MEMORY);
	CU_ASSERT_EQUAL(plait_group_count(third), 0);
	memory_is_back();
	a_is_lost_and_b_is_not();
	plait_group_close(&third);
	done();
}

/* Of these two, one takes only half of its word. */
static void who_does_not_take_all_fails(void)
{
	two_are_owed_a_word();
	a.memory.write_room = 2;
	rig_run(&rig);
	memory_is_back();
	a_is_lost_and_b_is_not();
	done();
}

SUITE_MAIN("group_memory", SUITE_TEST(leaving_another_group_needs_none), SUITE_TEST(who_leaves_fails),
	   SUITE_TEST(who_closes_does_not_seem_to_end_in_order), SUITE_TEST(who_ends_its_direction_fails),
	   SUITE_TEST(who_writes_fails), SUITE_TEST(who_joins_fails), SUITE_TEST(who_does_not_take_all_fails))
