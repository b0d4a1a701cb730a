/* plait_call_later: when it fires, and what its name is worth after that; and calls that wait for the loop to run. */
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

static void the_remaining_time(void)
{
	uint64_t left = 7;
	begin();
	struct plait_timer timer = plait_call_later(rig.loop, 100, note, "a");
	CU_ASSERT_EQUAL(plait_timer_remaining(timer, &left), 0);
	CU_ASSERT_EQUAL(left, 100);
	rig_advance(&rig, 30);
	plait_timer_remaining(timer, &left);
	CU_ASSERT_EQUAL(left, 70);
	plait_timer_delay(timer, 5);
	plait_timer_remaining(timer, &left);
	CU_ASSERT_EQUAL(left, 75);
	plait_timer_reset(timer, 50);
	plait_timer_remaining(timer, &left);
	CU_ASSERT_EQUAL(left, 50);
	rig.now_ms += 60; /* due, and not called yet */
	loop_set_clock(rig.loop, rig.loop->clock, &rig);
	plait_timer_remaining(timer, &left);
	CU_ASSERT_EQUAL(left, 0);
	rig_run(&rig);
	left = 7;
	CU_ASSERT_EQUAL(plait_timer_remaining(timer, &left), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(left, 7);
	rig_fini(&rig);
}

static struct plait_timer own;
static int own_codes[4];

static void use_own_name(void *arg)
{
	uint64_t left;
	note(arg);
	own_codes[0] = plait_timer_reset(own, 1);
	own_codes[1] = plait_timer_delay(own, 1);
	own_codes[2] = plait_timer_remaining(own, &left);
	own_codes[3] = plait_timer_cancel(&own);
}

static void fired_or_cancelled_it_is_gone(void)
{
	uint64_t left;
	begin();
	own = plait_call_later(rig.loop, 1, use_own_name, "a"); /* while it runs, too */
	struct plait_timer copy = own;
	rig_advance(&rig, 1);
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(own_codes[i], PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_cancel(&copy), PLAIT_ERROR_GONE);

	struct plait_timer timer = plait_call_later(rig.loop, 1, note, "b");
	copy = timer;
	CU_ASSERT_EQUAL(plait_timer_cancel(&timer), 0);
	CU_ASSERT_EQUAL(plait_timer_cancel(&timer), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_cancel(&copy), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_reset(copy, 1), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_delay(copy, 1), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_timer_remaining(timer, &left), PLAIT_ERROR_GONE);
	CU_ASSERT_FALSE(plait_timer_active(copy));
	rig_advance(&rig, 10);
	CU_ASSERT_STRING_EQUAL(fired, "a");
	rig_fini(&rig);
}

static void before_the_loop_runs_time_goes_on(void)
{
	begin();
	struct plait_timer first = plait_call_later(rig.loop, 100, note, "a");
	rig.now_ms += 1000; /* the program takes its time */
	struct plait_timer second = plait_call_later(rig.loop, 100, note, "b");
	CU_ASSERT_EQUAL(plait_loop_now_ms(rig.loop), rig.now_ms);
	rig_run(&rig);
	CU_ASSERT_FALSE(plait_timer_active(first));
	CU_ASSERT_TRUE(plait_timer_active(second));
	rig_advance(&rig, 99);
	CU_ASSERT_STRING_EQUAL(fired, "a");
	rig_advance(&rig, 1);
	CU_ASSERT_STRING_EQUAL(fired, "ab");
	rig_fini(&rig);
}

static void calls_that_wait_for_the_loop_to_run(void)
{
	begin();
	plait_call_when_running(rig.loop, note, "a");
	plait_post(rig.loop, note, "p");
	plait_call_when_running(rig.loop, note, "b");
	CU_ASSERT_STRING_EQUAL(fired, "");
	rig_run(&rig);
	CU_ASSERT_STRING_EQUAL(fired, "pab");
	plait_call_when_running(rig.loop, note, "c");
	CU_ASSERT_STRING_EQUAL(fired, "pab"); /* posted */
	rig_run(&rig);
	CU_ASSERT_STRING_EQUAL(fired, "pabc");
	rig_fini(&rig);
}

static void and_are_never_made_when_it_does_not(void)
{
	fired[0] = '\0';
	struct plait_loop *loop = loop_new(0, 1);
	plait_call_when_running(loop, note, "a");
	plait_call_when_running(loop, note, "b");
	plait_post(loop, note, "p");
	loop_free(&loop);
	CU_ASSERT_STRING_EQUAL(fired, "p");
}

SUITE_MAIN("call", SUITE_TEST(it_fires_once_at_its_time), SUITE_TEST(no_delay_is_not_now),
	   SUITE_TEST(cancel_reset_and_delay), SUITE_TEST(an_old_name_does_not_reach_a_new_call),
	   SUITE_TEST(an_endless_delay_does_not_wrap), SUITE_TEST(the_remaining_time),
	   SUITE_TEST(fired_or_cancelled_it_is_gone), SUITE_TEST(before_the_loop_runs_time_goes_on),
	   SUITE_TEST(calls_that_wait_for_the_loop_to_run), SUITE_TEST(and_are_never_made_when_it_does_not))
