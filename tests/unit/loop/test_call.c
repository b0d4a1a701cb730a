/* plait_call_later: when it fires, and what its name is worth after that. */
#include <plait/error.h>
#include <plait/loop.h>
#include <string.h>

#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

static struct rig rig;
static char fired[16];

static void note(void *arg)
{
	strncat(fired, arg, sizeof(fired) - strlen(fired) - 1);
}

static void begin(void)
{
	fired[0] = '\0';
	rig_init(&rig);
}

static void it_fires_once_at_its_time(void)
{
	begin();
	struct plait_timer timer = plait_call_later(rig.loop, 100, note, "a");
	CU_ASSERT_TRUE(plait_timer_active(timer));
	rig_advance(&rig, 99);
	CU_ASSERT_STRING_EQUAL(fired, "");
	rig_advance(&rig, 1);
	CU_ASSERT_STRING_EQUAL(fired, "a");
	CU_ASSERT_FALSE(plait_timer_active(timer));
	rig_advance(&rig, 1000);
	CU_ASSERT_STRING_EQUAL(fired, "a");
	rig_fini(&rig);
}

static void no_delay_is_not_now(void)
{
	begin();
	plait_call_later(rig.loop, 0, note, "a");
	CU_ASSERT_STRING_EQUAL(fired, "");
	rig_run(&rig);
	CU_ASSERT_STRING_EQUAL(fired, "a");
	rig_fini(&rig);
}

static void cancel_reset_and_delay(void)
{
	begin();
	struct plait_timer a = plait_call_later(rig.loop, 10, note, "a"),
			   b = plait_call_later(rig.loop, 10, note, "b"),
			   c = plait_call_later(rig.loop, 10, note, "c"),
			   d = plait_call_later(rig.loop, 10, note, "d");
	CU_ASSERT_EQUAL(plait_timer_cancel(&a), 0);
	CU_ASSERT_PTR_NULL(a.loop);
	rig_advance(&rig, 5);
	CU_ASSERT_EQUAL(plait_timer_reset(b, 10), 0);
	CU_ASSERT_EQUAL(plait_timer_delay(c, 20), 0);
	rig_advance(&rig, 5);
	CU_ASSERT_STRING_EQUAL(fired, "d");
	rig_advance(&rig, 5);
	CU_ASSERT_STRING_EQUAL(fired, "db");
	rig_advance(&rig, 15);
	CU_ASSERT_STRING_EQUAL(fired, "dbc");
	CU_ASSERT_EQUAL(plait_timer_reset(d, 1), PLAIT_ERROR_GONE);
	rig_fini(&rig);
}

static void an_old_name_does_not_reach_a_new_call(void)
{
	begin();
	struct plait_timer old = plait_call_later(rig.loop, 1, note, "a"), copy = old;
	rig_advance(&rig, 1);
	struct plait_timer fresh = plait_call_later(rig.loop, 1, note, "b");
	CU_ASSERT_EQUAL((uint32_t)fresh.id, (uint32_t)old.id); /* the slot is used again */
	CU_ASSERT_EQUAL(plait_timer_cancel(&copy), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_delay(old, 100), PLAIT_ERROR_GONE);
	CU_ASSERT_FALSE(plait_timer_active((struct plait_timer){ 0 }));
	rig_advance(&rig, 1);
	CU_ASSERT_STRING_EQUAL(fired, "ab");
	rig_fini(&rig);
}

static void an_endless_delay_does_not_wrap(void)
{
	begin();
	struct plait_timer timer = plait_call_later(rig.loop, UINT64_MAX, note, "a");
	plait_timer_delay(timer, UINT64_MAX);
	rig_advance(&rig, 1000000);
	CU_ASSERT_STRING_EQUAL(fired, "");
	CU_ASSERT_TRUE(plait_timer_active(timer));
	rig_fini(&rig);
}

SUITE_MAIN("call", SUITE_TEST(it_fires_once_at_its_time), SUITE_TEST(no_delay_is_not_now),
	   SUITE_TEST(cancel_reset_and_delay), SUITE_TEST(an_old_name_does_not_reach_a_new_call),
	   SUITE_TEST(an_endless_delay_does_not_wrap))
