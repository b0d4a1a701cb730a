/* The table of commands, and reading a line by it. */
#include "core/server/control/command.h"

#include <stdio.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/log.h"
#include "core/base/option.h"
#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/server/control/request.h"

/* ---- what they take ---- */

static const struct plait_choice state_choices[] = {
	{ "any", SELECT_ANY_STATE, NULL },
	{ "handshake", CONN_HANDSHAKE, NULL },
	{ "open", CONN_OPEN, NULL },
	{ "closing", CONN_FLUSHING, NULL },
	{ 0 },
};

static const struct plait_choice sort_choices[] = {
	{ "age", SELECT_BY_AGE, NULL },
	{ "idle", SELECT_BY_IDLE, NULL },
	{ "bytes", SELECT_BY_BYTES, NULL },
	{ "queued", SELECT_BY_QUEUED, NULL },
	{ 0 },
};

static const struct plait_choice level_choices[] = {
	{ "error", PLAIT_LOG_ERROR, NULL },
	{ "warning", PLAIT_LOG_WARNING, NULL },
	{ "info", PLAIT_LOG_INFO, NULL },
	{ "debug", PLAIT_LOG_DEBUG, NULL },
	{ 0 },
};

#define SELECT_ROWS(struct_)                                                                                 \
	PLAIT_OPTION_STRING("listener", struct_, select.listener, .min = 1, .max = 64,                       \
			    .doc = "Those of this listener"),                                                \
		PLAIT_OPTION_STRING("peer", struct_, select.peer, .min = 1, .max = 64,                       \
				    .doc = "Those from this address or network: 192.0.2.1, 2001:db8::/32"),  \
		PLAIT_OPTION_CHOICE("state", struct_, select.state, state_choices, .fallback = "any",        \
				    .doc = "Those in this state")

static const struct plait_option no_arguments[] = { PLAIT_OPTION_END };

static const struct plait_option listener_arguments[] = {
	PLAIT_OPTION_STRING("listener", struct listener_arguments, listener, .required = true, .min = 1,
			    .max = 64, .doc = "The listener's name"),
	PLAIT_OPTION_END,
};

static const struct plait_option connections_arguments[] = {
	SELECT_ROWS(struct connections_arguments),
	PLAIT_OPTION_CHOICE("sort", struct connections_arguments, sort, sort_choices, .fallback = "age",
			    .doc = "The most of this comes first"),
	PLAIT_OPTION_INT("limit", struct connections_arguments, limit, .fallback = "100", .min = 1,
			 .max = SELECT_MOST, .doc = "So many are listed; all are counted"),
	PLAIT_OPTION_END,
};

static const struct plait_option kick_arguments[] = {
	PLAIT_OPTION_INT("id", struct kick_arguments, select.id, .min = 1, .max = INT64_MAX,
			 .doc = "The one of this number"),
	SELECT_ROWS(struct kick_arguments),
	PLAIT_OPTION_BOOL("all", struct kick_arguments, all, .fallback = "false",
			  .doc = "All there are; or one of the others must be given"),
	PLAIT_OPTION_END,
};

static const struct plait_option log_level_arguments[] = {
	PLAIT_OPTION_CHOICE("level", struct log_level_arguments, level, level_choices, .required = true,
			    .doc = "The least weight a line must have to be written"),
	PLAIT_OPTION_END,
};

static const struct plait_option stop_arguments[] = {
	PLAIT_OPTION_BOOL("now", struct stop_arguments, now, .fallback = "false", .doc = "Without draining"),
	PLAIT_OPTION_END,
};

/* ---- the table ---- */

#define NOTHING no_arguments, 1
#define LISTENER listener_arguments, sizeof(struct listener_arguments)

const struct control_command control_commands[] = {
	{ "status", NOTHING, status_command, "what the server is, has done and has in use" },
	{ "listeners", NOTHING, listeners_command, "each listener with its state and its connections" },
	{ "connections", connections_arguments, sizeof(struct connections_arguments), connections_command,
	  "lists connections" },
	{ "kick", kick_arguments, sizeof(struct kick_arguments), kick_command, "resets connections" },
	{ "drain", LISTENER, drain_command,
	  "ends a listener's connections in order, and resets who comes until it is resumed" },
	{ "pause", LISTENER, pause_command, "accepts nobody; who comes waits in the backlog" },
	{ "resume", LISTENER, resume_command, "accepts again" },
	{ "reload", NOTHING, reload_command,
	  "reads the configuration anew, and says what changed or why not" },
	{ "log-level", log_level_arguments, sizeof(struct log_level_arguments), log_level_command,
	  "logs more or less until the next reload" },
	{ "stop", stop_arguments, sizeof(struct stop_arguments), stop_command, "drains and ends the server" },
	{ "upgrade", NOTHING, upgrade_command, "starts the program as it is on the disk in its place" },
	{ "help", NOTHING, help_request, "lists the commands" },
	{ 0 },
};

/* ---- a line ---- */

static const struct control_command *find(const char *name)
{
	for (const struct control_command *command = control_commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

static void PLAIT_PRINTF(4, 5)
	blame(struct control_fault *fault, const char *code, const char *path, const char *format, ...)
{
	va_list args;
	*fault = (struct control_fault){ .code = code };
	snprintf(fault->path, sizeof(fault->path), "%s", path);
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
}

static void blame_name(struct control_fault *fault, const char *name)
{
	struct suggest best = { 0 };
	char found[128];
	escape_text(found, sizeof(found), name, strlen(name));
	for (const struct control_command *command = control_commands; command->name; command++)
		suggest_offer(&best, name, command->name);
	blame(fault, "unknown-command", "command", "no command \"%s\"%s%s%s", found,
	      best.word ? ", did you mean \"" : "; \"help\" lists them", best.word ? best.word : "",
	      best.word ? "\"?" : "");
}

/* The envelope comes off: what is left are the arguments. */
static const struct control_command *open_envelope(json_t *object, struct control_fault *fault)
{
	const json_t *version = json_object_get(object, "v"), *name = json_object_get(object, "command");
	char found[128];
	if (!json_is_integer(version) || json_integer_value(version) != CONTROL_VERSION) {
		blame(fault, "bad-version", "v", "found %s; expected \"v\": %d",
		      version ? option_found_text(version, found, sizeof(found)) : "none", CONTROL_VERSION);
		return NULL;
	}
	if (!json_is_string(name)) {
		blame(fault, "bad-argument", "command", "found %s; expected the name of a command",
		      name ? option_found_text(name, found, sizeof(found)) : "none");
		return NULL;
	}
	const struct control_command *command = find(json_string_value(name));
	if (!command)
		blame_name(fault, json_string_value(name));
	json_object_del(object, "v");
	json_object_del(object, "command");
	return command;
}

static bool read_arguments(const struct control_command *command, const json_t *object,
			   struct option_arena *arena, void **arguments, struct control_fault *fault)
{
	struct problems problems;
	struct option_context context = { .arena = arena, .problems = &problems, .folder = "/" };
	problems_init(&problems);
	*arguments = option_arena_alloc(arena, command->arguments_size);
	bool good = option_parse(command->arguments, object, "", *arguments, &context) == 0;
	char text[sizeof(fault->text)] = "";
	for (size_t i = 0; i < problems.count; i++)
		text_append(text, sizeof(text), "%s%s", i > 0 ? "; " : "", problems.items[i].text);
	if (!good)
		blame(fault, "bad-argument", problems.items[0].path ? problems.items[0].path : "", "%s",
		      text);
	problems_fini(&problems);
	return good;
}

const struct control_command *control_parse(const char *line, size_t len, struct option_arena *arena,
					    void **arguments, struct control_fault *fault)
{
	json_error_t wrong;
	char found[200];
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
	const struct control_command *command = NULL;
	if (json_is_object(object)) {
		command = open_envelope(object, fault);
	} else if (object) {
		blame(fault, "bad-json", "", "found %s; expected an object",
		      option_found_text(object, found, sizeof(found)));
	} else {
		escape_text(found, sizeof(found), wrong.text, strlen(wrong.text));
		blame(fault, "bad-json", "", "no JSON: %s", found);
	}
	if (command && !read_arguments(command, object, arena, arguments, fault))
		command = NULL;
	json_decref(object);
	return command;
}

void help_request(struct request *request)
{
	json_t *list = json_array();
	for (const struct control_command *command = control_commands; command->name; command++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", command->name, "help",
						      command->help, "arguments",
						      option_schema(command->arguments)));
	request_answer(request, json_pack("{s:o}", "commands", list));
}
