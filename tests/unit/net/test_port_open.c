/* Ports that programs open: their life, their state, and what cannot be opened. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/datagram/port.h"
#include "core/net/net.h"
#include "tests/unit/net/port_log.h"
#include "tests/unit/suite.h"

static struct plait_port *port;
static struct plait_addr at, at_client;
static int client;

static void begin(const char *endpoint)
{
	log_begin();
	client = log_socket(&at_client);
	port = log_open(endpoint, NULL);
	at = log_address(port);
}

static void end(void)
{
	close(client);
	log_end();
}

static void open_ports_start_hear_answer_and_stop(void)
{
	begin("udp://127.0.0.1:0");
	port_log.on_datagram = log_echo;
	CU_ASSERT_TRUE(log_saw("")); /* not from inside */
	CU_ASSERT_TRUE(at.port > 0);
	CU_ASSERT_PTR_EQUAL(plait_port_loop(port), rig.loop);
	log_turn();
	CU_ASSERT_TRUE(log_saw("started"));
	log_say(client, &at, "hi");
	log_turn();
	CU_ASSERT_TRUE(log_saw("datagram(hi)"));
	CU_ASSERT_TRUE(log_heard(client, "hi"));
	plait_port_close(&port);
	CU_ASSERT_PTR_NULL(port);
	CU_ASSERT_TRUE(log_saw(""));
	log_turn();
	CU_ASSERT_TRUE(log_saw("stopped"));
	plait_port_close(&port); /* of none */
	end();
}

static void ask_at(const char *endpoint, const char *from, const char *text)
{
	struct plait_port *asked, *asking;
	log_begin();
	asked = log_open(endpoint, NULL);
	asking = log_open(from, NULL);
	log_name(asked, "b");
	log_name(asking, "a");
	at = log_address(asked);
	at_client = log_address(asking);
	if (at_client.family == PLAIT_FAMILY_IPV4 && at.family == PLAIT_FAMILY_IPV6) {
		uint16_t number = at.port;
		at = log_parse("127.0.0.1:1");
		at.port = number;
	}
	CU_ASSERT_EQUAL(log_send(asking, &at, "hi"), 0);
	log_turn();
	if (!log_saw("b:started a:started b:datagram(hi)"))
		printf("# %s\n", text);
	log_end();
}

static void see_ipv4(struct plait_port *seen, const struct plait_addr *from, const void *data, size_t len)
{
	(void)data, (void)len;
	CU_ASSERT_EQUAL(from->family, PLAIT_FAMILY_IPV4);
	CU_ASSERT_TRUE(plait_addr_equal(from, &at_client));
	CU_ASSERT_EQUAL(plait_send(seen, from, "yes", 3), 0);
}

static void both_families_work_and_one_port_takes_both(void)
{
	ask_at("udp://127.0.0.1:0", "udp://127.0.0.1:0", "IPv4");
	ask_at("udp://[::1]:0", "udp://[::1]:0", "IPv6");
	ask_at("udp://[::]:0", "udp://[::1]:0", "IPv6, wildcard");
	ask_at("udp://[::]:0", "udp://127.0.0.1:0", "both");
	ask_at("udp://*:0", "udp://127.0.0.1:0", "star");
	begin("udp://[::]:0");
	port_log.on_datagram = see_ipv4;
	at = log_parse("127.0.0.1:1");
	at.port = plait_port_local(port)->port;
	log_say(client, &at, "hi");
	log_turn();
	CU_ASSERT_TRUE(log_heard(client, "yes"));
	end();
	log_begin();
	port = log_open("udp://[::]:0", &(struct plait_port_settings){ .v6only = true });
	at.port = plait_port_local(port)->port;
	client = log_socket(&at_client);
	log_say(client, &at, "hi");
	log_turn();
	CU_ASSERT_TRUE(log_saw("started"));
	end();
}

/* ---- order ---- */

static char reopened[64];

/* Runs among the work at a turn's end, so that the new port's own comes after the next turn's datagrams. */
static void open_again(struct plait_port *stopped)
{
	(void)stopped;
	port_log.on_stopped = NULL;
	port = log_open(reopened, NULL);
	log_say(client, &at, "early");
}

static void nothing_comes_before_started(void)
{
	begin("udp://127.0.0.1:0");
	log_turn();
	snprintf(reopened, sizeof(reopened), "udp://127.0.0.1:%u", at.port);
	port_log.on_stopped = open_again;
	plait_port_close(&port);
	log_turn();
	CU_ASSERT_TRUE(log_saw("started stopped started datagram(early)"));
	end();
}

static void close_it(struct plait_port *closing)
{
	struct plait_port *same = closing;
	plait_port_close(&same);
	CU_ASSERT_PTR_NULL(same);
	CU_ASSERT_EQUAL(plait_send(closing, &at_client, "late", 4), PLAIT_ERROR_CLOSING);
	same = closing;
	plait_port_close(&same); /* once more changes nothing */
}

static void answer_and_close(struct plait_port *closing, const struct plait_addr *from, const void *data,
			     size_t len)
{
	CU_ASSERT_EQUAL(plait_send(closing, from, data, len), 0);
	CU_ASSERT_EQUAL(plait_send(closing, from, "bye", 3), 0);
	close_it(closing);
}

static void close_it_again(struct plait_port *stopped)
{
	close_it(stopped);
}

static void ports_close_in_every_callback(void)
{
	begin("udp://127.0.0.1:0");
	plait_port_close(&port); /* before it started: it never did */
	log_turn();
	CU_ASSERT_TRUE(log_saw(""));
	end();
	begin("udp://127.0.0.1:0");
	port_log.on_started = close_it;
	log_turn();
	CU_ASSERT_TRUE(log_saw("started stopped"));
	end();
	begin("udp://127.0.0.1:0");
	port_log.on_datagram = answer_and_close;
	log_turn();
	for (unsigned i = 0; i < 5; i++)
		log_say(client, &at, i == 0 ? "hi" : "more");
	log_turn();
	CU_ASSERT_TRUE(log_saw("started datagram(hi) stopped"));
	CU_ASSERT_TRUE(log_heard(client, "hi"));
	CU_ASSERT_TRUE(log_heard(client, "bye"));
	CU_ASSERT_TRUE(log_heard(client, NULL));
	end();
	begin("udp://127.0.0.1:0");
	port_log.on_stopped = close_it_again;
	log_turn();
	plait_port_close(&port);
	log_turn();
	CU_ASSERT_TRUE(log_saw("started stopped"));
	end();
}

static struct plait_port *other;

static void send_from_both_and_close_the_other(struct plait_port *here, const struct plait_addr *from,
					       const void *data, size_t len)
{
	(void)data, (void)len;
	CU_ASSERT_EQUAL(plait_send(here, from, "one", 3), 0);
	CU_ASSERT_EQUAL(plait_send(other, from, "two", 3), 0);
	plait_port_close(&other);
	CU_ASSERT_EQUAL(plait_send(here, from, "three", 5), 0);
}

static void what_was_sent_before_a_close_goes_out(void)
{
	begin("udp://127.0.0.1:0");
	CU_ASSERT_EQUAL(log_send(port, &at_client, "one"), 0); /* before it started, even */
	CU_ASSERT_EQUAL(log_send(port, &at_client, "two"), 0);
	CU_ASSERT_TRUE(log_heard(client, NULL));
	plait_port_close(&port);
	CU_ASSERT_TRUE(log_heard(client, "one"));
	CU_ASSERT_TRUE(log_heard(client, "two"));
	end();
	begin("udp://127.0.0.1:0");
	other = log_open("udp://127.0.0.1:0", NULL);
	port_log.on_datagram = send_from_both_and_close_the_other;
	log_say(client, &at, "hi");
	log_turn();
	CU_ASSERT_TRUE(log_heard(client, "one"));
	CU_ASSERT_TRUE(log_heard(client, "two"));
	CU_ASSERT_TRUE(log_heard(client, "three"));
	end();
}

static void what_is_open_at_the_end_is_closed(void)
{
	begin("udp://127.0.0.1:0");
	log_open("udp://127.0.0.1:0", NULL);
	log_turn();
	CU_ASSERT_EQUAL(log_send(port, &at_client, "last words"), 0);
	log_saw("started started");
	net_abort_all(rig.loop->net);
	log_turn();
	CU_ASSERT_TRUE(log_saw("stopped stopped"));
	CU_ASSERT_TRUE(log_heard(client, "last words"));
	log_open("udp://127.0.0.1:0", NULL); /* too late: it goes with the loop */
	rig_fini(&rig);
	rig_init(&rig);
	end(); /* finds descriptors that are left */
}

static unsigned emptied;

static void on_empty(void *arg)
{
	(void)arg;
	CU_ASSERT_TRUE(log_saw("started stopped")); /* it waits for that */
	emptied++;
}

static void a_drain_ends_ports_behind_connections(void)
{
	struct rig_listener listener;
	struct rig_client conn;
	static const struct plait_protocol streams = { PLAIT_PROTOCOL_HEAD("streams"), .conn_size = 1 };
	begin("udp://127.0.0.1:0");
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &streams, NULL, NULL), 0);
	rig_connect(&rig, &listener, &conn);
	rig_stop_reading(&conn);
	plait_write(conn.conn, "x", 1);
	emptied = 0;
	net_drain(rig.loop->net, on_empty, NULL);
	log_turn();
	CU_ASSERT_EQUAL(log_send(port, &at_client, "still there"), 0);
	CU_ASSERT_EQUAL(emptied, 0);
	rig_leave(&conn);
	log_turn();
	CU_ASSERT_EQUAL(emptied, 1);
	CU_ASSERT_TRUE(log_heard(client, "still there"));
	rig_unlisten(&listener);
	end();
}

/* ---- what a port has ---- */

static const char told_options[] = "options";
static unsigned factories_started, factories_stopped;

static int start_factory(struct plait_factory *factory, struct plait_error *error)
{
	factories_started++;
	*(int *)plait_factory_state(factory) = 5;
	return plait_factory_options(factory)
		       ? 0
		       : plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "no options");
}

static void stop_factory(struct plait_factory *factory)
{
	CU_ASSERT_EQUAL(*(int *)plait_factory_state(factory), 5);
	factories_stopped++;
}

static void deaf(struct plait_port *unused, const struct plait_addr *from, const void *data, size_t len)
{
	(void)unused, (void)from, (void)data, (void)len;
}

static const struct plait_protocol stateless = { PLAIT_PROTOCOL_HEAD("stateless"), .datagram = deaf };
static const struct plait_protocol with_factory = { PLAIT_PROTOCOL_HEAD("with_factory"), .datagram = deaf,
						    .factory_size = sizeof(int),
						    .factory_start = start_factory,
						    .factory_stop = stop_factory };

static void ports_have_state_options_and_a_factory(void)
{
	struct plait_port_settings settings = { .options = told_options };
	struct plait_error error = { 0 };
	struct log_state *state, *second;
	log_begin();
	port = log_open("udp://127.0.0.1:0", &settings);
	other = log_open("udp://127.0.0.1:0", NULL);
	state = plait_port_state(port);
	second = plait_port_state(other);
	CU_ASSERT_PTR_NULL(state->name);
	CU_ASSERT_PTR_NULL(second->name);
	CU_ASSERT_PTR_NOT_EQUAL(state, second);
	CU_ASSERT_PTR_EQUAL(plait_port_options(port), told_options);
	CU_ASSERT_PTR_NULL(plait_port_options(other));
	CU_ASSERT_PTR_NULL(plait_port_peer(port));
	CU_ASSERT_STRING_EQUAL(plait_factory_name(plait_port_factory(port)), "udp://127.0.0.1:0");
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &stateless, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	CU_ASSERT_PTR_NULL(plait_port_state(port));
	factories_started = factories_stopped = 0;
	CU_ASSERT_PTR_NULL(plait_port_open(rig.loop, "udp://127.0.0.1:0", &with_factory, NULL, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_REFUSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no options"));
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &with_factory, &settings, &error);
	CU_ASSERT_PTR_NOT_NULL(port);
	log_turn();
	CU_ASSERT_EQUAL(factories_started, 2);
	CU_ASSERT_EQUAL(factories_stopped, 0);
	plait_port_close(&port);
	log_turn();
	CU_ASSERT_EQUAL(factories_stopped, 1);
	log_end();
}

static void listeners_ports_start_and_stop_too(void)
{
	struct rig_listener listener;
	struct plait_port *closed, *same;
	log_begin();
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &log_protocol, NULL, NULL), 0);
	port = port_new(rig.loop, listener.factory, log_socket(&at));
	closed = port_new(rig.loop, listener.factory, log_socket(&at));
	other = port_new(rig.loop, listener.factory, log_socket(&at));
	CU_ASSERT_TRUE(log_saw(""));
	port_start(port);
	port_start(closed);
	CU_ASSERT_TRUE(log_saw("started started"));
	same = closed;
	plait_port_close(&same);
	CU_ASSERT_TRUE(log_saw(""));
	log_turn();
	CU_ASSERT_TRUE(log_saw("stopped"));
	port_stop(port);
	port_stop(port);
	port_stop(closed);
	port_stop(other);
	CU_ASSERT_TRUE(log_saw("stopped"));
	port_start(other); /* too late */
	CU_ASSERT_TRUE(log_saw(""));
	port_free(&port);
	port_free(&closed);
	port_free(&other);
	CU_ASSERT_TRUE(log_saw(""));
	rig_unlisten(&listener);
	log_end();
}

static void refuses(const char *endpoint, const struct plait_protocol *protocol, int code, const char *part)
{
	struct plait_error error = { 0 };
	CU_ASSERT_PTR_NULL(plait_port_open(rig.loop, endpoint, protocol, NULL, NULL));
	CU_ASSERT_PTR_NULL(plait_port_open(rig.loop, endpoint, protocol, NULL, &error));
	CU_ASSERT_EQUAL(error.code, code);
	if (strstr(error.text, part))
		return;
	printf("# %s: \"%s\" says nothing of \"%s\"\n", endpoint, error.text, part);
	CU_FAIL("another error");
}

static void what_cannot_be_opened_says_why(void)
{
	static const struct plait_protocol headless = { .datagram = deaf };
	static const struct plait_protocol streams_only = { PLAIT_PROTOCOL_HEAD("streams") };
	char taken[64];
	begin("udp://127.0.0.1:0");
	snprintf(taken, sizeof(taken), "udp://127.0.0.1:%u", at.port);
	refuses(taken, &log_protocol, PLAIT_ERROR_SYSTEM, "another program or listener has it");
	refuses("udp://192.0.2.77:0", &log_protocol, PLAIT_ERROR_SYSTEM, "no such address");
	refuses("udp://localhost:0", &log_protocol, PLAIT_ERROR_INVALID, "block the loop");
	refuses("tcp://127.0.0.1:0", &log_protocol, PLAIT_ERROR_INVALID, "\"udp://ADDRESS:PORT\"");
	refuses("unix:/x", &log_protocol, PLAIT_ERROR_INVALID, "\"udp://ADDRESS:PORT\"");
	refuses("upd://127.0.0.1:0", &log_protocol, PLAIT_ERROR_INVALID, "did you mean \"udp://\"");
	refuses("udp://127.0.0.1", &log_protocol, PLAIT_ERROR_INVALID, "expected a port");
	refuses("udp://127.0.0.1:0", &streams_only, PLAIT_ERROR_INVALID, "no datagram callback");
	refuses("udp://127.0.0.1:0", &headless, PLAIT_ERROR_INVALID, "PLAIT_PROTOCOL_HEAD");
	end();
}

struct sample_options {
	int64_t number;
};

static const struct plait_option sample_table[] = {
	PLAIT_OPTION_INT("number", struct sample_options, number, .fallback = "7", .min = 1, .max = 9,
			 .doc = "A number"),
	PLAIT_OPTION_END,
};

static void options_have_defaults(void)
{
	static const struct plait_protocol with_options = { PLAIT_PROTOCOL_HEAD("options"), .datagram = deaf,
							    .options = sample_table,
							    .options_size = sizeof(struct sample_options) };
	struct sample_options mine = { 8 };
	struct plait_port_settings settings = { .options = &mine };
	const struct sample_options *options;
	log_begin();
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &with_options, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	options = plait_port_options(port);
	CU_ASSERT_EQUAL(options->number, 7);
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &with_options, &settings, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	CU_ASSERT_PTR_EQUAL(plait_port_options(port), &mine);
	log_end();
}

static void options_that_must_be_given_have_no_defaults(void)
{
	static const struct plait_option table[] = {
		PLAIT_OPTION_INT("number", struct sample_options, number, .required = true,
				 .doc = "A number"),
		PLAIT_OPTION_END,
	};
	static const struct plait_protocol demanding = { PLAIT_PROTOCOL_HEAD("demanding"), .datagram = deaf,
							 .options = table,
							 .options_size = sizeof(struct sample_options) };
	log_begin();
	refuses("udp://127.0.0.1:0", &demanding, PLAIT_ERROR_INVALID, "the key \"number\" is missing");
	log_end();
}

/* One that was compiled when protocols had fewer members: what lies behind its end is not looked at. */
static void older_protocols_have_no_newer_callbacks(void)
{
	struct plait_protocol old = log_protocol;
	old.head.size = offsetof(struct plait_protocol, port_size);
	old.factory_size = 0;
	log_begin();
	port = plait_port_open(rig.loop, "udp://127.0.0.1:0", &old, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(port);
	CU_ASSERT_PTR_NULL(plait_port_state(port));
	log_turn();
	plait_port_close(&port);
	log_turn();
	CU_ASSERT_TRUE(log_saw(""));
	log_end();
}

SUITE_MAIN("port_open", SUITE_TEST(open_ports_start_hear_answer_and_stop),
	   SUITE_TEST(both_families_work_and_one_port_takes_both), SUITE_TEST(nothing_comes_before_started),
	   SUITE_TEST(ports_close_in_every_callback), SUITE_TEST(what_was_sent_before_a_close_goes_out),
	   SUITE_TEST(what_is_open_at_the_end_is_closed), SUITE_TEST(a_drain_ends_ports_behind_connections),
	   SUITE_TEST(ports_have_state_options_and_a_factory), SUITE_TEST(listeners_ports_start_and_stop_too),
	   SUITE_TEST(what_cannot_be_opened_says_why), SUITE_TEST(options_have_defaults),
	   SUITE_TEST(options_that_must_be_given_have_no_defaults),
	   SUITE_TEST(older_protocols_have_no_newer_callbacks))
