/* The command line: finds the command, reads its arguments, and makes sure that what it printed arrived. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <plait/program.h>

#include "core/base/escape.h"
#include "core/base/suggest.h"
#include "core/cli/cli.h"

#define FILE_OPERAND                                                                                         \
	{                                                                                                    \
		"FILE", true, offsetof(struct arguments, operand)                                            \
	}

static const struct cli_option config_option[] = {
	{
		.name = "--config",
		.type = CLI_TEXT,
		.value = "FILE",
		.offset = offsetof(struct arguments, config),
		.doc = "the plugins that FILE names, instead of all that are found",
	},
	{ 0 },
};

#define OPTION(name_, type_, value_, member_, most_, doc_)                                                   \
	{                                                                                                    \
		.name = (name_), .type = (type_), .value = (value_),                                         \
		.offset = offsetof(struct arguments, member_), .min = 1, .max = (most_), .doc = (doc_)       \
	}
#define CONTROL_OPTIONS                                                                                      \
	OPTION("--control", CLI_TEXT, "PATH", control, 0, "the server's control socket, instead of FILE"),   \
		OPTION("--json", CLI_FLAG, NULL, json, 0, "print the server's answer, a line of JSON")
#define SELECT_OPTIONS                                                                                       \
	OPTION("--listener", CLI_TEXT, "NAME", question.listener, 0, "those of this listener"),              \
		OPTION("--peer", CLI_TEXT, "ADDRESS", question.peer, 0,                                      \
		       "those from this address or network, such as 192.0.2.0/24"),                          \
		OPTION("--state", CLI_TEXT, "STATE", question.state, 0,                                      \
		       "those that are in handshake, open or closing")

static const struct cli_option control_options[] = { CONTROL_OPTIONS, { 0 } };

static const struct cli_option connections_options[] = {
	SELECT_OPTIONS,
	OPTION("--sort", CLI_TEXT, "KEY", question.sort, 0,
	       "the most of this first: age, idle, bytes or queued (age)"),
	OPTION("--limit", CLI_COUNT, "N", question.limit, 1000, "list so many (100); all are counted"),
	CONTROL_OPTIONS,
	{ 0 },
};

static const struct cli_option kick_options[] = {
	OPTION("--id", CLI_COUNT, "ID", question.id, INT64_MAX, "the one of this number, as in the log"),
	SELECT_OPTIONS,
	OPTION("--all", CLI_FLAG, NULL, question.all, 0, "all there are"),
	CONTROL_OPTIONS,
	{ 0 },
};

static const struct cli_option stop_options[] = {
	OPTION("--now", CLI_FLAG, NULL, question.now, 0, "without draining"),
	CONTROL_OPTIONS,
	{ 0 },
};

#define SERVED_FILE                                                                                          \
	{                                                                                                    \
		"FILE", false, offsetof(struct arguments, operand)                                           \
	}
#define LISTENER_OPERAND                                                                                     \
	{                                                                                                    \
		"LISTENER", true, offsetof(struct arguments, question.listener)                              \
	}
#define TALK                                                                                                 \
	"FILE is the configuration that is served: its \"control\" says where the server\n"                  \
	"listens for commands. The exit status is 1 when none answers, or it refuses.\n"
#define CONTROL(name_, options_, summary_, text_, ...)                                                       \
	{                                                                                                    \
		.name = (name_), .operands = { __VA_ARGS__ }, .options = (options_), .summary = (summary_),  \
		.text = text_ TALK, .run = control_command                                                   \
	}

const struct command commands[] = {
	{
		.name = "run",
		.operands = { FILE_OPERAND },
		.summary = "serve what a configuration says",
		.text = "Checks FILE, binds its listeners and serves until SIGTERM or SIGINT, which\n"
			"drains: nothing new is accepted, and connections have drain_timeout to finish.\n"
			"The same signal again stops at once. SIGHUP reads FILE and all that it names\n"
			"anew: all of it is taken into use, or nothing and the log says why. Log lines\n"
			"go to standard error. The exit status is 0 after a clean drain, 1 when\n"
			"FILE is wrong (then nothing was bound) or connections had to be aborted, 3\n"
			"when workers died one after the other. The process is a supervisor, which\n"
			"replaces the one that serves; SIGUSR2 has it do what plait upgrade does.\n",
		.run = run_command,
	},
	{
		.name = "check",
		.operands = { FILE_OPERAND },
		.summary = "say all that is wrong with a configuration",
		.text = "Does everything that run does before it accepts: reads FILE, loads plugins,\n"
			"reads certificates, resolves names. Binds nothing. Every error is printed with\n"
			"its file, line and column; the exit status is then 1.\n",
		.run = check_command,
	},
	{
		.name = "plugins",
		.operands = { { "NAME", false, offsetof(struct arguments, operand) } },
		.options = config_option,
		.summary = "list the plugins, or the options of one",
		.text = "Without NAME, lists every plugin there is. With NAME (or the path of a plugin's\n"
			"file), shows its options with type, range, default and meaning.\n",
		.run = plugins_command,
	},
	{
		.name = "schema",
		.options = config_option,
		.summary = "print the JSON Schema of configurations",
		.text = "The schema (draft 7) has the options of all plugins in it. Save it beside your\n"
			"configuration and name it there, and an editor helps to write it:\n"
			"\"$schema\": \"./plait.schema.json\"\n",
		.run = schema_command,
	},
	{
		.name = "reference",
		.options = config_option,
		.summary = "print every key of configurations, in Markdown",
		.text = "The same that docs/configuration.md holds, with the options of all plugins.\n",
		.run = reference_command,
	},
	CONTROL("status", control_options, "what a running server is and has done", "", SERVED_FILE),
	CONTROL("listeners", control_options, "its listeners, with state and connections", "", SERVED_FILE),
	CONTROL("connections", connections_options, "its connections, sorted", "", SERVED_FILE),
	CONTROL("kick", kick_options, "reset some of its connections", "", SERVED_FILE),
	CONTROL("drain", control_options, "end a listener's connections in order",
		"Who connects meanwhile is reset, so that it goes elsewhere; the port stays bound.\n"
		"Connections that are there after drain_timeout are aborted. It lasts, over\n"
		"reloads too, until plait resume.\n",
		LISTENER_OPERAND, SERVED_FILE),
	CONTROL("pause", control_options, "let a listener accept nobody",
		"Who connects waits in the backlog, datagrams in the socket's buffer, and\n"
		"connections go on. It lasts, over reloads too, until plait resume.\n",
		LISTENER_OPERAND, SERVED_FILE),
	CONTROL("resume", control_options, "let a listener accept again",
		"After plait pause or plait drain. Connections that were told to end still do.\n",
		LISTENER_OPERAND, SERVED_FILE),
	CONTROL("reload", control_options, "have it read its configuration anew",
		"All of it is taken into use, or nothing: then every reason is printed. Waits until\n"
		"all threads serve by it, and prints what changed.\n",
		SERVED_FILE),
	CONTROL("log-level", control_options, "have it log more or less",
		"LEVEL is error, warning, info or debug. The next reload brings back what the\n"
		"configuration says.\n",
		{ "LEVEL", true, offsetof(struct arguments, question.level) }, SERVED_FILE),
	CONTROL("upgrade", control_options, "have the program on the disk take its place",
		"The supervisor starts a worker of the program that it was started as, as it is\n"
		"now. When that serves, the old one drains, and the supervisor becomes the new\n"
		"program, under the same process number. Nobody is refused meanwhile. When it does\n"
		"not come to serve, all is as it was. SIGUSR2 does the same.\n",
		SERVED_FILE),
	CONTROL("stop", stop_options, "drain and end it", "Waits until it has ended.\n", SERVED_FILE),
	{
		.name = "bench",
		.operands = { { "KIND", true, offsetof(struct arguments, bench.kind) },
			      { "ENDPOINT", true, offsetof(struct arguments, bench.endpoint) } },
		.options = bench_options,
		.summary = "load a server and measure what it does",
		.text = "Many connections talk to ENDPOINT, each as soon as it is answered, and check every\n"
			"byte that comes back; then rate, latencies and errors are printed. The exit status\n"
			"is 1 when anything went wrong.\n",
		.more = bench_help,
		.run = bench_command,
	},
	{
		.name = "version",
		.summary = "print the versions of plait and what it stands on",
		.text = "",
		.run = version_command,
	},
	{
		.name = "help",
		.operands = { { "COMMAND", false, offsetof(struct arguments, operand) } },
		.summary = "explain a command",
		.text = "The same as plait COMMAND --help.\n",
		.run = help_command,
	},
	{ 0 },
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

int usage_error(const struct command *command, const char *format, ...)
{
	char raw[512], text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	escape_text(text, sizeof(text), raw, strlen(raw));
	fprintf(stderr, "plait%s%s: %s; see plait%s%s --help\n", command ? " " : "",
		command ? command->name : "", text, command ? " " : "", command ? command->name : "");
	return CLI_USAGE;
}

static int unknown_command(const char *name)
{
	struct suggest best = { 0 };

	for (const struct command *command = commands; command->name; command++)
		suggest_offer(&best, name, command->name);
	if (best.word)
		return usage_error(NULL, "no command \"%s\", did you mean %s?", name, best.word);
	return usage_error(NULL, "no command \"%s\"", name);
}

static bool is_help(const char *text)
{
	return !strcmp(text, "--help") || !strcmp(text, "-h");
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (is_help(argv[i]))
			return true;
	return false;
}

static int dispatch(int argc, char **argv)
{
	struct arguments arguments = { 0 };

	if (argc < 2)
		return usage_error(NULL, "a command is missing");
	if (is_help(argv[1])) {
		help_print_program(stdout);
		return CLI_DONE;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return version_command(&arguments);
	if (argv[1][0] == '-')
		return unknown_option(NULL, argv[1]);
	const struct command *command = command_find(argv[1]);

	if (!command)
		return unknown_command(argv[1]);
	if (wants_help(argc - 2, argv + 2)) {
		help_print_command(command, stdout);
		return CLI_DONE;
	}
	arguments.command = command;
	int status = arguments_read(command, argc - 2, argv + 2, &arguments);

	return status ? status : command->run(&arguments);
}

/* A descriptor below 3 that is closed would become a socket, and log lines or output would go to a peer.
 * Each gets one that refuses what it is for, but for standard error, whose lines are simply lost. */
static void guard_standard_descriptors(void)
{
	static const int modes[] = { O_WRONLY, O_RDONLY, O_RDWR };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", modes[fd]);
}

int plait_main(int argc, char **argv)
{
	guard_standard_descriptors();
	int status = dispatch(argc, argv);

	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "plait: cannot write to standard output%s%s\n", errno ? ": " : "",
			errno ? strerror(errno) : "");
		return CLI_FAILED;
	}
	return status;
}
