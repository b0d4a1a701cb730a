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

static void line_mode(struct plait_conn *conn)
{
	plait_set_framing(conn, &plait_line_framing, &stage.line);
}

static void raw_mode(struct plait_conn *conn)
{
	plait_set_framing(conn, NULL, NULL);
}

static void record_line(struct plait_conn *conn, const void *line, size_t len)
{
	(void)conn;
	record(stage.received, line, len);
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
		line_mode(conn);
	return taken;
}

static size_t tester_exceeded(struct plait_conn *conn, const void *data, size_t len)
{
	size_t dropped = (size_t)stage.line.max_length + 1;

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
	line_mode(conn);
	return 1;
}

static size_t record_exceeded(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn;
	record(stage.exceeded, data, len);
	return len;
}

static void write_line(struct plait_conn *conn, const void *line, size_t len)
{
	json_array_append_new(stage.writes, json_integer((json_int_t)len));
	plait_write(conn, line, len);
	pause_now(conn);
}

#define HANDLER(name_, ...)                                                                                  \
	{                                                                                                    \
		.head = { PLAIT_MAGIC,         PLAIT_ABI_MAJOR,                                              \
			  PLAIT_ABI_MINOR,     sizeof(struct plait_protocol),                                \
			  PLAIT_KIND_PROTOCOL, name_ },                                                      \
		.made = line_mode, __VA_ARGS__                                                               \
	}

static const struct plait_protocol handlers[] = {
	HANDLER("", .message = record_line),
	HANDLER("line_tester", .message = tester_line, .data = tester_raw,
		.message_too_long = tester_exceeded),
	HANDLER("clear_buffer_on_line", .message = clear_line),
	HANDLER("flip", .message = flip_line, .data = flip_raw),
	HANDLER("record_exceeded", .message = record_line, .message_too_long = record_exceeded),
	HANDLER("write_line_then_pause", .message = write_line),
};

const struct plait_protocol *handler_find(const char *name)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (!strcmp(handlers[i].head.name, name ? name : ""))
			return &handlers[i];
	}
	return NULL;
}
