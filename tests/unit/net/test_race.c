/* Happy eyeballs, deterministically: which address is tried when, and what becomes of the losers. */
#include <errno.h>
#include <plait/client.h>
#include <string.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/by_hand.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static struct rig rig;
static struct plait_deferred *deferred;
static struct plait_failure *failure;
static struct plait_conn *conn;

static struct plait_result on_conn(struct plait_result result, void *arg)
{
	(void)arg;
	conn = result.value;
	return plait_value(NULL);
}

static struct plait_result on_failure(struct plait_result result, void *arg)
{
	(void)arg;
	failure = result.failure;
	return plait_value(NULL);
}

/* example.org has these addresses. */
static void connect_to(const char *endpoint, const char *addresses)
{
	rig_init(&rig);
	by_hand_init(&rig);
	conn = NULL;
	deferred = plait_add_callbacks(plait_connect(rig.loop, endpoint, &recorder_protocol, NULL), on_conn,
				       on_failure, NULL);
	CU_ASSERT(recorder_saw(""));
	rig_run(&rig);
	if (addresses) {
		CU_ASSERT(recorder_saw("ask(example.org)"));
		by_hand_answer(addresses);
	}
}

static void finish(void)
{
	plait_deferred_unref(&deferred);
	rig_fini(&rig);
	plait_failure_unref(&failure);
	by_hand_fini();
	recorder_reset();
}

/* It failed with this code and a text that holds part. */
static bool failed(int code, const char *part)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(failure);
	bool right = failure->code == code && strstr(failure->text, part);
	if (!right)
		printf("# %d: %s\n", failure->code, failure->text);
	return right;
}

static void families_take_turns(void)
{
	connect_to("tcp://example.org:80", "::1 ::2 ::3 10.0.0.1 10.0.0.2");
	CU_ASSERT(recorder_saw("try([::1]:80)"));
	rig_advance(&rig, 249);
	CU_ASSERT(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80)"));
	rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try([::2]:80)"));
	rig_advance(&rig, 250);
	rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try(10.0.0.2:80) try([::3]:80)"));
	CU_ASSERT_EQUAL(by_hand_trying(), 5);
	finish();
}

static void the_resolver_s_first_family_is_first(void)
{
	connect_to("tcp://example.org:80?stagger=100ms", "10.0.0.1 10.0.0.2 ::1");
	rig_advance(&rig, 100);
	rig_advance(&rig, 100);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) try([::1]:80) try(10.0.0.2:80)"));
	finish();
}

static void turns_are_taken_whatever_the_order(void)
{
	connect_to("tcp://example.org:80", "::1 10.0.0.1 10.0.0.2 ::2");
	for (unsigned i = 0; i < 3; i++)
		rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try([::1]:80) try(10.0.0.1:80) try([::2]:80) try(10.0.0.2:80)"));
	finish();
}

static void losers_are_cancelled(void)
{
	connect_to("tcp://example.org:80", "::1 10.0.0.1 ::2");
	rig_advance(&rig, 250);
	int peer = by_hand_accept("10.0.0.1:80");
	CU_ASSERT(recorder_saw("try([::1]:80) try(10.0.0.1:80) drop([::1]:80) made"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
	CU_ASSERT_EQUAL(plait_conn_peer(conn)->family, PLAIT_FAMILY_IPV4);
	CU_ASSERT_EQUAL(plait_conn_peer(conn)->port, 80);
	rig_advance(&rig, 60000);
	CU_ASSERT(recorder_saw(""));
	close(peer);
	finish();
}

static void the_next_follows_a_failure_at_once(void)
{
	connect_to("tcp://example.org:80", "::1 10.0.0.1 ::2 10.0.0.2");
	rig_advance(&rig, 100);
	by_hand_refuse("[::1]:80", ECONNREFUSED);
	CU_ASSERT(recorder_saw("try([::1]:80) try(10.0.0.1:80)"));
	rig_advance(&rig, 249); /* its head start is whole */
	CU_ASSERT(recorder_saw(""));
	rig_advance(&rig, 1);
	CU_ASSERT(recorder_saw("try([::2]:80)"));
	by_hand_refuse("[::2]:80", ENETUNREACH);
	CU_ASSERT(recorder_saw("try(10.0.0.2:80)")); /* while another is under way */
	by_hand_refuse("10.0.0.2:80", ECONNREFUSED);
	CU_ASSERT_PTR_NULL(failure);
	by_hand_refuse("10.0.0.1:80", ETIMEDOUT);
	CU_ASSERT(failed(PLAIT_ERROR_SYSTEM,
			 "cannot connect to tcp://example.org:80: [::1]:80: Connection refused; 10.0.0.1:80: "
			 "Connection timed out; [::2]:80: Network is unreachable"));
	finish();
}

static void attempts_that_cannot_begin_are_passed_over(void)
{
	rig_init(&rig);
	by_hand_init(&rig);
	by_hand_fail_at_once(ENETUNREACH);
	deferred = plait_add_errback(plait_connect(rig.loop, "tcp://example.org:80", &recorder_protocol,
						   NULL),
				     on_failure, NULL);
	rig_run(&rig);
	by_hand_answer("::1 10.0.0.1");
	CU_ASSERT(recorder_saw("ask(example.org) try([::1]:80) try(10.0.0.1:80)"));
	CU_ASSERT(failed(PLAIT_ERROR_SYSTEM, "[::1]:80: Network is unreachable; 10.0.0.1:80: Network is"));
	finish();
}

static void tries_each_once_and_no_more_than_it_may(void)
{
	connect_to("tcp://example.org:80?attempts=2", "10.0.0.1 10.0.0.1 10.0.0.2 10.0.0.3");
	rig_advance(&rig, 250);
	rig_advance(&rig, 250);
	rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) try(10.0.0.2:80)"));
	finish();
}

static void leaves_from_an_address_of_the_family(void)
{
	connect_to("tcp://example.org:80?bind=10.0.0.9,[::9]:5000", "10.0.0.1 ::1");
	rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) from(10.0.0.9:0) try([::1]:80) from([::9]:5000)"));
	finish();
	connect_to("tcp://example.org:80?bind=::9", "10.0.0.1 ::1");
	rig_advance(&rig, 250);
	CU_ASSERT(recorder_saw("try([::1]:80) from([::9]:0)"));
	finish();
}

static void one_deadline_is_for_all_of_it(void)
{
	connect_to("tcp://example.org:80?timeout=1s&stagger=700ms", "10.0.0.1 10.0.0.2");
	rig_advance(&rig, 700);
	by_hand_refuse("10.0.0.1:80", ECONNREFUSED);
	rig_advance(&rig, 299);
	CU_ASSERT_PTR_NULL(failure);
	rig_advance(&rig, 1);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) try(10.0.0.2:80) drop(10.0.0.2:80)"));
	CU_ASSERT(failed(PLAIT_ERROR_TIMEOUT,
			 "it took longer than 1s; 10.0.0.1:80: Connection refused; 10.0.0.2:80: no answer"));
	finish();
	connect_to("tcp://example.org:80", NULL);
	rig_advance(&rig, 30000);
	CU_ASSERT(recorder_saw("ask(example.org) forget(example.org)"));
	CU_ASSERT(failed(PLAIT_ERROR_TIMEOUT, "it took longer than 30s; its addresses are not known yet"));
	finish();
}

static void a_name_without_addresses_is_missing(void)
{
	connect_to("tcp://example.org:80", NULL);
	by_hand_answer(NULL);
	CU_ASSERT(failed(PLAIT_ERROR_MISSING, "cannot connect to tcp://example.org:80: no such name"));
	finish();
}

static void an_address_asks_nobody(void)
{
	connect_to("tcp://[::1]:80", NULL);
	CU_ASSERT(recorder_saw("try([::1]:80)"));
	finish();
}

static void cancelling_drops_what_is_under_way(void)
{
	connect_to("tcp://example.org:80", NULL);
	plait_deferred_cancel(deferred);
	CU_ASSERT(recorder_saw("ask(example.org) forget(example.org)"));
	CU_ASSERT(failed(PLAIT_ERROR_CANCELLED, ""));
	finish();
	connect_to("tcp://example.org:80", "10.0.0.1 ::1");
	rig_advance(&rig, 250);
	plait_deferred_cancel(deferred);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) try([::1]:80) drop(10.0.0.1:80) drop([::1]:80)"));
	CU_ASSERT(failed(PLAIT_ERROR_CANCELLED, ""));
	finish();
}

/* The connection is there until the end of the turn, and neither its deadline nor the loop's end finds anybody to tell. */
static void a_cancelled_handshake_is_over(void)
{
	for (int drains = 0; drains < 2; drains++) {
		connect_to("tls://10.0.0.1:443?verify=no&timeout=5s", NULL);
		int peer = by_hand_accept("10.0.0.1:443");
		plait_deferred_cancel(deferred);
		CU_ASSERT(failed(PLAIT_ERROR_CANCELLED, ""));
		if (drains)
			net_drain(rig.loop->net, NULL, NULL);
		rig_advance(&rig, 5000);
		CU_ASSERT(recorder_saw("try(10.0.0.1:443)"));
		close(peer);
		finish();
	}
}

/* From inside the callbacks of the Deferred, too. */
static void a_timeout_of_the_deferred_cancels(void)
{
	connect_to("tcp://example.org:80", "10.0.0.1 ::1");
	plait_add_timeout(deferred, rig.loop, 100);
	rig_advance(&rig, 100);
	CU_ASSERT(recorder_saw("try(10.0.0.1:80) drop(10.0.0.1:80)"));
	rig_advance(&rig, 1000);
	CU_ASSERT(recorder_saw(""));
	finish();
}

SUITE_MAIN("race", SUITE_TEST(families_take_turns), SUITE_TEST(the_resolver_s_first_family_is_first),
	   SUITE_TEST(turns_are_taken_whatever_the_order), SUITE_TEST(losers_are_cancelled),
	   SUITE_TEST(the_next_follows_a_failure_at_once),
	   SUITE_TEST(attempts_that_cannot_begin_are_passed_over),
	   SUITE_TEST(tries_each_once_and_no_more_than_it_may),
	   SUITE_TEST(leaves_from_an_address_of_the_family), SUITE_TEST(one_deadline_is_for_all_of_it),
	   SUITE_TEST(a_name_without_addresses_is_missing), SUITE_TEST(an_address_asks_nobody),
	   SUITE_TEST(cancelling_drops_what_is_under_way), SUITE_TEST(a_cancelled_handshake_is_over),
	   SUITE_TEST(a_timeout_of_the_deferred_cancels))
