/* The protocol that writes down what happens to it. */
#include "tests/unit/net/recorder.h"

#include <CUnit/CUnit.h>
#include <plait/line.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct recorder recorder;

void recorder_reset(void)
{
	recorder = (struct recorder){ 0 };
}

void recorder_note(const char *format, ...)
{
	size_t used = strlen(recorder.events);
	va_list args;
	va_start(args, format);
	if (used > 0 && used + 1 < sizeof(recorder.events))
		recorder.events[used++] = ' ';
	vsnprintf(recorder.events + used, sizeof(recorder.events) - used, format, args);
	va_end(args);
}

bool recorder_saw(const char *events)
{
	bool same = strcmp(recorder.events, events) == 0;
	if (!same)
		printf("# saw \"%s\" instead of \"%s\"\n", recorder.events, events);
	recorder.events[0] = '\0';
	return same;
}

/* Rule 2: no callback runs inside another of its connection; here there is one connection at a time. */
static void enter(void)
{
	CU_ASSERT_FALSE(recorder.inside);
	CU_ASSERT_EQUAL(recorder.lost, 0);
	recorder.inside = true;
}

static void leave(void)
{
	recorder.inside = false;
}

static void made(struct plait_conn *conn)
{
	enter();
	recorder_note("made");
	if (recorder.on_made)
		recorder.on_made(conn);
	leave();
}

static size_t data(struct plait_conn *conn, const void *bytes, size_t len)
{
	enter();
	if (len < 32)
		recorder_note("data(%.*s)", (int)len, (const char *)bytes);
	else
		recorder_note("data(%zu)", len);
	recorder.received += len;
	size_t taken = recorder.on_data ? recorder.on_data(conn, bytes, len) : len;
	leave();
	return taken;
}

static void message(struct plait_conn *conn, const void *bytes, size_t len)
{
	enter();
	recorder_note("message(%.*s)", (int)len, (const char *)bytes);
	if (recorder.on_message)
		recorder.on_message(conn, bytes, len);
	leave();
}

static void drained(struct plait_conn *conn)
{
	enter();
	recorder_note("drained");
	if (recorder.on_drained)
		recorder.on_drained(conn);
	leave();
}

static void eof(struct plait_conn *conn)
{
	enter();
	recorder_note("eof");
	if (recorder.on_eof)
		recorder.on_eof(conn);
	leave();
}

static void draining(struct plait_conn *conn)
{
	enter();
	recorder_note("draining");
	if (recorder.on_draining)
		recorder.on_draining(conn);
	leave();
}

static void lost(struct plait_conn *conn, enum plait_reason reason)
{
	enter();
	recorder_note("lost(%s)", plait_reason_name(reason));
	if (recorder.on_lost)
		recorder.on_lost(conn, reason);
	leave();
	recorder.lost++;
}

static void tls_started(struct plait_conn *conn)
{
	enter();
	recorder_note("tls_started");
	if (recorder.on_tls_started)
		recorder.on_tls_started(conn);
	leave();
}

static int refuse(struct plait_factory *factory, const struct plait_addr *peer)
{
	(void)factory;
	(void)peer;
	return -1;
}

const struct plait_protocol recorder_protocol = { PLAIT_PROTOCOL_HEAD("recorder"),
						  .made = made,
						  .data = data,
						  .drained = drained,
						  .eof = eof,
						  .lost = lost,
						  .conn_size = 8 };
const struct plait_protocol recorder_no_eof_protocol = { PLAIT_PROTOCOL_HEAD("no-eof"), .made = made,
							 .data = data, .lost = lost };
const struct plait_protocol recorder_draining_protocol = { PLAIT_PROTOCOL_HEAD("draining"), .made = made,
							   .data = data, .draining = draining, .lost = lost };
const struct plait_protocol recorder_refusing_protocol = { PLAIT_PROTOCOL_HEAD("refusing"), .accept = refuse,
							   .made = made, .data = data, .lost = lost };
const struct plait_protocol recorder_line_protocol = {
	PLAIT_PROTOCOL_HEAD("line"),    .made = made,       .data = data,
	.framing = &plait_line_framing, .message = message, .lost = lost
};
const struct plait_protocol recorder_upgrading_protocol = { PLAIT_PROTOCOL_HEAD("upgrading"),
							    .made = made,
							    .data = data,
							    .drained = drained,
							    .eof = eof,
							    .draining = draining,
							    .lost = lost,
							    .starts_tls = true,
							    .tls_started = tls_started };
const struct plait_protocol recorder_upgrading_line_protocol = {
	PLAIT_PROTOCOL_HEAD("upgrading-line"),
	.made = made,
	.data = data,
	.framing = &plait_line_framing,
	.message = message,
	.lost = lost,
	.starts_tls = true,
	.tls_started = tls_started,
};
