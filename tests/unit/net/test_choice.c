/* Connections whose protocol is known only when the transport's handshake is done. */
#include <plait/line.h>
#include <stdlib.h>
#include <string.h>

#include "core/net/net.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define STATE 5000

static struct {
	bool done;  /* the handshake */
	int agreed; /* on the protocol of that number */
} transport;

static ssize_t handshake(struct transport *unused)
{
	(void)unused;
	return transport.done ? TRANSPORT_END : TRANSPORT_WANT_READ;
}

static int agreed(const struct transport *unused)
{
	(void)unused;
	return transport.agreed;
}

static bool was_zero;

/* Uses all of its state. */
static void made_large(struct plait_conn *conn)
{
	static const unsigned char zero[STATE];
	was_zero = memcmp(plait_conn_state(conn), zero, STATE) == 0;
	memset(plait_conn_state(conn), 0xee, STATE);
	recorder_note("large");
}

static int accept_one(struct plait_factory *factory, const struct plait_addr *peer)
{
	(void)peer;
	recorder_note("accept(%s)", factory->protocol->head.name);
	return 0;
}

static int refuse(struct plait_factory *factory, const struct plait_addr *peer)
{
	(void)peer;
	recorder_note("refuse(%s)", factory->protocol->head.name);
	return -1;
}

static void on_line(struct plait_conn *conn, const void *line, size_t len)
{
	(void)conn;
	recorder_note("line(%.*s)", (int)len, (const char *)line);
}

static void on_lost(struct plait_conn *conn, enum plait_reason reason)
{
	(void)conn;
	recorder_note("lost(%s)", plait_reason_name(reason));
}

static const struct plait_protocol own = {
	PLAIT_PROTOCOL_HEAD("own"),     .conn_size = 1,     .accept = accept_one,
	.framing = &plait_line_framing, .message = on_line, .lost = on_lost,
};
static const struct plait_protocol large = {
	PLAIT_PROTOCOL_HEAD("large"),   .conn_size = STATE, .accept = accept_one, .made = made_large,
	.framing = &plait_line_framing, .message = on_line, .lost = on_lost,
};
static const struct plait_protocol refusing = { PLAIT_PROTOCOL_HEAD("refusing"), .accept = refuse,
						.made = made_large, .lost = on_lost };

enum { RECORDING, LARGE, REFUSING, CHOICES };

static struct rig rig;
static struct rig_listener listener, others[CHOICES];
static struct plait_factory *items[CHOICES];
static struct factory_choices choices = { .count = CHOICES, .items = items };
static struct rig_client client;
static struct transport_ops ops;

static void begin(int number)
{
	static const struct plait_protocol *const protocols[CHOICES] = { &recorder_protocol, &large,
									 &refusing };
	static const struct plait_addr peer = { .family = PLAIT_FAMILY_IPV4, .u.bytes = { 127, 0, 0, 1 } };
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &own, NULL, NULL), 0);
	for (int i = 0; i < CHOICES; i++) {
		CU_ASSERT_EQUAL_FATAL(rig_listen(&others[i], protocols[i], NULL, NULL), 0);
		items[i] = others[i].factory;
	}
	listener.factory->choices = &choices;
	ops = transport_memory;
	ops.handshake = handshake;
	ops.agreed = agreed;
	transport.done = false;
	transport.agreed = number;
	client = (struct rig_client){ .rig = &rig };
	memory_init(&client.memory, rig.loop);
	client.conn = conn_new(rig.loop, listener.factory, &ops, -1, &client.memory, &peer, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
	conn_start(client.conn);
	rig_run(&rig);
}

static void finish_handshake(void)
{
	transport.done = true;
	rig_say(&client, "one\r\ntwo\r\n");
}

static void end(void)
{
	rig_leave(&client);
	rig_unlisten(&listener);
	for (int i = 0; i < CHOICES; i++)
		rig_unlisten(&others[i]);
	rig_fini(&rig);
	recorder_reset();
}

static void nothing_is_asked_before_the_handshake(void)
{
	begin(-1);
	CU_ASSERT_TRUE(recorder_saw(""));
	end();
}

static void without_a_choice_the_listeners_own_serves(void)
{
	begin(-1);
	finish_handshake();
	CU_ASSERT_TRUE(recorder_saw("accept(own) line(one) line(two)"));
	CU_ASSERT_PTR_EQUAL(plait_conn_factory(client.conn), listener.factory);
	plait_abort(client.conn);
	rig_run(&rig);
	client.conn = NULL;
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	end();
}

static void the_one_that_was_agreed_on_serves(void)
{
	begin(RECORDING);
	finish_handshake();
	CU_ASSERT_TRUE(recorder_saw("made data(one\r\ntwo\r\n)"));
	CU_ASSERT_PTR_EQUAL(plait_conn_factory(client.conn), others[RECORDING].factory);
	plait_abort(client.conn);
	rig_run(&rig);
	client.conn = NULL;
	CU_ASSERT_TRUE(recorder_saw("lost(aborted)"));
	end();
}

static void there_is_room_for_the_largest_state_and_its_framing(void)
{
	begin(LARGE);
	finish_handshake();
	CU_ASSERT_TRUE(was_zero);
	CU_ASSERT_TRUE(recorder_saw("accept(large) large line(one) line(two)"));
	end();
}

static void the_one_that_was_agreed_on_may_refuse(void)
{
	begin(REFUSING);
	finish_handshake();
	client.conn = NULL;
	CU_ASSERT_TRUE(recorder_saw("refuse(refusing)"));
	CU_ASSERT_TRUE(client.memory.closed);
	CU_ASSERT_TRUE(client.memory.was_reset);
	end();
}

static void who_leaves_in_the_handshake_is_nobodys(void)
{
	begin(RECORDING);
	plait_abort(client.conn);
	rig_run(&rig);
	client.conn = NULL;
	CU_ASSERT_TRUE(recorder_saw(""));
	end();
}

static void without_choices_the_protocol_is_asked_at_once(void)
{
	rig_init(&rig);
	CU_ASSERT_EQUAL_FATAL(rig_listen(&listener, &own, NULL, NULL), 0);
	rig_connect(&rig, &listener, &client);
	CU_ASSERT_TRUE(recorder_saw("accept(own)"));
	rig_say(&client, "one\r\n");
	CU_ASSERT_TRUE(recorder_saw("line(one)"));
	rig_leave(&client);
	rig_unlisten(&listener);
	rig_fini(&rig);
	recorder_reset();
}

SUITE_MAIN("choice", SUITE_TEST(nothing_is_asked_before_the_handshake),
	   SUITE_TEST(without_a_choice_the_listeners_own_serves),
	   SUITE_TEST(the_one_that_was_agreed_on_serves),
	   SUITE_TEST(there_is_room_for_the_largest_state_and_its_framing),
	   SUITE_TEST(the_one_that_was_agreed_on_may_refuse),
	   SUITE_TEST(who_leaves_in_the_handshake_is_nobodys),
	   SUITE_TEST(without_choices_the_protocol_is_asked_at_once))
