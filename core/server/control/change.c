/* The commands that change what the server does: drain, pause, resume, reload, log-level, stop. */
#include <sys/socket.h>

#include "core/base/log.h"
#include "core/server/control/request.h"
#include "core/server/gather.h"
#include "core/server/listener/kind.h"
#include "core/server/reload.h"
#include "core/server/shutdown.h"

/* ---- listeners ---- */

static void answer_served(struct gather *gather, void *arg)
{
	struct request *request = arg;
	request_answer(request, json_pack("{s:i}", "loops_missing", (int)gather_missing(gather)));
}

static void serve(struct request *request, enum listener_service service, const char *what)
{
	const struct listener_arguments *arguments = request->arguments;
	if (request_refuse_late(request))
		return;
	struct plait_listener *listener = request_find_listener(request, arguments->listener);
	if (!listener)
		return;
	if (service == SERVICE_DRAINED && listener->kind->type != SOCK_STREAM) {
		request_refuse(request, "bad-argument", json_pack("{s:s}", "path", "listener"),
			       "\"%s\" has datagrams and no connections to drain; pause it", listener->name);
		return;
	}
	struct log_subject subject = { .listener = listener->name };
	log_write(PLAIT_LOG_INFO, &subject, "control: %s", what);
	listener_serve(listener, service);
	gather_begin(request->server->reactor, &(struct gathering){ .done = answer_served }, request);
}

void drain_command(struct request *request)
{
	serve(request, SERVICE_DRAINED, "drained");
}

void pause_command(struct request *request)
{
	serve(request, SERVICE_PAUSED, "paused");
}

void resume_command(struct request *request)
{
	serve(request, SERVICE_ON, "resumed");
}

/* ---- reload ---- */

static json_t *tell_problem(const struct problem *problem)
{
	json_t *json = json_pack("{s:b, s:o}", "warning", problem->warning, "text",
				 request_text(problem->text));
	if (problem->file)
		json_object_set_new(json, "file", request_text(problem->file));
	if (problem->path)
		json_object_set_new(json, "path", request_text(problem->path));
	if (problem->line > 0) {
		json_object_set_new(json, "line", json_integer(problem->line));
		json_object_set_new(json, "column", json_integer(problem->column));
	}
	return json;
}

static json_t *tell_problems(const struct problems *problems)
{
	json_t *list = json_array();
	for (size_t i = 0; i < problems->count; i++)
		json_array_append_new(list, tell_problem(&problems->items[i]));
	return list;
}

static void answer_reload(const struct reload_outcome *outcome, void *arg)
{
	struct request *request = arg;
	const struct problems *problems = &outcome->problems;
	if (outcome->result < 0) {
		request_refuse(request, "refused",
			       json_pack("{s:o, s:i}", "problems", tell_problems(problems), "omitted",
					 (int)problems->omitted),
			       "not reloaded, and all is as it was: %zu error%s", problems->errors,
			       problems->errors == 1 ? "" : "s");
		return;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < outcome->changes.count; i++)
		json_array_append_new(list, request_text(outcome->changes.items[i]));
	request_answer(request,
		       json_pack("{s:o, s:o, s:i}", "changes", list, "warnings", tell_problems(problems),
				 "loops_missing", (int)outcome->loops_missing));
}

void reload_command(struct request *request)
{
	if (request_refuse_late(request))
		return;
	log_write(PLAIT_LOG_INFO, NULL, "control: reload");
	server_order_reload(request->server, answer_reload, request);
}

/* ---- the rest ---- */

void log_level_command(struct request *request)
{
	const struct log_level_arguments *arguments = request->arguments;
	const char *before = log_level_name(log_level());
	log_set_level((enum plait_log_level)arguments->level);
	log_write(PLAIT_LOG_INFO, NULL, "control: log level %s", log_level_name(log_level()));
	request_answer(request,
		       json_pack("{s:s, s:s}", "level", log_level_name(log_level()), "before", before));
}

/* The connection then ends when the server does, so that the peer can wait for that. */
void stop_command(struct request *request)
{
	const struct stop_arguments *arguments = request->arguments;
	struct plait_reactor *reactor = request->server->reactor;
	bool now = arguments->now;
	log_write(PLAIT_LOG_INFO, NULL, "control: stop%s", now ? " now" : "");
	if (request->session)
		session_keep(request->session);
	request_answer(request, json_pack("{s:b}", "now", now));
	reactor_stop(reactor, now);
}
