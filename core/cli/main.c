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
			"FILE is wrong (then nothing was bound) or connections had to be aborted.\n",
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
