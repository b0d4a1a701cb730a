/* A service on trial. */
#include "tests/unit/net/serviced.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <unistd.h>

struct rig rig;
struct plait_service *service;
struct plait_deferred *preparing;
bool prepares;

struct plait_result told(struct plait_result result, void *arg)
{
	if (result.failure)
		recorder_note("told(%s %d)", (const char *)arg, result.failure->code);
	else
		recorder_note("told(%s)", (const char *)arg);
	plait_result_drop(&result);
	return plait_value(NULL);
}

void follow(struct plait_deferred *deferred, const char *word)
{
	plait_add_both(deferred, told, (void *)(uintptr_t)word);
	plait_deferred_unref(&deferred);
}

static struct plait_deferred *prepare(struct plait_conn *conn, void *arg)
{
	(void)conn;
	(void)arg;
	recorder_note("prepare");
	if (prepares)
		preparing = plait_deferred_new(NULL, NULL);
	return preparing ? plait_deferred_ref(preparing) : NULL;
}

static void gave_up(struct plait_service *which, struct plait_failure *failure, void *arg)
{
	(void)arg;
	CU_ASSERT_PTR_EQUAL(which, service);
	recorder_note("gave-up(%d)", failure->code);
}

const struct plait_service_options regular = {
	.initial_delay_ms = 1000, .max_delay_ms = 8000, .factor = 2, .jitter = -1, .gave_up = gave_up
};

void begin(const struct plait_service_options *options)
{
	rig_init(&rig);
	by_hand_init(&rig);
	prepares = false;
	service = plait_service_new(rig.loop, "tcp://" ADDRESS, &recorder_no_eof_protocol, NULL, options,
				    NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(service);
}

void finish(void)
{
	plait_service_free(&service);
	rig_fini(&rig);
	by_hand_fini();
	plait_deferred_unref(&preparing);
	recorder_reset();
}

void start(void)
{
	CU_ASSERT_EQUAL(plait_service_start(service), 0);
	rig_run(&rig);
}

void fail(void)
{
	by_hand_refuse(ADDRESS, ECONNREFUSED);
}

void drop(int peer)
{
	close(peer);
	rig_run(&rig);
	rig_run(&rig);
	recorder.lost = 0; /* the next connection has callbacks, too */
}

bool retries_after(uint64_t ms)
{
	recorder_saw(recorder.events);
	rig_advance(&rig, ms - 1);
	bool quiet = recorder_saw("");
	rig_advance(&rig, 1);
	return recorder_saw("try(" ADDRESS ")") && quiet;
}

void stop(void)
{
	follow(plait_service_stop(service), "stopped");
	rig_run(&rig);
	rig_run(&rig);
}

void rests(void)
{
	rig_advance(&rig, 100000);
	CU_ASSERT(recorder_saw(""));
	CU_ASSERT_EQUAL(by_hand_trying(), 0);
}

const struct plait_service_options preparing_options = {
	.initial_delay_ms = 1000, .factor = 2, .jitter = -1, .prepare = prepare
};
