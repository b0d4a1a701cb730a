/* Help: enough to begin with, and each command's usage. */
#include <stdio.h>
#include <string.h>

#include "core/base/suggest.h"
#include "core/cli/cli.h"

static const char beginning[] =
	"Begin with a file, echo.json:\n"
	"\n"
	"  {\n"
	"    \"plugins\": [\"echo\"],\n"
	"    \"listeners\": [\n"
	"      { \"name\": \"echo\", \"bind\": \"tcp://127.0.0.1:7007\", \"protocol\": \"echo\" }\n"
	"    ]\n"
	"  }\n"
	"\n"
	"  plait check echo.json         is it right?\n"
	"  plait run echo.json           serve it; Ctrl-C drains\n"
	"  nc 127.0.0.1 7007             talk to it from another terminal\n"
	"\n"
	"Then:\n"
	"  plait plugins                 the protocols there are\n"
	"  plait plugins line            the options of one\n"
	"  plait schema > plait.schema.json\n"
	"                                for an editor that completes and checks as you type\n"
	"  man plait                     all of it\n";

static void print_usage(const struct command *command, FILE *out)
{
	fprintf(out, "Usage: plait %s", command->name);
	if (command->takes_config)
		fputs(" [--config FILE]", out);
	if (command->operand)
		fprintf(out, command->operand_required ? " %s" : " [%s]", command->operand);
	fputc('\n', out);
}

void help_print_command(const struct command *command, FILE *out)
{
	print_usage(command, out);
	fprintf(out, "\nplait %s: %s.\n", command->name, command->summary);
	if (*command->text)
		fprintf(out, "\n%s", command->text);
	fputs("\nOptions:\n", out);
	if (command->takes_config)
		fputs("  --config FILE  the plugins that FILE names, instead of all that are found\n", out);
	fputs("  -h, --help     this text\n", out);
}

void help_print_program(FILE *out)
{
	fputs("Usage: plait COMMAND ...\n"
	      "\n"
	      "plait serves network protocols that are plugins, over TCP, TLS, UDP and UNIX\n"
	      "sockets, as a JSON file says.\n"
	      "\n"
	      "Commands (each explains itself with --help):\n",
	      out);
	for (const struct command *command = commands; command->name; command++) {
		char head[64];

		snprintf(head, sizeof(head), "%s%s%s%s%s", command->name, command->operand ? " " : "",
			 command->operand && !command->operand_required ? "[" : "",
			 command->operand ? command->operand : "",
			 command->operand && !command->operand_required ? "]" : "");
		fprintf(out, "  %-16s  %s\n", head, command->summary);
	}
	fprintf(out,
		"\n%s\n"
		"The exit status is 0 when it is done, 1 when it failed or a configuration is\n"
		"wrong, 2 when the command line is.\n",
		beginning);
}

int help_command(const struct arguments *arguments)
{
	struct suggest best = { 0 };

	if (!arguments->operand) {
		help_print_program(stdout);
		return CLI_DONE;
	}
	const struct command *command = command_find(arguments->operand);

	if (command) {
		help_print_command(command, stdout);
		return CLI_DONE;
	}
	for (command = commands; command->name; command++)
		suggest_offer(&best, arguments->operand, command->name);
	command = command_find("help");
	if (best.word)
		return usage_error(command, "no command \"%s\", did you mean %s?", arguments->operand,
				   best.word);
	return usage_error(command, "no command \"%s\"", arguments->operand);
}
