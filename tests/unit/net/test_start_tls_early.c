/* Bytes that come before TLS has begun: wherever they wait, nobody takes them for the peer's. */
#include <plait/error.h>
#include <string.h>

#include "tests/unit/net/upgrading.h"
#include "tests/unit/suite.h"

/* Neither the answer nor anything else was sent; the command behind STARTTLS was not seen. */
static void ended_early(const char *events)
{
	CU_ASSERT_TRUE(recorder_saw(events));
	CU_ASSERT_TRUE(rig_heard(&client, ""));
	CU_ASSERT_TRUE(client.memory.was_reset);
	done();
}

/* For lines: TLS begins with the one that asks for it. */
static void begin_lines(void)
{
	recorder.on_message = upgrading_message;
	upgrading_begin(&recorder_upgrading_line_protocol);
}

static void behind_it_in_one_segment(void)
{
	begin_lines();
	rig_say(&client, "STARTTLS\r\nEVIL\r\n");
	ended_early("message(STARTTLS) lost(tls-early)");
}

static void behind_it_half_a_line(void)
{
	begin_lines();
	rig_say(&client, "STARTTLS\r\nE");
	ended_early("message(STARTTLS) lost(tls-early)");
}

/* Part of it came before, so that the connection's own buffer holds all. */
static void behind_it_in_what_waited(void)
{
	begin_lines();
	rig_say(&client, "START");
	rig_say(&client, "TLS\r\nEVIL\r\n");
	ended_early("message(STARTTLS) lost(tls-early)");
}

static size_t take_eight(struct plait_conn *conn, const void *data, size_t len)
{
	upgrading_data(conn, data, len);
	return len < 8 ? 0 : 8;
}

static void behind_what_a_raw_protocol_takes(void)
{
	recorder.on_data = take_eight;
	upgrading_begin(&recorder_upgrading_protocol);
	rig_say(&client, "STARTTLSEVIL");
	ended_early("data(STARTTLSEVIL) lost(tls-early)");
}

static void behind_what_a_raw_protocol_takes_of_what_waited(void)
{
	recorder.on_data = take_eight;
	upgrading_begin(&recorder_upgrading_protocol);
	rig_say(&client, "START");
	rig_say(&client, "TLSEVIL");
	ended_early("data(START) data(STARTTLSEVIL) lost(tls-early)");
}

/* With a framing set in the callback, the rest is not for that either. */
static size_t take_eight_and_frame(struct plait_conn *conn, const void *data, size_t len)
{
	size_t taken = take_eight(conn, data, len);
	plait_set_framing(conn, recorder_line_protocol.framing, NULL);
	return taken;
}

static void behind_it_with_another_framing(void)
{
	recorder.on_data = take_eight_and_frame;
	upgrading_begin(&recorder_upgrading_line_protocol);
	plait_set_framing(client.conn, NULL, NULL);
	rig_say(&client, "STARTTLSEVIL\r\n");
	ended_early("data(STARTTLSEVIL\r\n) lost(tls-early)");
}

static void in_the_kernel_before_the_answer_leaves(void)
{
	begin_lines();
	client.memory.read_most = 10; /* the line itself */
	rig_say(&client, "STARTTLS\r\nEVIL\r\n");
	ended_early("message(STARTTLS) lost(tls-early)");
}

static void in_the_kernel_while_the_answer_cannot_leave(void)
{
	begin_lines();
	client.memory.write_room = 1;
	rig_say(&client, "STARTTLS\r\n");
	CU_ASSERT_TRUE(rig_heard(&client, "g"));
	rig_say(&client, "EVIL\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(STARTTLS)"));
	rig_read(&client);
	ended_early("lost(tls-early)");
}

/* Who has the whole answer may go on: what comes then is TLS, or no handshake. */
static void behind_the_answer_it_is_for_tls_to_judge(void)
{
	begin_lines();
	rig_say(&client, "STARTTLS\r\n");
	CU_ASSERT_TRUE(rig_heard(&client, "go."));
	rig_say(&client, "EVIL\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(STARTTLS) lost(tls-handshake)"));
	done();
}

static void that_wait_for_a_paused_protocol(void)
{
	upgrading_begin(&recorder_upgrading_line_protocol);
	rig_say(&client, "half");
	plait_pause(client.conn);
	CU_ASSERT_EQUAL(upgrading_start(client.conn), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	ended_early("lost(tls-early)");
}

static void pause_it(struct plait_conn *conn, const void *message, size_t len)
{
	(void)message;
	(void)len;
	plait_pause(conn);
}

/* Whole lines whose delivery is due at the end of the turn. */
static void whose_delivery_is_due(void)
{
	recorder.on_message = pause_it;
	upgrading_begin(&recorder_upgrading_line_protocol);
	rig_say(&client, "one\r\nEVIL\r\n");
	CU_ASSERT_TRUE(recorder_saw("message(one)"));
	plait_resume(client.conn);
	CU_ASSERT_EQUAL(upgrading_start(client.conn), PLAIT_ERROR_CLOSING);
	rig_run(&rig);
	ended_early("lost(tls-early)");
}

/* In the kernel, where a paused connection leaves them. */
static void that_a_paused_connection_has_not_read(void)
{
	upgrading_begin(&recorder_upgrading_line_protocol);
	plait_pause(client.conn);
	rig_run(&rig);
	rig_say(&client, "EVIL\r\n");
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	ended_early("lost(tls-early)");
}

static void close_as_well(struct plait_conn *conn, const void *message, size_t len)
{
	upgrading_message(conn, message, len);
	plait_close(conn);
}

static void are_the_reason_even_when_it_is_to_close(void)
{
	recorder.on_message = close_as_well;
	upgrading_begin(&recorder_upgrading_line_protocol);
	rig_say(&client, "STARTTLS\r\nEVIL\r\n");
	ended_early("message(STARTTLS) lost(tls-early)");
}

static void discard_before(struct plait_conn *conn, const void *message, size_t len)
{
	plait_input_discard(conn);
	upgrading_message(conn, message, len);
}

static void discard_after(struct plait_conn *conn, const void *message, size_t len)
{
	upgrading_message(conn, message, len);
	plait_input_discard(conn);
}

/* A protocol may know better: what it discards it has consumed. */
static void that_are_discarded_do_no_harm(void)
{
	void (*const ways[])(struct plait_conn *, const void *, size_t) = { discard_before, discard_after };
	for (unsigned i = 0; i < 2; i++) {
		recorder.on_message = ways[i];
		upgrading_begin(&recorder_upgrading_line_protocol);
		rig_say(&client, "STARTTLS\r\nEVIL\r\n");
		CU_ASSERT_TRUE(rig_heard(&client, "go."));
		upgrading_shake(&client);
		rig_say(&client, "hello\r\n");
		CU_ASSERT_TRUE(recorder_saw("message(STARTTLS) tls_started message(hello)"));
		done();
	}
}

/* The rest of a message in plain that is being skipped is not looked for under TLS. */
static void that_never_came_are_not_skipped(void)
{
	upgrading_begin(&recorder_upgrading_line_protocol);
	plait_frame_skip(client.conn);
	CU_ASSERT_EQUAL(upgrading_start(client.conn), 0);
	rig_run(&rig);
	upgrading_shake(&client);
	rig_say(&client, "one\r\ntwo\r\n");
	CU_ASSERT_TRUE(recorder_saw("tls_started message(one) message(two)"));
	done();
}

SUITE_MAIN("start_tls_early", SUITE_TEST(behind_it_in_one_segment), SUITE_TEST(behind_it_half_a_line),
	   SUITE_TEST(behind_it_in_what_waited), SUITE_TEST(behind_what_a_raw_protocol_takes),
	   SUITE_TEST(behind_what_a_raw_protocol_takes_of_what_waited),
	   SUITE_TEST(behind_it_with_another_framing), SUITE_TEST(in_the_kernel_before_the_answer_leaves),
	   SUITE_TEST(in_the_kernel_while_the_answer_cannot_leave),
	   SUITE_TEST(behind_the_answer_it_is_for_tls_to_judge), SUITE_TEST(that_wait_for_a_paused_protocol),
	   SUITE_TEST(whose_delivery_is_due), SUITE_TEST(that_a_paused_connection_has_not_read),
	   SUITE_TEST(are_the_reason_even_when_it_is_to_close), SUITE_TEST(that_are_discarded_do_no_harm),
	   SUITE_TEST(that_never_came_are_not_skipped))
