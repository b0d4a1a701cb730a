/* Reconnecting services: preparing a connection, and being freed or ended at any moment. */
#include <string.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/serviced.h"
#include "tests/unit/suite.h"

static void nobody_gets_a_connection_that_is_not_prepared(void)
{
	begin(&preparing_options);
	prepares = true;
	follow(plait_service_when_connected(service, 0), "connected");
	start();
	int peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made prepare"));
	CU_ASSERT_PTR_NULL(plait_service_conn(service));
	plait_deferred_callback(preparing, plait_value(NULL));
	CU_ASSERT(recorder_saw("told(connected)"));
	CU_ASSERT_PTR_NOT_NULL(plait_service_conn(service));
	close(peer);
	finish();
}

static void preparing_may_be_done_at_once(void)
{
	begin(&preparing_options);
	follow(plait_service_when_connected(service, 0), "connected");
	start();
	int peer = by_hand_accept(ADDRESS); /* prepare returns NULL */
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made prepare told(connected)"));
	drop(peer);
	preparing = plait_succeed(plait_value(NULL));
	CU_ASSERT(retries_after(1000));
	peer = by_hand_accept(ADDRESS);
	CU_ASSERT_PTR_NOT_NULL(plait_service_conn(service));
	close(peer);
	finish();
}

static void preparing_that_fails_is_a_failed_attempt(void)
{
	begin(&preparing_options);
	prepares = true;
	follow(plait_service_when_connected(service, 1), "connected");
	start();
	fail();
	recorder_saw(recorder.events);
	follow(plait_service_when_connected(service, 1), "next");
	CU_ASSERT(retries_after(1000));
	int peer = by_hand_accept(ADDRESS);
	plait_deferred_errback(preparing, plait_failure(-77, "wrong password"));
	plait_deferred_unref(&preparing);
	rig_run(&rig);
	CU_ASSERT(recorder_saw("made prepare")); /* until it is lost */
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(next -77)"));
	CU_ASSERT(retries_after(2000));
	finish();
}

static void a_loss_cancels_preparing(void)
{
	begin(&preparing_options);
	prepares = true;
	follow(plait_service_when_connected(service, 1), "connected");
	start();
	int peer = by_hand_accept(ADDRESS);
	plait_add_both(preparing, told, (void *)(uintptr_t) "prepared"); /* after the service's */
	recorder_saw(recorder.events);
	close(peer);
	rig_run(&rig);
	rig_run(&rig);
	recorder.lost = 0;
	plait_deferred_unref(&preparing);
	CU_ASSERT(strstr(recorder.events, "told(connected -4)") != NULL);
	CU_ASSERT(strstr(recorder.events, "told(prepared)") != NULL);
	CU_ASSERT(retries_after(1000));
	finish();
}

static void stops_while_it_prepares(void)
{
	begin(&preparing_options);
	prepares = true;
	start();
	int peer = by_hand_accept(ADDRESS);
	stop();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made prepare"));
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(stopped)"));
	CU_ASSERT(plait_deferred_called(preparing));
	rests();
	finish();
}

static void stops_while_it_rejects(void)
{
	begin(&preparing_options);
	prepares = true;
	start();
	int peer = by_hand_accept(ADDRESS);
	plait_deferred_errback(preparing, plait_failure(-77, "wrong password"));
	stop();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made prepare"));
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(stopped)"));
	rests();
	finish();
}

static void is_freed_at_any_moment(void)
{
	for (unsigned moment = 0; moment < 7; moment++) {
		int peer = -1;
		begin(moment > 3 ? &preparing_options : &regular);
		prepares = moment > 3;
		follow(plait_service_when_connected(service, 0), "connected");
		if (moment > 0)
			start();
		if (moment == 2)
			fail();
		if (moment > 2)
			peer = by_hand_accept(ADDRESS);
		if (moment == 5)
			plait_deferred_errback(preparing, plait_failure(-77, "wrong password"));
		if (moment == 6)
			follow(plait_service_stop(service), "stopped");
		recorder_saw(recorder.events);
		plait_service_free(&service);
		const char *heard = moment == 6   ? "told(stopped -9)"
				    : moment == 3 ? ""
						  : "told(connected -9)";
		CU_ASSERT(strstr(recorder.events, heard) != NULL);
		rig_advance(&rig, 100000);
		if (peer >= 0)
			close(peer);
		finish();
	}
}

static struct plait_result free_it(struct plait_result result, void *arg)
{
	(void)arg;
	plait_result_drop(&result);
	plait_service_free(&service);
	return plait_value(NULL);
}

/* By those who are told something, in the middle of it. */
static void is_freed_by_who_is_told(void)
{
	begin(&regular);
	struct plait_deferred *deferred = plait_service_when_connected(service, 0);
	plait_add_both(deferred, free_it, NULL);
	follow(plait_service_when_connected(service, 0), "second");
	start();
	int peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made told(second)"));
	plait_deferred_unref(&deferred);
	close(peer);
	finish();

	begin(&regular);
	deferred = plait_service_when_connected(service, 1);
	plait_add_both(deferred, free_it, NULL);
	start();
	fail();
	plait_deferred_unref(&deferred);
	CU_ASSERT_PTR_NULL(service);
	finish();

	begin(&regular);
	start();
	deferred = plait_service_stop(service);
	plait_add_both(deferred, free_it, NULL);
	plait_deferred_unref(&deferred);
	CU_ASSERT_PTR_NULL(service);
	finish();
}

/* Nothing is told to who has freed it. */
static void is_freed_by_who_waited_in_vain(void)
{
	struct plait_service_options options = regular;
	options.max_retries = 1;
	begin(&options);
	start();
	fail();
	rig_advance(&rig, 1000);
	struct plait_deferred *deferred = plait_service_when_connected(service, 0);
	plait_add_both(deferred, free_it, NULL);
	recorder_saw(recorder.events);
	fail();
	CU_ASSERT_PTR_NULL(service);
	CU_ASSERT(recorder_saw(""));
	plait_deferred_unref(&deferred);
	finish();
}

static void free_service(void *value)
{
	(void)value;
	plait_service_free(&service);
}

static void is_freed_by_what_preparing_came_to(void)
{
	begin(&preparing_options);
	prepares = true;
	follow(plait_service_when_connected(service, 0), "connected");
	start();
	int peer = by_hand_accept(ADDRESS);
	recorder_saw(recorder.events);
	plait_deferred_callback(preparing, plait_owned(&rig, free_service));
	CU_ASSERT_PTR_NULL(service);
	CU_ASSERT(recorder_saw("told(connected)"));
	close(peer);
	finish();
}

static void a_stopping_loop_stops_it(void)
{
	for (unsigned moment = 0; moment < 4; moment++) {
		int peer = -1;
		begin(moment > 2 ? &preparing_options : &regular);
		prepares = moment > 2;
		follow(plait_service_when_connected(service, 0), "connected");
		start();
		if (moment == 1)
			fail();
		if (moment > 1)
			peer = by_hand_accept(ADDRESS);
		recorder_saw(recorder.events);
		net_drain(rig.loop->net, NULL, NULL);
		CU_ASSERT(strstr(recorder.events, moment == 2 ? "" : "told(connected -5)") != NULL);
		if (peer >= 0)
			drop(peer);
		recorder_saw(recorder.events);
		rests();
		CU_ASSERT_EQUAL(plait_service_start(service), PLAIT_ERROR_CLOSING);
		finish();
	}
}

SUITE_MAIN("service_prepare", SUITE_TEST(nobody_gets_a_connection_that_is_not_prepared),
	   SUITE_TEST(preparing_may_be_done_at_once), SUITE_TEST(preparing_that_fails_is_a_failed_attempt),
	   SUITE_TEST(a_loss_cancels_preparing), SUITE_TEST(stops_while_it_prepares),
	   SUITE_TEST(stops_while_it_rejects), SUITE_TEST(is_freed_at_any_moment),
	   SUITE_TEST(is_freed_by_who_is_told), SUITE_TEST(is_freed_by_who_waited_in_vain),
	   SUITE_TEST(is_freed_by_what_preparing_came_to), SUITE_TEST(a_stopping_loop_stops_it))
