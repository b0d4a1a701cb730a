/* Connectors: what they tell, and what they do when they are told. */
#include <plait/log.h>
#include <string.h>
#include <unistd.h>

#include "core/net/net.h"
#include "tests/unit/net/local.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static struct local local;
static struct plait_connector *connector;
static bool made, over;
static unsigned agains; /* how often to connect again when it is over */

static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	(void)conn;
	(void)bytes;
	return len;
}

static const struct plait_protocol quiet = { PLAIT_PROTOCOL_HEAD("quiet"), .data = data };

static void again(struct plait_connector *which)
{
	over = true;
	if (agains > 0) {
		agains--;
		plait_connector_connect(which);
	}
}

static void on_started(struct plait_connector *which, void *arg)
{
	CU_ASSERT_PTR_EQUAL(which, connector);
	CU_ASSERT_PTR_EQUAL(arg, &local);
	CU_ASSERT_EQUAL(plait_connector_state(which), PLAIT_CONNECTOR_CONNECTING);
	recorder_note("started");
}

static void on_connected(struct plait_connector *which, struct plait_conn *conn, void *arg)
{
	(void)arg;
	CU_ASSERT_EQUAL(plait_connector_state(which), PLAIT_CONNECTOR_CONNECTED);
	CU_ASSERT_PTR_EQUAL(plait_connector_conn(which), conn);
	recorder_note("connected");
	made = true;
}

static void on_failed(struct plait_connector *which, struct plait_failure *failure, void *arg)
{
	(void)arg;
	CU_ASSERT_EQUAL(plait_connector_state(which), PLAIT_CONNECTOR_DISCONNECTED);
	CU_ASSERT_PTR_NULL(plait_connector_conn(which));
	recorder_note("failed(%d)", failure->code);
	again(which);
}

static void on_lost(struct plait_connector *which, enum plait_reason reason, void *arg)
{
	(void)arg;
	CU_ASSERT_EQUAL(plait_connector_state(which), PLAIT_CONNECTOR_DISCONNECTED);
	CU_ASSERT_PTR_NULL(plait_connector_conn(which));
	recorder_note("lost(%s)", plait_reason_name(reason));
	again(which);
}

static const struct plait_connector_callbacks callbacks = {
	.started = on_started, .connected = on_connected, .failed = on_failed, .lost = on_lost
};

static void open_to(const char *endpoint)
{
	made = over = false;
	connector = plait_connector_new(local.loop, endpoint, &quiet, NULL, &callbacks, &local, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(connector);
	CU_ASSERT_STRING_EQUAL(plait_connector_endpoint(connector), endpoint);
	CU_ASSERT_EQUAL(plait_connector_state(connector), PLAIT_CONNECTOR_DISCONNECTED);
}

static void begin(void)
{
	local_init(&local);
	local_listen(&local, &quiet, "127.0.0.1", 0);
	open_to(local.endpoint);
}

static void finish(void)
{
	plait_connector_unref(&connector);
	local_fini(&local);
	recorder_reset();
}

static void run(void)
{
	for (unsigned i = 0; i < 4; i++)
		loop_turn(local.loop, false);
}

static void connects_and_disconnects(void)
{
	begin();
	plait_connector_connect(connector);
	CU_ASSERT_EQUAL(plait_connector_state(connector), PLAIT_CONNECTOR_DISCONNECTED); /* soon */
	local_wait(&local, &made);
	plait_connector_disconnect(connector);
	local_wait(&local, &over);
	CU_ASSERT(recorder_saw("started connected lost(closed)"));
	finish();
}

static void connects_once_at_a_time(void)
{
	begin();
	plait_connector_connect(connector);
	plait_connector_connect(connector);
	local_wait(&local, &made);
	plait_connector_connect(connector);
	run();
	CU_ASSERT(recorder_saw("started connected"));
	plait_connector_stop_connecting(connector); /* which it does no more */
	run();
	CU_ASSERT_EQUAL(plait_connector_state(connector), PLAIT_CONNECTOR_CONNECTED);
	finish();
}

static void stops_connecting(void)
{
	begin();
	plait_connector_stop_connecting(connector);
	plait_connector_disconnect(connector);
	run();
	CU_ASSERT(recorder_saw(""));
	plait_connector_connect(connector);
	plait_connector_stop_connecting(connector);
	local_wait(&local, &over);
	CU_ASSERT(recorder_saw("started failed(-9)"));
	over = false;
	plait_connector_connect(connector);
	plait_connector_disconnect(connector);
	local_wait(&local, &over);
	CU_ASSERT(recorder_saw("started failed(-9)"));
	finish();
}

static void connects_again_from_lost(void)
{
	begin();
	agains = 1;
	plait_connector_connect(connector);
	local_wait(&local, &made);
	plait_connector_disconnect(connector);
	local_wait(&local, &over);
	made = over = false;
	local_wait(&local, &made);
	plait_connector_disconnect(connector);
	local_wait(&local, &over);
	CU_ASSERT(recorder_saw("started connected lost(closed) started connected lost(closed)"));
	finish();
}

static void connects_again_from_failed(void)
{
	int holder;
	char endpoint[64];
	begin();
	plait_connector_unref(&connector);
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", local_dead_port(&holder));
	open_to(endpoint);
	agains = 2;
	plait_connector_connect(connector);
	for (unsigned i = 0; i < 3; i++) {
		over = false;
		local_wait(&local, &over);
	}
	run();
	CU_ASSERT(recorder_saw("started failed(-2) started failed(-2) started failed(-2)"));
	close(holder);
	finish();
}

/* What nobody holds goes on until it is lost. */
static void outlives_the_program_s_reference(void)
{
	begin();
	plait_connector_connect(connector);
	local_wait(&local, &made);
	struct plait_connector *kept = connector;
	plait_connector_disconnect(connector);
	plait_connector_unref(&connector);
	connector = kept;
	local_wait(&local, &over);
	CU_ASSERT(recorder_saw("started connected lost(closed)"));
	connector = NULL;
	finish();
}

/* Connecting again and again keeps no stopping loop busy. */
static void a_stopping_loop_says_no_once(void)
{
	begin();
	agains = 1000;
	plait_connector_connect(connector);
	local_wait(&local, &made);
	net_drain(local.loop->net, NULL, NULL);
	local_wait(&local, &over);
	run();
	CU_ASSERT(recorder_saw("started connected lost(drain) started failed(-5)"));
	agains = 0;
	finish();
}

static void names_what_is_wrong(void)
{
	struct plait_error error = { 0 };
	begin();
	CU_ASSERT_PTR_NULL(
		plait_connector_new(local.loop, "tpc://127.0.0.1:1", &quiet, NULL, NULL, NULL, &error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "did you mean \"tcp://\"?"));
	finish();
}

SUITE_MAIN("connector", SUITE_TEST(connects_and_disconnects), SUITE_TEST(connects_once_at_a_time),
	   SUITE_TEST(stops_connecting), SUITE_TEST(connects_again_from_lost),
	   SUITE_TEST(connects_again_from_failed), SUITE_TEST(outlives_the_program_s_reference),
	   SUITE_TEST(a_stopping_loop_says_no_once), SUITE_TEST(names_what_is_wrong))
