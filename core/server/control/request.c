/* Requests: run by their command, answered in one line. */
#include "core/server/control/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/buffer.h"
#include "core/base/escape.h"

struct request *request_new(struct server *server, struct session *session)
{
	struct request *request = alloc_zeroed(sizeof(*request), "a control command");
	request->server = server;
	request->session = session;
	request->arena = option_arena_new();
	return request;
}

static void request_free(struct request *request)
{
	option_arena_free(&request->arena);
	free(request);
}

json_t *request_text(const char *text)
{
	json_t *json = json_string(text);
	if (json)
		return json;
	size_t size = 4 * strlen(text) + 4;
	char *clean = malloc(size);
	if (!clean)
		return json_null();
	escape_text(clean, size, text, strlen(text));
	json = json_string(clean);
	free(clean);
	return json ? json : json_null();
}

struct line {
	struct buffer bytes;
	bool failed;
};

/* The library goes on behind a part that could not be kept, so that is remembered here. */
static int keep(const char *bytes, size_t len, void *arg)
{
	struct line *line = arg;
	line->failed |= buffer_append(&line->bytes, bytes, len) < 0;
	return line->failed ? -1 : 0;
}

/* Takes the reference; NULL: there was no memory for the answer. */
static void send_line(struct request *request, json_t *answer)
{
	static const char short_of_memory[] = "{\"v\":1,\"ok\":false,\"error\":{\"code\":\"failed\","
					      "\"text\":\"no memory for the answer\"}}\n";
	struct line line = { 0 };
	if (request->session && json_dump_callback(answer, keep, &line, JSON_COMPACT) == 0 &&
	    keep("\n", 1, &line) == 0)
		session_answer(request->session, (const char *)buffer_data(&line.bytes),
			       buffer_size(&line.bytes));
	else if (request->session)
		session_answer(request->session, short_of_memory, sizeof(short_of_memory) - 1);
	buffer_fini(&line.bytes);
	json_decref(answer);
	request_free(request);
}

void request_answer(struct request *request, json_t *body)
{
	json_t *answer = json_pack("{s:i, s:b}", "v", CONTROL_VERSION, "ok", true);
	if (json_object_update(answer, body) < 0) {
		json_decref(answer);
		answer = NULL;
	}
	json_decref(body);
	send_line(request, answer);
}

void request_refuse(struct request *request, const char *code, json_t *more, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_t *error = json_pack("{s:s, s:o}", "code", code, "text", request_text(text));
	if (more)
		json_object_update(error, more);
	json_decref(more);
	send_line(request, json_pack("{s:i, s:b, s:o}", "v", CONTROL_VERSION, "ok", false, "error", error));
}

bool request_refuse_late(struct request *request)
{
	const char *why = server_ends(request->server);
	if (why)
		request_refuse(request, "stopping", NULL, "%s", why);
	return why;
}

void request_forget_peer(struct request *request)
{
	request->session = NULL;
}

void request_run(struct request *request, const char *line, size_t len)
{
	struct control_fault fault;
	request->command = control_parse(line, len, request->arena, &request->arguments, &fault);
	if (request->command)
		request->command->run(request);
	else
		request_refuse(request, fault.code,
			       fault.path[0] ? json_pack("{s:o}", "path", request_text(fault.path)) : NULL,
			       "%s", fault.text);
}
