/* A reactor on trial. */
#include "tests/unit/server/trial.h"

#include "tests/unit/suite.h"

struct plait_reactor *reactor;
atomic_int called;
static atomic_int wrong;

void expect(bool good)
{
	if (!good)
		atomic_fetch_add(&wrong, 1);
}

void trial_begin_with(const struct plait_reactor_options *options)
{
	struct plait_error error = { 0 };
	reactor = plait_reactor_new(options, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reactor);
	atomic_store(&called, 0);
	atomic_store(&wrong, 0);
}

void trial_begin(unsigned loops)
{
	trial_begin_with(&(struct plait_reactor_options){ .loops = loops });
}

struct plait_loop *loop_of(unsigned index)
{
	return plait_reactor_loop(reactor, index);
}

void trial_finish(void)
{
	plait_reactor_free(&reactor);
	CU_ASSERT_PTR_NULL(reactor);
	CU_ASSERT_EQUAL(atomic_load(&wrong), 0);
}

void stop(void *arg)
{
	(void)arg;
	plait_reactor_stop(reactor);
}

void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&called, 1);
}

struct plait_deferred *count_hook(void *arg)
{
	expect(plait_loop_current() == arg);
	count(NULL);
	return NULL;
}
