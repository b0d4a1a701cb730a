/* The commands of the program, and what they share. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include <plait/abi.h>

enum cli_status { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* A command line after its options were read. */
struct arguments {
	const char *operand; /* NULL: none was given */
	const char *config;  /* of --config; NULL: none */
};

struct command {
	const char *name;
	const char *operand; /* its name in the usage; NULL: it takes none */
	bool operand_required;
	bool takes_config;
	const char *summary;                           /* for the list of commands */
	const char *text;                              /* for its help, after the usage */
	int (*run)(const struct arguments *arguments); /* returns an enum cli_status */
};

/* Ends with a NULL name. */
extern const struct command commands[];

int run_command(const struct arguments *arguments);
int check_command(const struct arguments *arguments);
int plugins_command(const struct arguments *arguments);
int schema_command(const struct arguments *arguments);
int reference_command(const struct arguments *arguments);
int version_command(const struct arguments *arguments);
int help_command(const struct arguments *arguments);

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* One line to standard error with a hint where help is; returns CLI_USAGE. A NULL command: about the
 * program itself. */
int usage_error(const struct command *command, const char *format, ...) PLAIT_PRINTF(2, 3);

/* The usage of one command, in full, to out. */
void help_print_command(const struct command *command, FILE *out);
void help_print_program(FILE *out);

/* "1 listener", "2 listeners" */
#define COUNTED(count, word) (count), (count) == 1 ? word : word "s"

#endif
