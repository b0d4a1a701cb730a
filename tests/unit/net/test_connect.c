/* Clients over real sockets of this machine. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/net/net.h"
#include "core/net/socket/socket.h"
#include "tests/unit/net/local.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

static struct local local;

/* What the client's protocol and its Deferred see. */
static struct {
	unsigned started, stopped, made, lost;
	enum plait_reason reason;
	struct plait_conn *conn;
	struct plait_failure *failure;
	bool fired, gone;
	const char *options;
} seen;

static int factory_start(struct plait_factory *factory, struct plait_error *error)
{
	(void)error;
	seen.started++;
	seen.options = plait_factory_options(factory);
	return 0;
}

static void factory_stop(struct plait_factory *factory)
{
	(void)factory;
	seen.stopped++;
}

static void made(struct plait_conn *conn)
{
	seen.made++;
	CU_ASSERT_FALSE(seen.fired);
	plait_write(conn, "hello", 5);
}

static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	(void)bytes;
	if (len == 5)
		plait_close(conn);
	return len;
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	seen.lost++;
	seen.reason = reason;
	seen.gone = true;
}

static const struct plait_protocol caller = { PLAIT_PROTOCOL_HEAD("caller"),
					      .factory_start = factory_start,
					      .factory_stop = factory_stop,
					      .made = made,
					      .data = data,
					      .lost = lost };

static struct plait_result on_conn(struct plait_result result, void *arg)
{
	(void)arg;
	CU_ASSERT_EQUAL(seen.made, 1);
	seen.conn = result.value;
	seen.fired = true;
	return plait_value(NULL);
}

static struct plait_result on_failure(struct plait_result result, void *arg)
{
	(void)arg;
	seen.failure = result.failure;
	seen.fired = true;
	return plait_value(NULL);
}

static void begin(void)
{
	memset(&seen, 0, sizeof(seen));
	local_init(&local);
}

static void finish(void)
{
	plait_failure_unref(&seen.failure);
	local_fini(&local);
	CU_ASSERT_EQUAL(seen.started, seen.stopped);
}

static struct plait_deferred *call(const char *endpoint)
{
	struct plait_deferred *deferred = plait_connect(local.loop, endpoint, &caller, NULL);
	return plait_add_callbacks(deferred, on_conn, on_failure, NULL);
}

static void greets(const char *host)
{
	begin();
	local_listen(&local, &rig_echoer, host, 0);
	struct plait_deferred *deferred = call(local.endpoint);
	CU_ASSERT_FALSE(seen.fired);
	CU_ASSERT_EQUAL(seen.started, 1);
	local_wait(&local, &seen.fired);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.conn);
	CU_ASSERT_EQUAL(plait_conn_peer(seen.conn)->port, local.port);
	CU_ASSERT_STRING_EQUAL(plait_factory_name(plait_conn_factory(seen.conn)), local.endpoint);
	plait_deferred_unref(&deferred);
	local_wait(&local, &seen.gone);
	CU_ASSERT_EQUAL(seen.reason, PLAIT_REASON_CLOSED);
	loop_turn(local.loop, false);
	CU_ASSERT_EQUAL(seen.stopped, 1);
	finish();
}

static void connects_over_tcp(void)
{
	greets("127.0.0.1");
}

static void connects_over_ipv6(void)
{
	greets("::1");
}

static void connects_over_unix(void)
{
	char path[64];
	snprintf(path, sizeof(path), "unix:@plait-test-%d", (int)getpid());
	greets(path);
}

/* It fails with this code and a text that holds part. */
static void fails(const char *endpoint, int code, const char *part)
{
	struct plait_deferred *deferred = call(endpoint);
	local_wait(&local, &seen.fired);
	CU_ASSERT_PTR_NULL(seen.conn);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.failure);
	CU_ASSERT_EQUAL(seen.failure->code, code);
	if (!strstr(seen.failure->text, part)) {
		printf("# %s\n", seen.failure->text);
		CU_FAIL("the text of the failure");
	}
	CU_ASSERT_EQUAL(seen.made, 0);
	plait_deferred_unref(&deferred);
	plait_failure_unref(&seen.failure);
	seen.fired = false;
}

static void finds_names_without_waiting(void)
{
	char endpoint[100];
	begin();
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	snprintf(endpoint, sizeof(endpoint), "tcp://localhost:%u", local.port);
	struct plait_deferred *deferred = call(endpoint);
	local_wait(&local, &seen.fired);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.conn);
	plait_deferred_unref(&deferred);
	finish();
}

/* A label of 64 letters cannot be asked for, so that this needs no network. */
static void says_which_name_is_missing(void)
{
	static const char name[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";
	char endpoint[200], text[400];
	begin();
	snprintf(endpoint, sizeof(endpoint), "tcp://%s:80", name);
	snprintf(text, sizeof(text), "cannot connect to %s: cannot find the address of \"%s\": ", endpoint,
		 name);
	fails(endpoint, PLAIT_ERROR_MISSING, text);
	finish();
}

static void a_name_may_be_cancelled(void)
{
	begin();
	for (unsigned turns = 0; turns < 3; turns++) {
		struct plait_deferred *deferred = call("tcp://localhost:1");
		for (unsigned i = 0; i < turns; i++)
			loop_turn(local.loop, false);
		plait_deferred_cancel(deferred);
		CU_ASSERT_PTR_NOT_NULL_FATAL(seen.failure);
		plait_deferred_unref(&deferred);
		plait_failure_unref(&seen.failure);
	}
	finish();
}

static void says_who_refused(void)
{
	int holder;
	char endpoint[64], text[128];
	begin();
	uint16_t port = local_dead_port(&holder);
	snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u?timeout=20s", port);
	snprintf(text, sizeof(text), "cannot connect to tcp://127.0.0.1:%u: 127.0.0.1:%u: Connection refused",
		 port, port);
	fails(endpoint, PLAIT_ERROR_SYSTEM, text);
	fails("unix:/nonexistent/x.sock", PLAIT_ERROR_SYSTEM,
	      "cannot connect to unix:/nonexistent/x.sock: No such file or directory");
	close(holder);
	finish();
}

static void refuses_what_makes_no_sense(void)
{
	begin();
	fails("tcp://127.0.0.1:1?timout=5s", PLAIT_ERROR_INVALID, "did you mean \"timeout\"?");
	fails("tcp://*:1", PLAIT_ERROR_INVALID, "no host that can be connected to");
	fails("tcp://127.0.0.1:0", PLAIT_ERROR_INVALID, "expected a port from 1");
	fails("udp://127.0.0.1:1", PLAIT_ERROR_INVALID, "plait_port_open");
	CU_ASSERT_EQUAL(seen.started, 0);
	finish();
}

static void a_cancelled_one_is_never_made(void)
{
	begin();
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	for (unsigned turns = 0; turns < 3; turns++) {
		struct plait_deferred *deferred = call(local.endpoint);
		for (unsigned i = 0; i < turns && !seen.fired; i++)
			loop_turn(local.loop, false);
		bool cancelled = !seen.fired;
		plait_deferred_cancel(deferred);
		CU_ASSERT(seen.fired);
		if (cancelled)
			CU_ASSERT_EQUAL(seen.failure->code, PLAIT_ERROR_CANCELLED);
		plait_deferred_unref(&deferred);
		plait_failure_unref(&seen.failure);
		seen.fired = false;
		seen.made = 0;
	}
	finish();
}

static void a_stopping_loop_ends_attempts(void)
{
	begin();
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	struct plait_deferred *deferred = call(local.endpoint);
	net_drain(local.loop->net, NULL, NULL);
	CU_ASSERT(seen.fired);
	CU_ASSERT_EQUAL(seen.failure->code, PLAIT_ERROR_CLOSING);
	plait_deferred_unref(&deferred);
	plait_failure_unref(&seen.failure);
	seen.fired = false;
	fails(local.endpoint, PLAIT_ERROR_CLOSING, "the loop is stopping");
	finish();
}

static void leaves_from_the_address_it_is_told(void)
{
	char endpoint[300];
	begin();
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	snprintf(endpoint, sizeof(endpoint), "%s?bind=127.0.0.77", local.endpoint);
	struct plait_deferred *deferred = call(endpoint);
	local_wait(&local, &seen.fired);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.conn);
	CU_ASSERT_EQUAL(plait_conn_local(seen.conn)->u.bytes[3], 77);
	plait_deferred_unref(&deferred);
	seen.fired = false;
	seen.conn = NULL;
	seen.made = 0;
	snprintf(endpoint, sizeof(endpoint), "%s?bind=::1", local.endpoint);
	fails(endpoint, PLAIT_ERROR_SYSTEM, "none of its addresses is of the family");
	finish();
}

static int no(struct plait_factory *factory, const struct plait_addr *peer)
{
	(void)factory;
	(void)peer;
	return -1;
}

static void a_protocol_may_refuse(void)
{
	static const struct plait_protocol refusing = { PLAIT_PROTOCOL_HEAD("no"), .accept = no,
							.made = made };
	begin();
	local_listen(&local, &rig_echoer, "127.0.0.1", 0);
	struct plait_deferred *deferred = plait_connect(local.loop, local.endpoint, &refusing, NULL);
	plait_add_callbacks(deferred, on_conn, on_failure, NULL);
	local_wait(&local, &seen.fired);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.failure);
	CU_ASSERT_EQUAL(seen.failure->code, PLAIT_ERROR_REFUSED);
	CU_ASSERT_EQUAL(seen.made, 0);
	plait_deferred_unref(&deferred);
	finish();
}

struct caller_options {
	uint64_t size;
};

static void protocols_have_their_options(void)
{
	static const struct plait_option table[] = {
		PLAIT_OPTION_SIZE("size", struct caller_options, size, .fallback = "3k", .doc = "A size"),
		PLAIT_OPTION_END,
	};
	struct plait_protocol with_options = caller;
	with_options.options = table;
	with_options.options_size = sizeof(struct caller_options);
	begin();
	struct plait_connector *connector = plait_connector_new(local.loop, "tcp://127.0.0.1:1",
								&with_options, NULL, NULL, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seen.options);
	CU_ASSERT_EQUAL(((const struct caller_options *)(const void *)seen.options)->size, 3072);
	plait_connector_unref(&connector);
	struct caller_options own = { 7 };
	struct plait_client_options options = { .name = "mine", .options = &own };
	connector = plait_connector_new(local.loop, "tcp://127.0.0.1:1", &with_options, &options, NULL, NULL,
					NULL);
	CU_ASSERT_PTR_EQUAL(seen.options, &own);
	plait_connector_unref(&connector);
	finish();
}

SUITE_MAIN("connect", SUITE_TEST(connects_over_tcp), SUITE_TEST(connects_over_ipv6),
	   SUITE_TEST(connects_over_unix), SUITE_TEST(finds_names_without_waiting),
	   SUITE_TEST(says_which_name_is_missing), SUITE_TEST(a_name_may_be_cancelled),
	   SUITE_TEST(says_who_refused), SUITE_TEST(refuses_what_makes_no_sense),
	   SUITE_TEST(a_cancelled_one_is_never_made), SUITE_TEST(a_stopping_loop_ends_attempts),
	   SUITE_TEST(leaves_from_the_address_it_is_told), SUITE_TEST(a_protocol_may_refuse),
	   SUITE_TEST(protocols_have_their_options))
