/* The receivers that Twisted's tests use, as protocols of plait. */
#include "tests/conformance/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "tests/conformance/hex.h"

struct stage stage;

static void record(json_t *list, const void *bytes, size_t len)
{
	char *text = hex_encode(bytes, len);

	json_array_append_new(list, json_string(text));
	free(text);
}

/* Adds to the last entry. */
static void record_more(json_t *list, const void *bytes, size_t len)
{
	size_t last = json_array_size(list) - 1;
	char *text = hex_encode(bytes, len);

	json_array_set_new(list, last,
			   json_sprintf("%s%s", json_string_value(json_array_get(list, last)), text));
	free(text);
}

static void framed_mode(struct plait_conn *conn)
{
	plait_set_framing(conn, stage.framing, stage.settings);
}

static void raw_mode(struct plait_conn *conn)
{
	plait_set_framing(conn, NULL, NULL);
}

static void record_message(struct plait_conn *conn, const void *message, size_t len)
{
	(void)conn;
	record(stage.received, message, len);
}

/* ---- line_tester ---- */

static bool is(const void *line, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(line, word, len);
}

static void pause_now(struct plait_conn *conn)
{
	stage.paused = true;
	plait_pause(conn);
}

static void tester_line(struct plait_conn *conn, const void *line, size_t len)
{
	record(stage.received, line, len);
	if (len == 0) {
		raw_mode(conn);
	} else if (is(line, len, "pause")) {
		pause_now(conn);
	} else if (is(line, len, "rawpause")) {
		pause_now(conn);
		raw_mode(conn);
		record(stage.received, "", 0);
	} else if (is(line, len, "stop")) {
		plait_close(conn);
	} else if (len > 4 && len < 12 && !memcmp(line, "len ", 4)) {
		char digits[12] = { 0 };

		memcpy(digits, (const char *)line + 4, len - 4);
		stage.quota = strtoul(digits, NULL, 10);
	}
}

static size_t tester_raw(struct plait_conn *conn, const void *data, size_t len)
{
	size_t taken = len < stage.quota ? len : stage.quota;

	record_more(stage.received, data, taken);
	stage.quota -= taken;
	if (stage.quota == 0)
		framed_mode(conn);
	return taken;
}

static size_t tester_exceeded(struct plait_conn *conn, const void *data, size_t len)
{
	size_t dropped = (size_t)stage.max_length + 1;

	(void)conn;
	(void)data;
	return len > dropped ? dropped : len;
}

/* ---- the others ---- */

static void clear_line(struct plait_conn *conn, const void *line, size_t len)
{
	size_t waiting;
	const void *input = plait_input(conn, &waiting);

	record(stage.received, line, len);
	record(stage.cleared, input, waiting);
	plait_input_discard(conn);
}

static void flip_line(struct plait_conn *conn, const void *line, size_t len)
{
	record(stage.received, line, len);
	raw_mode(conn);
}

static size_t flip_raw(struct plait_conn *conn, const void *data, size_t len)
{
	(void)data;
	(void)len;
	framed_mode(conn);
	return 1;
}

static size_t record_exceeded(struct plait_conn *conn, const void *data, size_t len)
{
	record(stage.exceeded, data, len);
	json_array_append_new(stage.lengths, json_integer((json_int_t)plait_message_length(conn)));
	return len;
}

static void record_buffer(struct plait_conn *conn, const void *message, size_t len)
{
	size_t waiting;
	const void *input = plait_input(conn, &waiting);

	record(stage.received, message, len);
	record(stage.cleared, input, waiting);
}

static void replace_once(struct plait_conn *conn, const void *message, size_t len)
{
	size_t size;
	uint8_t *bytes = stage.replacement ? hex_decode(stage.replacement, &size) : NULL;

	record(stage.received, message, len);
	if (bytes && plait_input_replace(conn, bytes, size) == 0)
		stage.replacement = NULL;
	free(bytes);
}

static void consume_four(struct plait_conn *conn, const void *message, size_t len)
{
	record(stage.received, message, len);
	plait_input_drop(conn, 4);
}

static void write_line(struct plait_conn *conn, const void *line, size_t len)
{
	json_array_append_new(stage.writes, json_integer((json_int_t)len));
	plait_write(conn, line, len);
	pause_now(conn);
}

#define HANDLER(name_, ...)                                                                                  \
	{                                                                                                    \
		PLAIT_PROTOCOL_HEAD(name_), .made = framed_mode, __VA_ARGS__                                 \
	}

static const struct plait_protocol handlers[] = {
	HANDLER("", .message = record_message),
	HANDLER("line_tester", .message = tester_line, .data = tester_raw,
		.message_too_long = tester_exceeded),
	HANDLER("clear_buffer_on_line", .message = clear_line),
	HANDLER("flip", .message = flip_line, .data = flip_raw),
	HANDLER("record_exceeded", .message = record_message, .message_too_long = record_exceeded),
	HANDLER("write_line_then_pause", .message = write_line),
	HANDLER("record_buffer", .message = record_buffer),
	HANDLER("replace_buffer_once", .message = replace_once),
	HANDLER("consume_4_bytes_on_delivery", .message = consume_four),
};

const struct plait_protocol *handler_find(const char *name)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (!strcmp(handlers[i].head.name, name ? name : ""))
			return &handlers[i];
	}
	return NULL;
}
