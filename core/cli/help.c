/* Help: enough to begin with, and each command's usage. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/cli/cli.h"

#define HEAD_SIZE 40

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

/* "[NAME]" or "FILE" */
static void print_operand(const struct cli_operand *operand, char *out, size_t size)
{
	text_append(out, size, operand->required ? " %s" : " [%s]", operand->name);
}

/* A few options are named, many are not. */
static void print_usage(const struct command *command, FILE *out)
{
	const struct cli_option *options = command->options;
	char operands[64] = "";

	fprintf(out, "Usage: plait %s", command->name);
	if (options && options[1].name)
		fputs(" [OPTION...]", out);
	else if (options)
		fprintf(out, " [%s %s]", options->name, options->value);
	for (const struct cli_operand *operand = command->operands; operand->name; operand++)
		print_operand(operand, operands, sizeof(operands));
	fprintf(out, "%s\n", operands);
}

/* "-c, --connections N" */
static const char *option_head(const struct cli_option *option, char *out, size_t size)
{
	*out = '\0';
	if (option->letter)
		text_append(out, size, "-%c, ", option->letter);
	text_append(out, size, "%s", option->name);
	if (option->value)
		text_append(out, size, " %s", option->value);
	return out;
}

static int head_width(const struct command *command)
{
	char head[HEAD_SIZE];
	size_t width = strlen("-h, --help");

	for (const struct cli_option *option = command->options; option && option->name; option++) {
		size_t length = strlen(option_head(option, head, sizeof(head)));

		width = length > width ? length : width;
	}
	return (int)width;
}

static void print_options(const struct command *command, FILE *out)
{
	char head[HEAD_SIZE];
	int width = head_width(command);

	fputs("\nOptions:\n", out);
	for (const struct cli_option *option = command->options; option && option->name; option++) {
		fprintf(out, "  %-*s  %s", width, option_head(option, head, sizeof(head)), option->doc);
		if (option->fallback)
			fprintf(out, " (%" PRIu64 ")", option->fallback);
		fputc('\n', out);
	}
	fprintf(out, "  %-*s  this text\n", width, "-h, --help");
}

void help_print_command(const struct command *command, FILE *out)
{
	print_usage(command, out);
	fprintf(out, "\nplait %s: %s.\n", command->name, command->summary);
	if (*command->text)
		fprintf(out, "\n%s", command->text);
	if (command->more)
		command->more(out);
	print_options(command, out);
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
		char head[64] = "";

		text_append(head, sizeof(head), "%s", command->name);
		for (const struct cli_operand *operand = command->operands; operand->name; operand++)
			print_operand(operand, head, sizeof(head));
		fprintf(out, "  %-22s  %s\n", head, command->summary);
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
