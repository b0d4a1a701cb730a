/* Reconnecting services: delays, who waits, and stopping at any moment. */
#include <string.h>
#include <unistd.h>

#include "core/net/client/backoff.h"
#include "tests/unit/net/serviced.h"
#include "tests/unit/suite.h"

static void delays_grow_to_their_bound(void)
{
	static const uint64_t delays[] = { 1000, 2000, 4000, 8000, 8000, 8000 };
	begin(&regular);
	start();
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		fail();
		CU_ASSERT(retries_after(delays[i]));
	}
	finish();
}

static void success_begins_anew(void)
{
	begin(&regular);
	start();
	fail();
	CU_ASSERT(retries_after(1000));
	fail();
	CU_ASSERT(retries_after(2000));
	int peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("made"));
	CU_ASSERT_PTR_NOT_NULL(plait_service_conn(service));
	drop(peer);
	CU_ASSERT_PTR_NULL(plait_service_conn(service));
	CU_ASSERT(retries_after(1000));
	finish();
}

static void only_a_steady_one_when_told_so(void)
{
	struct plait_service_options options = regular;
	options.steady_ms = 500;
	begin(&options);
	start();
	fail();
	CU_ASSERT(retries_after(1000));
	int peer = by_hand_accept(ADDRESS);
	rig_advance(&rig, 499);
	drop(peer);
	CU_ASSERT(retries_after(2000));
	peer = by_hand_accept(ADDRESS);
	rig_advance(&rig, 500);
	drop(peer);
	CU_ASSERT(retries_after(1000));
	finish();
}

static void gives_up_after_so_many_retries(void)
{
	struct plait_service_options options = regular;
	options.max_retries = 2;
	begin(&options);
	follow(plait_service_when_connected(service, 0), "connected");
	start();
	fail();
	CU_ASSERT(retries_after(1000));
	fail();
	CU_ASSERT(retries_after(2000));
	fail();
	CU_ASSERT(recorder_saw("told(connected -2) gave-up(-2)"));
	rig_advance(&rig, 100000);
	CU_ASSERT(recorder_saw(""));
	follow(plait_service_when_connected(service, 0), "late");
	CU_ASSERT(recorder_saw("told(late -9)"));
	start(); /* from the beginning */
	fail();
	CU_ASSERT(retries_after(1000));
	finish();
}

static uint64_t own_delay(unsigned failures, void *arg)
{
	(void)arg;
	return failures * 10;
}

static void programs_may_have_delays_of_their_own(void)
{
	struct plait_service_options options = regular;
	options.delay = own_delay;
	begin(&options);
	start();
	fail();
	CU_ASSERT(retries_after(10));
	fail();
	CU_ASSERT(retries_after(20));
	finish();
}

static uint64_t stopping_delay(unsigned failures, void *arg)
{
	bool *starts = arg;
	(void)failures;
	follow(plait_service_stop(service), "stopped");
	if (*starts)
		CU_ASSERT_EQUAL(plait_service_start(service), 0);
	*starts = false;
	return 10;
}

static void who_is_asked_for_a_delay_may_stop_it(void)
{
	struct plait_service_options options = regular;
	bool starts = true;
	options.delay = stopping_delay;
	options.arg = &starts;
	begin(&options);
	start();
	fail(); /* stops it, and starts it again */
	CU_ASSERT(recorder_saw("try(" ADDRESS ") told(stopped) try(" ADDRESS ")"));
	fail();
	CU_ASSERT(recorder_saw("told(stopped)"));
	rests();
	finish();
}

static void jitter_stays_within_its_share(void)
{
	struct backoff backoff = {
		.initial_ms = 1000, .max_ms = 60000, .factor = 2, .jitter = 0.25, .chance = 7
	};
	uint64_t least = UINT64_MAX, most = 0;
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t delay = backoff_delay(&backoff, 3);
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
		CU_ASSERT(backoff_delay(&backoff, 1000000) <= 60000);
	}
	CU_ASSERT(least >= 3000 && least < 3050);
	CU_ASSERT(most <= 5000 && most > 4950);
	backoff.chance = 0;
	CU_ASSERT(backoff_delay(&backoff, 1) >= 750);
}

static void who_waits_is_told(void)
{
	begin(&regular);
	follow(plait_service_when_connected(service, 0), "before");
	start();
	follow(plait_service_when_connected(service, 0), "meanwhile");
	CU_ASSERT(recorder_saw("try(" ADDRESS ")"));
	int peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("made told(before) told(meanwhile)"));
	follow(plait_service_when_connected(service, 1), "after");
	CU_ASSERT(recorder_saw("told(after)"));
	close(peer);
	finish();
}

static void patience_may_be_bounded(void)
{
	begin(&regular);
	follow(plait_service_when_connected(service, 2), "two");
	start();
	follow(plait_service_when_connected(service, 1), "one");
	fail();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") told(one -2)"));
	rig_advance(&rig, 1000);
	fail();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") told(two -2)"));
	rig_advance(&rig, 2000);
	fail();
	CU_ASSERT(recorder_saw("try(" ADDRESS ")"));
	finish();
}

static void waiting_may_be_cancelled(void)
{
	begin(&regular);
	struct plait_deferred *first = plait_service_when_connected(service, 0);
	struct plait_deferred *second = plait_service_when_connected(service, 0);
	plait_add_both(first, told, (void *)(uintptr_t) "first");
	plait_add_both(second, told, (void *)(uintptr_t) "second");
	start();
	plait_deferred_cancel(first);
	CU_ASSERT(recorder_saw("try(" ADDRESS ") told(first -9)"));
	int peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("made told(second)"));
	plait_deferred_unref(&first);
	plait_deferred_unref(&second);
	close(peer);
	finish();
}

static void stops_at_any_moment(void)
{
	begin(&regular); /* never started */
	follow(plait_service_when_connected(service, 0), "connected");
	stop();
	CU_ASSERT(recorder_saw("told(connected -9) told(stopped)"));
	stop(); /* stopped */
	CU_ASSERT(recorder_saw("told(stopped)"));
	rests();

	CU_ASSERT_EQUAL(plait_service_start(service), 0); /* about to connect */
	stop();
	CU_ASSERT(recorder_saw("told(stopped)"));
	rests();

	start(); /* connecting */
	follow(plait_service_when_connected(service, 0), "connected");
	stop();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") drop(" ADDRESS ") told(connected -9) told(stopped)"));
	rests();

	start(); /* waiting */
	fail();
	stop();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") told(stopped)"));
	rests();

	start(); /* connected */
	int peer = by_hand_accept(ADDRESS);
	stop();
	CU_ASSERT(recorder_saw("try(" ADDRESS ") made")); /* closing: the peer has not ended */
	stop();
	follow(plait_service_when_connected(service, 0), "connected");
	CU_ASSERT(recorder_saw("told(connected -9)"));
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(stopped) told(stopped)"));
	rests();
	finish();
}

static void stops_while_it_resolves(void)
{
	rig_init(&rig);
	by_hand_init(&rig);
	service = plait_service_new(rig.loop, "tcp://example.org:80", &recorder_no_eof_protocol, NULL,
				    &regular, NULL);
	start();
	stop();
	CU_ASSERT(recorder_saw("ask(example.org) forget(example.org) told(stopped)"));
	rests();
	finish();
}

static void starts_again_while_it_stops(void)
{
	begin(&regular);
	start();
	int peer = by_hand_accept(ADDRESS);
	recorder_saw("");
	stop();
	start();
	follow(plait_service_when_connected(service, 0), "connected");
	recorder_saw(recorder.events);
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(stopped) try(" ADDRESS ")"));
	peer = by_hand_accept(ADDRESS);
	CU_ASSERT(recorder_saw("made told(connected)"));
	stop();
	start();
	stop(); /* and no more */
	drop(peer);
	CU_ASSERT(recorder_saw("lost(closed) told(stopped) told(stopped)"));
	rests();
	finish();
}

static void refuses_delays_that_make_no_sense(void)
{
	static const struct plait_service_options wrong[] = { { .initial_delay_ms = 61000 },
							      { .factor = 0.5 },
							      { .jitter = 1.5 } };
	struct plait_error error;
	rig_init(&rig);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		error.code = 0;
		CU_ASSERT_PTR_NULL(plait_service_new(rig.loop, "tcp://" ADDRESS, &recorder_no_eof_protocol,
						     NULL, &wrong[i], &error));
		CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_INVALID);
	}
	rig_fini(&rig);
}

SUITE_MAIN("service", SUITE_TEST(delays_grow_to_their_bound), SUITE_TEST(success_begins_anew),
	   SUITE_TEST(only_a_steady_one_when_told_so), SUITE_TEST(gives_up_after_so_many_retries),
	   SUITE_TEST(programs_may_have_delays_of_their_own),
	   SUITE_TEST(who_is_asked_for_a_delay_may_stop_it), SUITE_TEST(jitter_stays_within_its_share),
	   SUITE_TEST(who_waits_is_told), SUITE_TEST(patience_may_be_bounded),
	   SUITE_TEST(waiting_may_be_cancelled), SUITE_TEST(stops_at_any_moment),
	   SUITE_TEST(stops_while_it_resolves), SUITE_TEST(starts_again_while_it_stops),
	   SUITE_TEST(refuses_delays_that_make_no_sense))
