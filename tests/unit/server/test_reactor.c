/* The reactor as a program has it: its run, its end, signals and hooks. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

/* A test that waits for this long hangs, and is seen to. */
#define LONG_MS 3600000

/* ---- the run ---- */

static pthread_t runner;

static void on_its_loop(void *arg)
{
	struct plait_loop *loop = arg;
	expect(plait_loop_current() == loop && plait_loop_reactor(loop) == reactor);
	expect(!pthread_equal(pthread_self(), runner));
	if (atomic_fetch_add(&called, 1) == 2)
		plait_reactor_stop(reactor);
}

static void it_runs_until_it_is_stopped(void)
{
	runner = pthread_self();
	trial_begin(3);
	CU_ASSERT_EQUAL(plait_reactor_loops(reactor), 3);
	for (unsigned i = 0; i < 3; i++)
		plait_call_later(loop_of(i), i, on_its_loop, loop_of(i));
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 3);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), PLAIT_ERROR_INVALID); /* once only */
	plait_reactor_stop(reactor);
	trial_finish();
}

static void one_loop_is_on_a_thread_of_its_own_too(void)
{
	runner = pthread_self();
	trial_begin(1);
	atomic_store(&called, 2);
	plait_call_when_running(loop_of(0), on_its_loop, loop_of(0));
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 3);
	trial_finish();
}

static void as_many_loops_as_processors(void)
{
	trial_begin_with(NULL);
	CU_ASSERT_TRUE(plait_reactor_loops(reactor) >= 1);
	CU_ASSERT_EQUAL(plait_loop_count(loop_of(0)), plait_reactor_loops(reactor));
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	trial_finish();
}

static void stopped_before_the_run_it_ends_as_it_began(void)
{
	trial_begin(2);
	plait_call_when_running(loop_of(1), count, NULL);
	plait_add_hook(loop_of(0), PLAIT_BEFORE_SHUTDOWN, count_hook, loop_of(0));
	plait_add_hook(loop_of(1), PLAIT_AFTER_SHUTDOWN, count_hook, loop_of(1));
	plait_reactor_stop(reactor);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 3);
	trial_finish();
}

static void *stop_from_outside(void *arg)
{
	while (atomic_load(&called) == 0)
		usleep(1000);
	stop(arg);
	return NULL;
}

static void any_thread_may_stop_it(void)
{
	pthread_t thread;
	trial_begin(2);
	pthread_create(&thread, NULL, stop_from_outside, NULL);
	plait_call_when_running(loop_of(0), count, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	pthread_join(thread, NULL);
	trial_finish();
}

static void what_never_ran(void)
{
	trial_begin(2);
	plait_call_when_running(loop_of(0), count, NULL);
	plait_call_later(loop_of(0), 0, count, NULL);
	plait_add_hook(loop_of(1), PLAIT_BEFORE_SHUTDOWN, count_hook, loop_of(1));
	plait_reactor_stop(reactor);
	trial_finish();
	CU_ASSERT_EQUAL(atomic_load(&called), 0);
}

/* ---- signals ---- */

static void raise_term(void *arg)
{
	(void)arg;
	kill(getpid(), SIGTERM);
}

/* What a shell's background jobs ignore is not the default. */
static sighandler_t handler_of(int number)
{
	struct sigaction action;
	sigaction(number, NULL, &action);
	return action.sa_handler;
}

static void a_signal_ends_it(void)
{
	sighandler_t term = handler_of(SIGTERM), interrupt = handler_of(SIGINT);
	trial_begin(1);
	plait_call_when_running(loop_of(0), raise_term, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_TRUE(handler_of(SIGTERM) == term && handler_of(SIGINT) == interrupt);
	trial_finish();
}

static void on_own_signal(int number)
{
	(void)number;
	atomic_fetch_add(&called, 1);
}

static void raise_and_stop(void *arg)
{
	raise_term(arg);
	while (atomic_load(&called) == 0)
		usleep(1000);
	stop(arg);
}

static void signals_can_be_left_alone(void)
{
	trial_begin_with(&(struct plait_reactor_options){ .loops = 1, .leave_signals = true });
	signal(SIGTERM, on_own_signal);
	plait_call_when_running(loop_of(0), raise_and_stop, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 1);
	signal(SIGTERM, SIG_DFL);
	trial_finish();
}

static struct plait_deferred *never(void *arg)
{
	(void)arg;
	count(NULL);
	return plait_deferred_new(NULL, NULL);
}

static struct plait_deferred *raise_again(void *arg)
{
	raise_term(arg);
	return never(arg);
}

static void a_second_signal_does_not_wait_for_hooks(void)
{
	trial_begin_with(&(struct plait_reactor_options){ .loops = 2, .drain_timeout_ms = LONG_MS });
	plait_add_hook(loop_of(1), PLAIT_BEFORE_SHUTDOWN, raise_again, NULL);
	plait_add_hook(loop_of(0), PLAIT_AFTER_SHUTDOWN, count_hook, loop_of(0));
	plait_call_when_running(loop_of(0), raise_term, NULL);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 1);
	trial_finish();
}

/* ---- hooks ---- */

static void a_hook_that_never_fires_does_not_keep_it(void)
{
	static const enum plait_shutdown_phase phases[] = { PLAIT_BEFORE_SHUTDOWN, PLAIT_DURING_SHUTDOWN,
							    PLAIT_AFTER_SHUTDOWN };
	trial_begin_with(&(struct plait_reactor_options){ .loops = 2, .drain_timeout_ms = 20 });
	for (unsigned i = 0; i < 3; i++)
		plait_add_hook(loop_of(i % 2), phases[i], never, NULL);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 3);
	trial_finish();
}

static struct plait_deferred *slow; /* of a hook */

static void fire_slow(void *arg)
{
	count(arg);
	plait_deferred_callback(slow, plait_value(NULL));
	plait_deferred_unref(&slow);
}

static struct plait_deferred *take_time(void *arg)
{
	slow = plait_deferred_new(NULL, NULL);
	plait_call_later(arg, 10, fire_slow, NULL);
	return plait_deferred_ref(slow);
}

/* The slow one of loop 0 before it has fired. */
static struct plait_deferred *come_second(void *arg)
{
	(void)arg;
	expect(atomic_fetch_add(&called, 1) == 1);
	return NULL;
}

static void check_phases(uint64_t drain_timeout_ms)
{
	trial_begin_with(&(struct plait_reactor_options){ .loops = 2, .drain_timeout_ms = drain_timeout_ms });
	plait_add_hook(loop_of(0), PLAIT_BEFORE_SHUTDOWN, take_time, loop_of(0));
	plait_add_hook(loop_of(1), PLAIT_DURING_SHUTDOWN, come_second, NULL);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 2);
	trial_finish();
}

static void a_phase_waits_for_all_loops(void)
{
	check_phases(0);
}

/* With the patience for a loop that is stuck, it would be no time at all. */
static void a_phase_may_take_for_ever(void)
{
	check_phases(PLAIT_UNLIMITED - 1999);
}

SUITE_MAIN("reactor", SUITE_TEST(it_runs_until_it_is_stopped),
	   SUITE_TEST(one_loop_is_on_a_thread_of_its_own_too), SUITE_TEST(as_many_loops_as_processors),
	   SUITE_TEST(stopped_before_the_run_it_ends_as_it_began), SUITE_TEST(any_thread_may_stop_it),
	   SUITE_TEST(what_never_ran), SUITE_TEST(a_signal_ends_it), SUITE_TEST(signals_can_be_left_alone),
	   SUITE_TEST(a_second_signal_does_not_wait_for_hooks),
	   SUITE_TEST(a_hook_that_never_fires_does_not_keep_it), SUITE_TEST(a_phase_waits_for_all_loops),
	   SUITE_TEST(a_phase_may_take_for_ever))
