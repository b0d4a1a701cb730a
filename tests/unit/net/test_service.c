/* Reconnecting services, on a clock and on attempts that the test moves. */
#include <errno.h>
#include <plait/service.h>
#include <string.h>
#include <unistd.h>

#include "core/net/backoff.h"
#include "core/net/net.h"
#include "tests/unit/net/by_hand.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

#define ADDRESS "10.0.0.1:80"

static struct rig rig;
static struct plait_service *service;
static struct plait_deferred *preparing; /* what prepare returns; NULL: nothing */
static bool prepares;

/* Notes "told(WORD)" or "told(WORD code)". */
static struct plait_result told(struct plait_result result, void *arg)
{
	if (result.failure)
		recorder_note("told(%s %d)", (const char *)arg, result.failure->code);
	else
		recorder_note("told(%s)", (const char *)arg);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static void follow(struct plait_deferred *deferred, const char *word)
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

/* Delays of 1, 2, 4 and at most 8 seconds. */
static const struct plait_service_options regular = {
	.initial_delay_ms = 1000, .max_delay_ms = 8000, .factor = 2, .jitter = -1, .gave_up = gave_up
};

static void begin(const struct plait_service_options *options)
{
	rig_init(&rig);
	by_hand_init(&rig);
	prepares = false;
	service = plait_service_new(rig.loop, "tcp://" ADDRESS, &recorder_no_eof_protocol, NULL, options,
				    NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(service);
}

static void finish(void)
{
	plait_service_free(&service);
	rig_fini(&rig);
	by_hand_fini();
	plait_deferred_unref(&preparing);
	recorder_reset();
}

static void start(void)
{
	CU_ASSERT_EQUAL(plait_service_start(service), 0);
	rig_run(&rig);
}

static void fail(void)
{
	by_hand_refuse(ADDRESS, ECONNREFUSED);
}

static void drop(int peer)
{
	close(peer);
	rig_run(&rig);
	rig_run(&rig);
	recorder.lost = 0; /* the next connection has callbacks, too */
}

/* Nothing happens for that long less a millisecond, then it is tried again. */
static bool retries_after(uint64_t ms)
{
	recorder_saw(recorder.events);
	rig_advance(&rig, ms - 1);
	bool quiet = recorder_saw("");
	rig_advance(&rig, 1);
	return recorder_saw("try(" ADDRESS ")") && quiet;
}

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

static void stop(void)
{
	follow(plait_service_stop(service), "stopped");
	rig_run(&rig);
	rig_run(&rig);
}

/* Nothing happens any more. */
static void rests(void)
{
	rig_advance(&rig, 100000);
	CU_ASSERT(recorder_saw(""));
	CU_ASSERT_EQUAL(by_hand_trying(), 0);
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

static const struct plait_service_options preparing_options = {
	.initial_delay_ms = 1000, .factor = 2, .jitter = -1, .prepare = prepare
};

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
	   SUITE_TEST(programs_may_have_delays_of_their_own), SUITE_TEST(jitter_stays_within_its_share),
	   SUITE_TEST(who_waits_is_told), SUITE_TEST(patience_may_be_bounded),
	   SUITE_TEST(waiting_may_be_cancelled), SUITE_TEST(stops_at_any_moment),
	   SUITE_TEST(stops_while_it_resolves), SUITE_TEST(starts_again_while_it_stops),
	   SUITE_TEST(nobody_gets_a_connection_that_is_not_prepared),
	   SUITE_TEST(preparing_may_be_done_at_once), SUITE_TEST(preparing_that_fails_is_a_failed_attempt),
	   SUITE_TEST(a_loss_cancels_preparing), SUITE_TEST(stops_while_it_prepares),
	   SUITE_TEST(stops_while_it_rejects), SUITE_TEST(is_freed_at_any_moment),
	   SUITE_TEST(is_freed_by_who_is_told), SUITE_TEST(a_stopping_loop_stops_it),
	   SUITE_TEST(refuses_delays_that_make_no_sense))
