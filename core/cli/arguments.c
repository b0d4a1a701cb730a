/* Reading a command's arguments by its tables of operands and options. */
#include <inttypes.h>
#include <string.h>

#include "core/base/suggest.h"
#include "core/base/units.h"
#include "core/cli/cli.h"

int unknown_option(const struct command *command, const char *option)
{
	struct suggest best = { 0 };

	suggest_offer(&best, option, "--help");
	if (!command)
		suggest_offer(&best, option, "--version");
	for (const struct cli_option *row = command ? command->options : NULL; row && row->name; row++)
		suggest_offer(&best, option, row->name);
	if (best.word)
		return usage_error(command, "unknown option \"%s\", did you mean %s?", option, best.word);
	return usage_error(command, "unknown option \"%s\"", option);
}

/* The option that text names, and where its value stands in text, NULL when it does not. */
static const struct cli_option *find_option(const struct command *command, const char *text,
					    const char **value)
{
	const struct cli_option *row = command->options;

	for (; row && row->name; row++) {
		size_t length = strlen(row->name);

		*value = NULL;
		if (row->letter && text[1] == row->letter) {
			if (text[2])
				*value = text + 2;
			return row;
		}
		if (strncmp(text, row->name, length) != 0 || (text[length] && text[length] != '='))
			continue;
		if (text[length])
			*value = text + length + 1;
		return row;
	}
	return NULL;
}

static const char *range_text(const struct cli_option *option, char *out, size_t size)
{
	char min[32], max[32];

	if (option->type == CLI_SIZE) {
		units_format_size(min, sizeof(min), option->min);
		units_format_size(max, sizeof(max), option->max);
	} else if (option->type == CLI_DURATION) {
		units_format_duration(min, sizeof(min), option->min);
		units_format_duration(max, sizeof(max), option->max);
	} else {
		snprintf(min, sizeof(min), "%" PRIu64, option->min);
		snprintf(max, sizeof(max), "%" PRIu64, option->max);
	}
	snprintf(out, size, "from %s to %s", min, max);
	return out;
}

static int parse_count(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	if (!*text || text[strspn(text, "0123456789")])
		return -1;
	for (; *text; text++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -2;
	*out = value;
	return 0;
}

static int take_number(const struct command *command, const struct cli_option *option, const char *text,
		       uint64_t *out)
{
	static int (*const parsers[])(const char *text, uint64_t *out) = {
		[CLI_COUNT] = parse_count,
		[CLI_SIZE] = units_parse_size,
		[CLI_DURATION] = units_parse_duration,
	};
	static const char *const nouns[] = {
		[CLI_COUNT] = "a number",
		[CLI_SIZE] = "a size such as 64 or 16k",
		[CLI_DURATION] = "a time such as 10 or 1.5s or 2m",
	};
	char range[80];
	uint64_t value = 0;
	int result = parsers[option->type](text, &value);

	if (result == 0 && value >= option->min && value <= option->max) {
		*out = value;
		return CLI_DONE;
	}
	return usage_error(command, "%s needs %s %s, and found \"%s\"", option->name, nouns[option->type],
			   range_text(option, range, sizeof(range)), text);
}

static int take_value(const struct command *command, const struct cli_option *option, const char *value,
		      struct arguments *arguments)
{
	void *place = (char *)arguments + option->offset;

	if (!value || !*value)
		return usage_error(command, "%s needs a value, %s", option->name, option->value);
	if (option->type != CLI_TEXT)
		return take_number(command, option, value, place);
	*(const char **)place = value;
	return CLI_DONE;
}

static int take_flag(const struct command *command, const struct cli_option *option, const char *value,
		     struct arguments *arguments)
{
	if (value)
		return usage_error(command, "%s takes no value", option->name);
	*(bool *)((char *)arguments + option->offset) = true;
	return CLI_DONE;
}

static int take_operand(const struct command *command, const char *text, struct arguments *arguments)
{
	const struct cli_operand *operand = command->operands, *last = NULL;

	for (; operand->name; last = operand++) {
		const char **place = (const char **)(void *)((char *)arguments + operand->offset);

		if (*place)
			continue;
		if (!*text)
			return usage_error(command, "%s is empty", operand->name);
		*place = text;
		return CLI_DONE;
	}
	if (!last)
		return usage_error(command, "takes no argument such as \"%s\"", text);
	return usage_error(command, "takes one %s, and \"%s\" is a second", last->name, text);
}

static void fall_back(const struct command *command, struct arguments *arguments)
{
	for (const struct cli_option *option = command->options; option && option->name; option++)
		if (option->fallback)
			*(uint64_t *)(void *)((char *)arguments + option->offset) = option->fallback;
}

int arguments_read(const struct command *command, int argc, char **argv, struct arguments *arguments)
{
	bool options = true;

	fall_back(command, arguments);
	for (int i = 0; i < argc; i++) {
		const struct cli_option *option;
		const char *value;
		int status = CLI_DONE;

		if (options && !strcmp(argv[i], "--")) {
			options = false;
			continue;
		}
		if (!options || argv[i][0] != '-' || !argv[i][1]) {
			status = take_operand(command, argv[i], arguments);
		} else if (!(option = find_option(command, argv[i], &value))) {
			status = unknown_option(command, argv[i]);
		} else if (option->type == CLI_FLAG) {
			status = take_flag(command, option, value, arguments);
		} else {
			if (!value && i + 1 < argc)
				value = argv[++i];
			status = take_value(command, option, value, arguments);
		}
		if (status)
			return status;
	}
	for (const struct cli_operand *operand = command->operands; operand->name; operand++)
		if (operand->required && !*(const char **)(void *)((char *)arguments + operand->offset))
			return usage_error(command, "%s is missing", operand->name);
	return CLI_DONE;
}
