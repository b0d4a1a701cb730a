/* A supervisor without a process of its own that hears what a test says in the place of two workers; the first one serves. */
#ifndef TESTS_UNIT_SERVER_HEARING_H
#define TESTS_UNIT_SERVER_HEARING_H

#include "core/server/supervisor/inside.h"

#define CONFIG(drain, name)                                                                                  \
	"{\"drain_timeout\": \"" drain "\", \"listeners\": [{\"name\": \"" name                              \
	"\", \"bind\": \"tcp://127.0.0.1:0\", \"protocol\": \"p\", \"deny\": [\"file:denied\"]}]}"
#define NAMES(drain) CONFIG(drain, "a")
#define LISTENER(name) CONFIG("1s", name)

extern struct supervisor supervisor;
extern struct channel_message message; /* to be said, or what was heard last */
extern char folder[], file[64], denied[64];
extern int theirs[2]; /* the workers' ends */

void hearing_begin(void);
void hearing_end(void);

void put(const char *path, const char *text);

/* As the channels of older kernels, which take any descriptor. */
void add_worker(unsigned at, enum worker_state state);

void say(unsigned who, enum channel_kind kind);
void hear(unsigned who);

/* The descriptor that the reply has, or -1; message is it. */
int ask(unsigned who, enum channel_kind kind);

void fill_bind(const char *name, unsigned number);
void keep_socket(unsigned who, uint64_t cookie);
void serve(unsigned who, int as_read);

#endif
