/* The commands of the control socket: what a line may say. */
#ifndef SERVER_CONTROL_COMMAND_H
#define SERVER_CONTROL_COMMAND_H

#include <plait/option.h>

#include "core/server/control/select.h"

struct option_arena;
struct request;

/* Of lines and answers; a change that an older reader would not understand makes it 2. */
#define CONTROL_VERSION 1

struct control_command {
	const char *name;
	const struct plait_option *arguments; /* beside "v" and "command" */
	size_t arguments_size;
	void (*run)(struct request *request);
	const char *help;
};

/* Ends with a NULL name. */
extern const struct control_command control_commands[];

/* Why a line is none. */
struct control_fault {
	const char *code; /* "bad-json" */
	char path[256];   /* of the key at fault; may be empty */
	char text[768];
};

/* Reads a line without its end. The arguments are the arena's. NULL with fault filled. Any thread. */
const struct control_command *control_parse(const char *line, size_t len, struct option_arena *arena,
					    void **arguments, struct control_fault *fault);

/* ---- arguments ---- */

struct listener_arguments {
	const char *listener;
};

struct connections_arguments {
	struct select select;
	int sort; /* enum select_order */
	int64_t limit;
};

struct kick_arguments {
	struct select select;
	bool all;
};

struct log_level_arguments {
	int level; /* enum plait_log_level */
};

struct stop_arguments {
	bool now;
};

/* ---- the commands ---- */

void status_command(struct request *request);
void listeners_command(struct request *request);
void connections_command(struct request *request);
void kick_command(struct request *request);
void drain_command(struct request *request);
void pause_command(struct request *request);
void resume_command(struct request *request);
void reload_command(struct request *request);
void log_level_command(struct request *request);
void stop_command(struct request *request);
void upgrade_command(struct request *request);
void help_request(struct request *request);

#endif
