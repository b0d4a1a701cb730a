/* Looping calls: the grid, what is missed, Deferreds, and freeing at any moment. */
#include <plait/error.h>
#include <plait/looping_call.h>

#include <stdlib.h>

#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

/* What a function on trial is to do, and what it saw. */
struct script {
	struct plait_looping_call *call;
	unsigned calls;
	uint64_t last_count, sum;
	struct plait_deferred *answer;   /* for the next call, one reference */
	void (*then)(struct script *it); /* in each call */
};

static struct rig rig;
static struct script script;
static uint64_t began;
static unsigned done_calls;
static int done_code;

static struct plait_deferred *play(uint64_t count, void *arg)
{
	struct script *it = arg;
	it->calls++;
	it->last_count = count;
	it->sum += count;
	if (it->then)
		it->then(it);
	struct plait_deferred *answer = it->answer;
	it->answer = NULL;
	return answer;
}

static struct plait_result note_done(struct plait_result result, void *arg)
{
	(void)arg;
	done_calls++;
	done_code = result.failure ? result.failure->code : 0;
	plait_result_drop(&result);
	return result;
}

static void ask_done(void)
{
	struct plait_deferred *done = plait_looping_call_done(script.call);
	plait_add_both(done, note_done, NULL);
	plait_deferred_unref(&done);
}

static void begin(void)
{
	rig_init(&rig);
	began = rig.now_ms;
	done_calls = 0;
	done_code = 1;
	script = (struct script){ .call = plait_looping_call_new(rig.loop, play, &script) };
}

static void finish(void)
{
	plait_looping_call_free(&script.call);
	CU_ASSERT_PTR_NULL(script.call);
	rig_fini(&rig);
}

/* At that time since the beginning there were so many calls, one more than a moment before, for count points of the grid
 * together. */
static void expect_call(uint64_t at_ms, unsigned calls, uint64_t count)
{
	rig_advance(&rig, began + at_ms - 1 - rig.now_ms);
	CU_ASSERT_EQUAL(script.calls, calls - 1);
	rig_advance(&rig, 1);
	CU_ASSERT_EQUAL(script.calls, calls);
	CU_ASSERT_EQUAL(script.last_count, count);
}

static void expect_done(unsigned calls, int code)
{
	CU_ASSERT_EQUAL(done_calls, calls);
	CU_ASSERT_EQUAL(done_code, code);
}

/* What the next call answers; the caller has a reference, too. */
static struct plait_deferred *answer_later(plait_canceller_fn *canceller)
{
	script.answer = plait_deferred_new(canceller, NULL);
	return plait_deferred_ref(script.answer);
}

static void it_calls_at_every_interval(void)
{
	begin();
	CU_ASSERT_FALSE(plait_looping_call_running(script.call));
	CU_ASSERT_EQUAL(plait_looping_call_start(script.call, 100, false), 0);
	CU_ASSERT_TRUE(plait_looping_call_running(script.call));
	CU_ASSERT_EQUAL(plait_looping_call_start(script.call, 50, false), PLAIT_ERROR_INVALID);
	expect_call(100, 1, 1);
	expect_call(200, 2, 1);
	finish();
}

static void now_is_soon_and_not_inside_of_start(void)
{
	begin();
	plait_looping_call_start(script.call, 100, true);
	CU_ASSERT_EQUAL(script.calls, 0);
	rig_run(&rig);
	CU_ASSERT_EQUAL(script.calls, 1);
	CU_ASSERT_EQUAL(script.last_count, 1);
	expect_call(100, 2, 1);
	finish();
}

static void a_late_loop_stays_on_the_grid_and_misses_are_counted(void)
{
	begin();
	plait_looping_call_start(script.call, 100, false);
	rig_advance(&rig, 130); /* late for 100 */
	CU_ASSERT_EQUAL(script.calls, 1);
	expect_call(200, 2, 1); /* no drift */
	rig_advance(&rig, 350); /* 550: no burst for 300, 400 and 500 */
	CU_ASSERT_EQUAL(script.calls, 3);
	CU_ASSERT_EQUAL(script.last_count, 3);
	expect_call(600, 4, 1);
	finish();
}

static void it_waits_for_a_deferred(void)
{
	begin();
	struct plait_deferred *deferred = answer_later(NULL);
	plait_looping_call_start(script.call, 100, false);
	rig_advance(&rig, 100);
	rig_advance(&rig, 250);
	CU_ASSERT_EQUAL(script.calls, 1);
	plait_deferred_callback(deferred, plait_value(NULL)); /* at 350 */
	plait_deferred_unref(&deferred);
	CU_ASSERT_EQUAL(script.calls, 1);
	expect_call(400, 2, 3);
	finish();
}

static void a_deferred_that_has_fired_is_no_wait(void)
{
	begin();
	script.answer = plait_succeed(plait_value(NULL));
	plait_looping_call_start(script.call, 100, false);
	expect_call(100, 1, 1);
	expect_call(200, 2, 1);
	finish();
}

static void stop_ends_it_and_it_can_start_again(void)
{
	begin();
	CU_ASSERT_EQUAL(plait_looping_call_stop(script.call), PLAIT_ERROR_GONE);
	ask_done();
	plait_looping_call_start(script.call, 100, false);
	rig_advance(&rig, 100);
	CU_ASSERT_EQUAL(done_calls, 0);
	CU_ASSERT_EQUAL(plait_looping_call_stop(script.call), 0);
	expect_done(1, 0);
	CU_ASSERT_FALSE(plait_looping_call_running(script.call));
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(script.calls, 1);
	plait_looping_call_start(script.call, 10, false);
	ask_done();
	expect_call(1110, 2, 1);
	plait_looping_call_stop(script.call);
	expect_done(2, 0);
	finish();
}

static void stopped_while_waiting_it_is_done_when_that_ends(void)
{
	begin();
	struct plait_deferred *deferred = answer_later(NULL);
	plait_looping_call_start(script.call, 100, false);
	ask_done();
	rig_advance(&rig, 100);
	CU_ASSERT_EQUAL(plait_looping_call_stop(script.call), 0);
	CU_ASSERT_EQUAL(done_calls, 0);
	CU_ASSERT_EQUAL(plait_looping_call_start(script.call, 100, false), PLAIT_ERROR_INVALID);
	plait_deferred_callback(deferred, plait_value(NULL));
	CU_ASSERT_EQUAL(done_calls, 1);
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(script.calls, 1);
	plait_deferred_unref(&deferred);
	finish();
}

static void a_failure_ends_it_and_is_told(void)
{
	begin();
	script.answer = plait_fail(plait_failure(PLAIT_ERROR_REFUSED, "no more"));
	plait_looping_call_start(script.call, 100, false);
	ask_done();
	rig_advance(&rig, 100);
	expect_done(1, PLAIT_ERROR_REFUSED);
	CU_ASSERT_FALSE(plait_looping_call_running(script.call));
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(script.calls, 1);
	finish();
}

static void reset_begins_a_new_grid(void)
{
	begin();
	CU_ASSERT_EQUAL(plait_looping_call_reset(script.call), PLAIT_ERROR_GONE);
	plait_looping_call_start(script.call, 100, false);
	rig_advance(&rig, 160);
	rig_advance(&rig, 20); /* 180 */
	CU_ASSERT_EQUAL(plait_looping_call_reset(script.call), 0);
	expect_call(280, 2, 1);
	expect_call(380, 3, 1);
	finish();
}

static void reset_it(struct script *it)
{
	rig.now_ms += 30;
	loop_turn(rig.loop, false); /* time has passed inside of the call */
	CU_ASSERT_EQUAL(plait_looping_call_reset(it->call), 0);
	it->then = NULL;
}

static void reset_in_its_own_call(void)
{
	begin();
	script.then = reset_it;
	plait_looping_call_start(script.call, 100, false);
	rig_advance(&rig, 100); /* and 30 more */
	expect_call(230, 2, 1);
	finish();
}

static void stop_it(struct script *it)
{
	CU_ASSERT_EQUAL(plait_looping_call_stop(it->call), 0);
	CU_ASSERT_EQUAL(plait_looping_call_stop(it->call), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(done_calls, 0);
}

static void stopped_in_its_own_call_it_is_done_after_it(void)
{
	begin();
	script.then = stop_it;
	plait_looping_call_start(script.call, 100, true);
	ask_done();
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(script.calls, 1);
	CU_ASSERT_EQUAL(done_calls, 1);
	finish();
}

static void free_it(struct script *it)
{
	plait_looping_call_free(&it->call);
}

static void freed_in_its_own_call(void)
{
	begin();
	script.then = free_it;
	script.answer = plait_deferred_new(NULL, NULL);
	plait_looping_call_start(script.call, 100, true);
	ask_done();
	rig_advance(&rig, 1000);
	CU_ASSERT_EQUAL(script.calls, 1);
	expect_done(1, 0);
	finish();
}

static struct plait_result free_when_done(struct plait_result result, void *arg)
{
	done_calls++;
	free_it(arg);
	return result;
}

static void freed_when_it_is_done(void)
{
	for (int how = 0; how < 3; how++) {
		begin();
		struct plait_deferred *pending = how > 0 ? answer_later(NULL) : NULL;
		plait_looping_call_start(script.call, 100, true);
		struct plait_deferred *done = plait_looping_call_done(script.call);
		plait_add_callback(done, free_when_done, &script);
		plait_deferred_unref(&done);
		rig_run(&rig);
		plait_looping_call_stop(script.call);
		if (how == 1)
			plait_deferred_callback(pending, plait_value(NULL));
		if (how == 2)
			plait_looping_call_free(&script.call);
		plait_deferred_unref(&pending);
		CU_ASSERT_EQUAL(done_calls, 1);
		CU_ASSERT_PTR_NULL(script.call);
		finish();
	}
}

static unsigned cancels;

static void count_cancel(struct plait_deferred *deferred, void *arg)
{
	(void)deferred;
	(void)arg;
	cancels++;
}

static void freed_while_waiting_it_cancels(void)
{
	begin();
	struct plait_deferred *deferred = answer_later(count_cancel);
	cancels = 0;
	plait_looping_call_start(script.call, 100, true);
	ask_done();
	rig_run(&rig);
	plait_looping_call_free(&script.call);
	CU_ASSERT_EQUAL(cancels, 1);
	expect_done(1, 0);
	plait_deferred_unref(&deferred);
	finish();
}

static void without_interval_it_is_once_a_turn(void)
{
	begin();
	plait_looping_call_start(script.call, 0, true);
	for (unsigned turns = 1; turns <= 5; turns++) {
		loop_turn(rig.loop, false);
		CU_ASSERT_EQUAL(script.calls, turns);
		CU_ASSERT_EQUAL(script.last_count, 1);
	}
	plait_looping_call_reset(script.call);
	loop_turn(rig.loop, false);
	CU_ASSERT_EQUAL(script.calls, 6);
	finish();
}

static void delay_at_random(struct script *it)
{
	(void)it;
	if (rand() % 4 == 0)
		rig.now_ms += (uint64_t)rand() % 300; /* the call itself takes long */
}

/* For random delays of the clock, in turns and in calls: a call belongs to the newest point of the grid, no point has two,
 * and the counts add up to the points there have been. */
static void random_delays(void)
{
	for (unsigned seed = 1; seed <= 200; seed++) {
		srand(seed);
		begin();
		uint64_t interval = 1 + (uint64_t)rand() % 120, last_point = UINT64_MAX;
		bool now = rand() % 2;
		struct plait_deferred *pending = NULL;
		script.then = delay_at_random;
		plait_looping_call_start(script.call, interval, now);
		for (int step = 0; step < 300; step++) {
			unsigned before = script.calls;
			if (rand() % 8 == 0 && !pending && !script.answer)
				pending = answer_later(NULL);
			rig.now_ms += rand() % 3 ? (uint64_t)rand() % 20 : (uint64_t)rand() % (interval * 5);
			uint64_t passed = rig.now_ms - began, point = passed / interval;
			loop_turn(rig.loop, false);
			CU_ASSERT_TRUE(script.calls - before <= 1);
			if (script.calls > before) {
				CU_ASSERT_TRUE(point != last_point && (now || point > 0));
				CU_ASSERT_EQUAL(script.sum, point + (now ? 1 : 0));
				last_point = point;
			} else if (!pending || script.answer) {
				/* Nothing was due, or the turn began before it was. */
				CU_ASSERT_TRUE(point == last_point || (point == 0 && !now));
			}
			if (pending && !script.answer && rand() % 3 == 0) {
				plait_deferred_callback(pending, plait_value(NULL));
				plait_deferred_unref(&pending);
				last_point = (rig.now_ms - began) / interval; /* which it is too late for */
			}
		}
		plait_deferred_unref(&script.answer);
		plait_deferred_unref(&pending);
		CU_ASSERT_TRUE(script.calls > 10);
		finish();
	}
}

SUITE_MAIN("looping_call", SUITE_TEST(it_calls_at_every_interval),
	   SUITE_TEST(now_is_soon_and_not_inside_of_start),
	   SUITE_TEST(a_late_loop_stays_on_the_grid_and_misses_are_counted),
	   SUITE_TEST(it_waits_for_a_deferred), SUITE_TEST(a_deferred_that_has_fired_is_no_wait),
	   SUITE_TEST(stop_ends_it_and_it_can_start_again),
	   SUITE_TEST(stopped_while_waiting_it_is_done_when_that_ends),
	   SUITE_TEST(a_failure_ends_it_and_is_told), SUITE_TEST(reset_begins_a_new_grid),
	   SUITE_TEST(reset_in_its_own_call), SUITE_TEST(stopped_in_its_own_call_it_is_done_after_it),
	   SUITE_TEST(freed_in_its_own_call), SUITE_TEST(freed_when_it_is_done),
	   SUITE_TEST(freed_while_waiting_it_cancels), SUITE_TEST(without_interval_it_is_once_a_turn),
	   SUITE_TEST(random_delays))
