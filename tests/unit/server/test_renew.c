/* Renewal: all contexts or none, one by one when they are watched, programs' own; and warnings of what expires. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/server/expiry.h"
#include "core/server/listener/listener.h"
#include "core/server/renew.h"
#include "tests/unit/net/tls_folder.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

#define CONTEXTS 2

static char paths[CONTEXTS][2][TLS_PAIR_PATH];
static struct tls_settings settings[CONTEXTS];
static struct tls_context *contexts[CONTEXTS];
static struct renewal *renewal;
static struct problems problems;
static int captured, kept;
static char logged[8192];

/* Standard error goes to memory until end_capture. */
static void capture(void)
{
	captured = memfd_create("log", MFD_CLOEXEC);
	kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	CU_ASSERT_FATAL(captured >= 0 && kept >= 0);
	dup2(captured, STDERR_FILENO);
}

static void end_capture(void)
{
	ssize_t size = pread(captured, logged, sizeof(logged) - 1, 0);
	logged[size > 0 ? size : 0] = '\0';
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(captured);
}

static unsigned times(const char *what)
{
	unsigned found = 0;
	for (const char *at = logged; (at = strstr(at, what)); at += strlen(what))
		found++;
	return found;
}

static void put(unsigned index, const char *certificate, const char *key)
{
	tls_folder_put(certificate, strrchr(paths[index][0], '/') + 1);
	tls_folder_put(key, strrchr(paths[index][1], '/') + 1);
}

static void begin(int reload)
{
	tls_folder_open();
	problems_init(&problems);
	renewal = renewal_new();
	for (unsigned i = 0; i < CONTEXTS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "%u.pem", i);
		strcpy(paths[i][0], tls_folder_path(name));
		snprintf(name, sizeof(name), "%u.key", i);
		strcpy(paths[i][1], tls_folder_path(name));
		put(i, "server.pem", "server.key");
		settings[i] = tls_pair_settings(paths[i][0], paths[i][1]);
		settings[i].reload = reload;
		snprintf(name, sizeof(name), "tls.%u", i);
		contexts[i] = tls_context_new(&settings[i], name, &problems);
		CU_ASSERT_PTR_NOT_NULL_FATAL(contexts[i]);
		renewal_add(renewal, contexts[i]);
	}
	capture();
}

static void end(void)
{
	renewal_free(&renewal);
	CU_ASSERT_PTR_NULL(renewal);
	for (unsigned i = 0; i < CONTEXTS; i++)
		tls_context_free(&contexts[i]);
	problems_fini(&problems);
	tls_folder_close();
}

static struct tls_served served(unsigned index)
{
	struct tls_status status;
	tls_context_status(contexts[index], &status);
	return status.served[0];
}

static bool serves_the_same(unsigned index, const struct tls_served *was)
{
	struct tls_served now = served(index);
	return memcmp(now.digest, was->digest, sizeof(now.digest)) == 0;
}

static void all_are_renewed_or_none(void)
{
	begin(TLS_RELOAD_OFF);
	struct tls_served was = served(0);
	put(0, "server-2.pem", "server-2.key");
	put(1, "server-2.pem", "server.key");
	CU_ASSERT(renewal_all(renewal) < 0);
	CU_ASSERT(serves_the_same(0, &was));
	CU_ASSERT(serves_the_same(1, &was));
	put(1, "server-2.pem", "server-2.key");
	CU_ASSERT_EQUAL(renewal_all(renewal), 0);
	CU_ASSERT_FALSE(serves_the_same(0, &was));
	CU_ASSERT_FALSE(serves_the_same(1, &was));
	CU_ASSERT_EQUAL(renewal_all(renewal), 0);
	end_capture();
	CU_ASSERT_EQUAL(times(" error   "), 2); /* what is wrong, and what is done */
	CU_ASSERT_EQUAL(times("tls.1"), 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "1.key"));
	CU_ASSERT_EQUAL(times("nothing was renewed"), 1);
	CU_ASSERT_EQUAL(times("in place of"), 2);
	CU_ASSERT_EQUAL(times("still certificate"), 2);
	CU_ASSERT_EQUAL(times(was.serial), 2);
	CU_ASSERT_EQUAL(atomic_load(&renewal_counters(renewal)->renewals), 2);
	CU_ASSERT_EQUAL(atomic_load(&renewal_counters(renewal)->failed), 1);
	end();
}

static void another_kind_of_key_is_named_with_what_it_replaces(void)
{
	begin(TLS_RELOAD_OFF);
	struct tls_served was = served(0);
	put(0, "server-rsa.pem", "server-rsa.key");
	CU_ASSERT_EQUAL(renewal_all(renewal), 0);
	end_capture();
	CU_ASSERT_EQUAL(times("in place of"), 1);
	CU_ASSERT_EQUAL(times(served(0).serial), 1);
	CU_ASSERT_EQUAL(times(was.serial), 2); /* and the other context still has it */
	end();
}

/* Two steps, with something else between them that may want nothing to change. */
static void what_is_prepared_can_be_abandoned(void)
{
	begin(TLS_RELOAD_OFF);
	struct tls_served was = served(0);
	put(0, "server-2.pem", "server-2.key");
	CU_ASSERT_EQUAL(renewal_prepare(renewal, NULL, NULL, &problems), 0);
	renewal_abandon(renewal);
	CU_ASSERT(serves_the_same(0, &was));
	CU_ASSERT_EQUAL(renewal_prepare(renewal, NULL, NULL, &problems), 0);
	renewal_commit(renewal);
	CU_ASSERT_FALSE(serves_the_same(0, &was));
	CU_ASSERT(serves_the_same(1, &was));
	end_capture();
	end();
}

static void a_watched_context_is_renewed_by_itself(void)
{
	begin(TLS_RELOAD_WATCH);
	struct tls_served was = served(0);
	time_t now = time(NULL);
	put(0, "server-2.pem", "server-2.key");
	put(1, "server-2.pem", "server.key");
	for (int i = 0; i < 5; i++)
		renewal_look(renewal, now + i);
	CU_ASSERT_FALSE(serves_the_same(0, &was));
	CU_ASSERT(serves_the_same(1, &was));
	end_capture();
	CU_ASSERT_EQUAL(times(" error   "), 2); /* once, however often it is looked at */
	CU_ASSERT_EQUAL(times("renewed; certificate"), 1);
	CU_ASSERT_EQUAL(times("tls.1: not renewed"), 1);
	end();
}

static void what_is_not_watched_waits_for_the_signal(void)
{
	begin(TLS_RELOAD_OFF);
	struct tls_served was = served(0);
	put(0, "server-2.pem", "server-2.key");
	for (int i = 0; i < 5; i++)
		renewal_look(renewal, time(NULL) + i);
	CU_ASSERT(serves_the_same(0, &was));
	end_capture();
	CU_ASSERT_STRING_EQUAL(logged, "");
	end();
}

#define DAY 86400

/* A new certificate that is about to expire is told of at once, whatever was told of the old one. */
static void a_renewal_begins_anew_to_tell(void)
{
	begin(TLS_RELOAD_OFF);
	time_t now = served(0).not_after - 3 * DAY;
	renewal_look(renewal, now);
	put(0, "server-2.pem", "server-2.key");
	CU_ASSERT_EQUAL(renewal_all(renewal), 0);
	renewal_look(renewal, now + 60);
	renewal_look(renewal, now + 120);
	end_capture();
	CU_ASSERT_EQUAL(times("tls.0: certificate"), 2);
	CU_ASSERT_EQUAL(times("tls.1: certificate"), 2);
	end();
}

/* Of 90 days. The log says no more than ten times a second the same. */
static void who_is_about_to_expire_is_told_of_daily(void)
{
	begin(TLS_RELOAD_OFF);
	struct expiry expiry = { 0 };
	time_t last = served(0).not_after;
	unsigned early = 0, late = 0;
	for (time_t now = last - 20 * DAY; now <= last; now += 60)
		early += expiry_look(&expiry, contexts[0], now);
	for (time_t now = last + 1; now < last + 2 * DAY; now += 60)
		late += expiry_look(&expiry, contexts[0], now);
	end_capture();
	CU_ASSERT_EQUAL(early, 7);
	CU_ASSERT_EQUAL(late, 2);
	CU_ASSERT_EQUAL(times("in 6 days"), 1);
	CU_ASSERT_EQUAL(times(" expired on"), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(logged, "of localhost, 127.0.0.1, ::1 expires on 20"));
	end();
}

/* Who read it has said so. */
static void who_had_expired_when_it_was_read_is_told_of_a_day_later(void)
{
	begin(TLS_RELOAD_OFF);
	time_t now = served(0).not_after + DAY;
	renewal_look(renewal, now);
	renewal_look(renewal, now + DAY - 60);
	end_capture();
	CU_ASSERT_STRING_EQUAL(logged, "");
	capture();
	renewal_look(renewal, now + DAY);
	end_capture();
	CU_ASSERT_EQUAL(times("clients refuse it"), 2);
	end();
}

/* ---- programs ---- */

static void on_made(struct plait_conn *conn)
{
	plait_close(conn);
}

static const struct plait_protocol quiet = { PLAIT_PROTOCOL_HEAD("quiet"), .made = on_made };

static struct plait_listener *listen_here(void)
{
	struct plait_error error = { 0 };
	struct plait_listen_options options = { .certificate = paths[0][0], .key = paths[0][1] };
	struct plait_listener *listener = plait_listen(reactor, "tls://127.0.0.1:0", &quiet, &options,
						       &error);
	if (!listener)
		printf("# %s: %s\n", error.path, error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	return listener;
}

static void a_program_renews_its_listener(void)
{
	struct plait_error error = { 0 };
	begin(TLS_RELOAD_OFF);
	trial_begin(1);
	struct plait_listener *listener = listen_here();
	put(0, "server-2.pem", "server.key");
	CU_ASSERT(plait_listener_renew(listener, &error) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "0.key"));
	CU_ASSERT(plait_listener_renew(listener, NULL) < 0);
	put(0, "server-2.pem", "server-2.key");
	CU_ASSERT_EQUAL(plait_listener_renew(listener, &error), 0);
	struct tls_status status;
	tls_context_status(listener->own_context, &status);
	CU_ASSERT_EQUAL(status.renewals, 1);
	CU_ASSERT_EQUAL(status.failed_renewals, 2);
	trial_finish();
	end_capture();
	end();
}

static void who_has_no_tls_has_nothing_to_renew(void)
{
	struct plait_error error = { 0 };
	trial_begin(1);
	struct plait_listener *listener = plait_listen(reactor, "tcp://127.0.0.1:0", &quiet, NULL, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
	CU_ASSERT_EQUAL(plait_listener_renew(listener, &error), PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "tls://"));
	trial_finish();
}

static void *renew_and_stop(void *arg)
{
	struct plait_listener *listener = arg;
	for (int i = 0; i < 50; i++)
		expect(plait_listener_renew(listener, NULL) == 0);
	plait_reactor_stop(reactor);
	return NULL;
}

static void any_thread_renews(void)
{
	pthread_t thread;
	begin(TLS_RELOAD_OFF);
	trial_begin(2);
	pthread_create(&thread, NULL, renew_and_stop, listen_here());
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	pthread_join(thread, NULL);
	trial_finish();
	end_capture();
	end();
}

static struct plait_listener *listening;

static struct plait_deferred *renew_late(void *arg)
{
	(void)arg;
	expect(plait_listener_renew(listening, NULL) == 0);
	count(NULL);
	return NULL;
}

static void a_listener_is_renewed_in_the_shutdown_too(void)
{
	begin(TLS_RELOAD_OFF);
	trial_begin(1);
	listening = listen_here();
	plait_add_hook(loop_of(0), PLAIT_AFTER_SHUTDOWN, renew_late, NULL);
	plait_reactor_stop(reactor);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(plait_listener_renew(listening, NULL), 0);
	CU_ASSERT_EQUAL(atomic_load(&called), 1);
	trial_finish();
	end_capture();
	end();
}

static struct tls_status status_of(struct plait_listener *listener)
{
	struct tls_status status;
	tls_context_status(listener->own_context, &status);
	return status;
}

static void wait_for_renewals(void *arg)
{
	unsigned long long *wanted = arg;
	if (status_of(listening).renewals < *wanted) {
		plait_call_later(loop_of(0), 1, wait_for_renewals, arg);
		return;
	}
	if (*wanted == 2) {
		plait_reactor_stop(reactor);
		return;
	}
	*wanted = 2;
	kill(getpid(), SIGHUP);
	wait_for_renewals(arg);
}

/* One that came before the run has waited for it. */
static void a_program_may_leave_it_to_the_signal(void)
{
	unsigned long long wanted = 1;
	begin(TLS_RELOAD_OFF);
	trial_begin_with(&(struct plait_reactor_options){ .loops = 1, .renew_on_hangup = true });
	listening = listen_here();
	kill(getpid(), SIGHUP);
	plait_call_when_running(loop_of(0), wait_for_renewals, &wanted);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	CU_ASSERT_EQUAL(status_of(listening).renewals, 2);
	trial_finish();
	end_capture();
	end();
}

static void see_what_was(void *arg)
{
	const struct sigaction *was = arg;
	struct sigaction action;
	expect(sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == was->sa_handler);
	plait_reactor_stop(reactor);
}

static void else_the_signal_is_not_touched(void)
{
	struct sigaction was; /* nohup(1) ignores it */
	CU_ASSERT_EQUAL_FATAL(sigaction(SIGHUP, NULL, &was), 0);
	trial_begin(1);
	plait_call_when_running(loop_of(0), see_what_was, &was);
	CU_ASSERT_EQUAL(plait_reactor_run(reactor), 0);
	trial_finish();
}

SUITE_MAIN("renew", SUITE_TEST(all_are_renewed_or_none),
	   SUITE_TEST(another_kind_of_key_is_named_with_what_it_replaces),
	   SUITE_TEST(what_is_prepared_can_be_abandoned), SUITE_TEST(a_watched_context_is_renewed_by_itself),
	   SUITE_TEST(what_is_not_watched_waits_for_the_signal), SUITE_TEST(a_renewal_begins_anew_to_tell),
	   SUITE_TEST(who_is_about_to_expire_is_told_of_daily),
	   SUITE_TEST(who_had_expired_when_it_was_read_is_told_of_a_day_later),
	   SUITE_TEST(a_program_renews_its_listener), SUITE_TEST(who_has_no_tls_has_nothing_to_renew),
	   SUITE_TEST(any_thread_renews), SUITE_TEST(a_listener_is_renewed_in_the_shutdown_too),
	   SUITE_TEST(a_program_may_leave_it_to_the_signal), SUITE_TEST(else_the_signal_is_not_touched))
