/* Programs that are one function. */
#include <plait/plait.h>

#include "core/base/log.h"
#include "tests/unit/suite.h"

static const struct plait_reactor_options one = { .loops = 1, .leave_signals = true };
static unsigned called;

static struct plait_deferred *succeed(struct plait_loop *loop, void *arg)
{
	CU_ASSERT_PTR_EQUAL(loop, plait_loop_current());
	CU_ASSERT_PTR_EQUAL(arg, &called);
	called++;
	return plait_succeed(plait_value(NULL));
}

static struct plait_deferred *fail(struct plait_loop *loop, void *arg)
{
	(void)loop;
	(void)arg;
	return plait_fail(plait_failure(PLAIT_ERROR_MISSING, "as expected"));
}

static void fire(void *arg)
{
	struct plait_deferred *deferred = arg;
	plait_deferred_callback(deferred, plait_value(NULL));
	plait_deferred_unref(&deferred);
}

static struct plait_deferred *later(struct plait_loop *loop, void *arg)
{
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	(void)arg;
	plait_call_later(loop, 1, fire, plait_deferred_ref(deferred));
	return deferred;
}

static void stop(void *arg)
{
	plait_reactor_stop(arg);
}

static struct plait_deferred *nothing(struct plait_loop *loop, void *arg)
{
	(void)arg;
	plait_call_later(loop, 1, stop, plait_loop_reactor(loop));
	return NULL;
}

static void note_cancel(struct plait_deferred *deferred, void *arg)
{
	(void)deferred;
	++*(unsigned *)arg;
}

static struct plait_deferred *never(struct plait_loop *loop, void *arg)
{
	plait_call_later(loop, 1, stop, plait_loop_reactor(loop));
	struct plait_deferred **held = arg;
	*held = plait_deferred_new(note_cancel, &called);
	return plait_deferred_ref(*held);
}

static void the_result_is_the_status(void)
{
	called = 0;
	CU_ASSERT_EQUAL(plait_react(&one, succeed, &called), 0);
	CU_ASSERT_EQUAL(called, 1);
	log_configure((enum plait_log_level) - 1, LOG_HUMAN);
	CU_ASSERT_EQUAL(plait_react(&one, fail, NULL), 1);
	CU_ASSERT_EQUAL(plait_react(NULL, later, NULL), 0);
}

static void one_without_a_result_is_stopped(void)
{
	CU_ASSERT_EQUAL(plait_react(&one, nothing, NULL), 0);
}

static void one_that_has_no_result_yet_is_cancelled(void)
{
	struct plait_deferred *held = NULL;
	called = 0;
	CU_ASSERT_EQUAL(plait_react(&one, never, &held), 0);
	CU_ASSERT_EQUAL(called, 1);
	plait_deferred_unref(&held);
}

/* What answers its cancellation with another Deferred outlives the reactor. */
static struct plait_deferred *next;

static struct plait_result try_again(struct plait_result result, void *arg)
{
	(void)arg;
	plait_result_drop(&result);
	next = plait_deferred_new(NULL, NULL);
	return plait_later(plait_deferred_ref(next));
}

static void fire_next(struct plait_factory *factory)
{
	(void)factory;
	plait_deferred_callback(next, plait_value(NULL));
	plait_deferred_unref(&next);
}

static struct plait_result count(struct plait_result result, void *arg)
{
	(void)arg;
	called++;
	return result;
}

static void ignore(struct plait_port *port, const struct plait_addr *from, const void *data, size_t len)
{
	(void)port;
	(void)from;
	(void)data;
	(void)len;
}

static struct plait_deferred *persistent(struct plait_loop *loop, void *endpoint)
{
	static const struct plait_protocol last = { PLAIT_PROTOCOL_HEAD("last"), .datagram = ignore,
						    .factory_stop = fire_next };
	struct plait_deferred *deferred = plait_deferred_new(NULL, NULL);
	plait_call_later(loop, 1, stop, plait_loop_reactor(loop));
	if (endpoint)
		CU_ASSERT_PTR_NOT_NULL(plait_listen(plait_loop_reactor(loop), endpoint, &last, NULL, NULL));
	plait_add_errback(deferred, try_again, NULL);
	return plait_add_both(deferred, count, NULL);
}

static void one_has_its_result_when_the_reactor_is_freed(void)
{
	called = 0;
	CU_ASSERT_EQUAL(plait_react(&one, persistent, "udp://127.0.0.1:0"), 0);
	CU_ASSERT_EQUAL(called, 1);
}

static void one_has_its_result_after_the_reactor(void)
{
	called = 0;
	CU_ASSERT_EQUAL(plait_react(&one, persistent, NULL), 0);
	CU_ASSERT_EQUAL(called, 0);
	fire_next(NULL);
	CU_ASSERT_EQUAL(called, 1);
}

SUITE_MAIN("react", SUITE_TEST(the_result_is_the_status), SUITE_TEST(one_without_a_result_is_stopped),
	   SUITE_TEST(one_that_has_no_result_yet_is_cancelled),
	   SUITE_TEST(one_has_its_result_when_the_reactor_is_freed),
	   SUITE_TEST(one_has_its_result_after_the_reactor))
