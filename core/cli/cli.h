/* The commands of the program, and what they share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <plait/abi.h>

#include "core/base/option.h"
#include "core/bench/bench.h"

enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What a running server is asked: texts NULL and numbers 0 are not told. */
struct control_question {
	const char *listener, *peer, *state, *sort, *level;
	uint64_t id, limit;
	bool all, now;
};

/* A command line after it was read. */
struct arguments {
	const struct command *command;
	const char *operand; /* NULL: none was given */
	const char *config;  /* of --config; NULL: none */
	const char *control; /* of --control; NULL: none */
	struct control_question question;
	struct bench_settings bench;
	bool json;
};

struct cli_operand {
	const char *name; /* in the usage; NULL: there is none */
	bool required;
	size_t offset; /* of a const char * in struct arguments */
};

enum cli_option_type {
	CLI_FLAG,     /* bool */
	CLI_TEXT,     /* const char * */
	CLI_COUNT,    /* uint64_t, and so are the following */
	CLI_SIZE,     /* bytes */
	CLI_DURATION, /* milliseconds */
};

struct cli_option {
	const char *name; /* "--config" */
	char letter;      /* 'c' for -c; 0: none */
	enum cli_option_type type;
	const char *value; /* its name in the usage; NULL for flags */
	size_t offset;     /* in struct arguments */
	uint64_t min, max; /* of numbers */
	uint64_t fallback; /* of numbers; 0: none, or the doc says */
	const char *doc;
};

#define CLI_OPERANDS 2

struct command {
	const char *name;
	struct cli_operand operands[CLI_OPERANDS + 1];
	const struct cli_option *options;              /* end with a NULL name; NULL: none */
	const char *summary;                           /* for the list of commands */
	const char *text;                              /* for its help, after the usage */
	void (*more)(FILE *out);                       /* the rest of its help; NULL: none */
	int (*run)(const struct arguments *arguments); /* returns an enum cli_status */
};

/* Ends with a NULL name. */
extern const struct command commands[];

int run_command(const struct arguments *arguments);
int check_command(const struct arguments *arguments);
int plugins_command(const struct arguments *arguments);
int schema_command(const struct arguments *arguments);
int reference_command(const struct arguments *arguments);
int bench_command(const struct arguments *arguments);
int control_command(const struct arguments *arguments); /* all those that ask a running server */
int version_command(const struct arguments *arguments);
int help_command(const struct arguments *arguments);

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* Reads argv[0..argc), what follows the command; CLI_DONE, or an error was printed. */
int arguments_read(const struct command *command, int argc, char **argv, struct arguments *arguments);

/* "unknown option", with what may have been meant; returns CLI_USAGE. A NULL command: the program's own. */
int unknown_option(const struct command *command, const char *option);

extern const struct cli_option bench_options[];
void bench_help(FILE *out);

/* One line to standard error with a hint where help is; returns CLI_USAGE. A NULL command: about the
 * program itself. */
int usage_error(const struct command *command, const char *format, ...) PLAIT_PRINTF(2, 3);

/* The usage of one command, in full, to out. */
void help_print_command(const struct command *command, FILE *out);
void help_print_program(FILE *out);

/* Prints what a server answered, for people. */
void control_print(const struct arguments *arguments, const json_t *answer);

/* "1 listener", "2 listeners" */
#define COUNTED(count, word) (count), (count) == 1 ? word : word "s"

#endif
