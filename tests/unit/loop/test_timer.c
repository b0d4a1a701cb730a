/* The heap of timers, against a plain list that is searched. */
#include <stdlib.h>
#include <string.h>

#include "core/loop/timer.h"
#include "tests/unit/suite.h"

#define TIMERS 200

static struct timer_heap heap;
static struct timer timers[TIMERS];
static unsigned fired[TIMERS], order[TIMERS * 100], fired_count;

static void on_timer(struct timer *timer)
{
	size_t i = (size_t)(timer - timers);
	fired[i]++;
	order[fired_count++] = (unsigned)i;
}

static void begin(void)
{
	memset(fired, 0, sizeof(fired));
	fired_count = 0;
	for (int i = 0; i < TIMERS; i++)
		timer_init(&timers[i], on_timer);
}

static void equal_deadlines_fire_in_the_order_of_starting(void)
{
	begin();
	for (int i = 0; i < 50; i++)
		timer_start_at(&heap, &timers[i], 7);
	CU_ASSERT_EQUAL(timer_heap_run(&heap, 6), 0);
	CU_ASSERT_EQUAL(timer_heap_run(&heap, 7), 50);
	for (unsigned i = 0; i < 50; i++)
		CU_ASSERT_EQUAL(order[i], i);
	timer_heap_fini(&heap);
}

static void random_starts_and_stops_agree_with_a_list(void)
{
	uint64_t deadlines[TIMERS] = { 0 };
	begin();
	srand(42);
	for (uint64_t now = 1; now < 3000; now++) {
		unsigned i = (unsigned)rand() % TIMERS;
		if (rand() % 4 == 0) {
			timer_stop(&heap, &timers[i]);
			deadlines[i] = 0;
		} else {
			deadlines[i] = now + (unsigned)rand() % 300 + 1;
			timer_start_at(&heap, &timers[i], deadlines[i]);
		}
		uint64_t next = TIMER_NEVER;
		unsigned due = 0;
		for (int k = 0; k < TIMERS; k++) {
			if (deadlines[k] && deadlines[k] < next)
				next = deadlines[k];
		}
		CU_ASSERT_EQUAL(timer_heap_next(&heap), next);
		for (int k = 0; k < TIMERS; k++) {
			due += deadlines[k] && deadlines[k] <= now;
			if (deadlines[k] <= now)
				deadlines[k] = 0;
			CU_ASSERT_EQUAL(deadlines[k] != 0 ||
						(timers[k].deadline_ms <= now && timer_active(&timers[k])),
					timer_active(&timers[k]));
		}
		fired_count = 0;
		CU_ASSERT_EQUAL(timer_heap_run(&heap, now), due);
	}
	timer_heap_fini(&heap);
}

static void restart(struct timer *timer)
{
	fired[0]++;
	timer_start_at(&heap, timer, 0);
}

static void one_that_restarts_itself_fires_once_a_run(void)
{
	begin();
	timer_init(&timers[0], restart);
	timer_start_at(&heap, &timers[0], 1);
	CU_ASSERT_EQUAL(timer_heap_run(&heap, 5), 1);
	CU_ASSERT_EQUAL(timer_heap_run(&heap, 5), 1);
	CU_ASSERT_EQUAL(fired[0], 2);
	timer_stop(&heap, &timers[0]);
	timer_stop(&heap, &timers[0]);
	CU_ASSERT_EQUAL(timer_heap_next(&heap), TIMER_NEVER);
	timer_heap_fini(&heap);
}

SUITE_MAIN("timer", SUITE_TEST(equal_deadlines_fire_in_the_order_of_starting),
	   SUITE_TEST(random_starts_and_stops_agree_with_a_list),
	   SUITE_TEST(one_that_restarts_itself_fires_once_a_run))
