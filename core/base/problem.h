/* A list of what is wrong, each with its place: all errors of a configuration are reported, not only the first. */
#ifndef BASE_PROBLEM_H
#define BASE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <plait/abi.h>
#include <plait/error.h>

struct problem {
	char *file;       /* may be NULL */
	int line, column; /* 0: unknown */
	char *path;       /* "listeners[4].timeouts.idle"; may be NULL */
	char *text;       /* one sentence or two: found, allowed, remedy */
	bool warning;
};

/* Finds the place of the value at a JSON path, or of its key; returns false when it knows none. */
typedef bool problem_locate_fn(void *context, const char *path, bool key, int *line, int *column);

struct problems {
	const char *file;          /* borrowed; stamped on each problem added while set */
	problem_locate_fn *locate; /* may be NULL */
	void *context;
	size_t count, errors; /* errors: those that are not warnings */
	size_t omitted;       /* beyond the bound of the list: counted, not kept */
	struct problem *items;
};

void problems_init(struct problems *problems);
void problems_fini(struct problems *problems);

/* The place is found through locate, for path or its nearest known parent. Text of the file itself must have passed
 * escape_text. */
void problems_add(struct problems *problems, const char *path, const char *format, ...) PLAIT_PRINTF(3, 4);
void problems_warn(struct problems *problems, const char *path, const char *format, ...) PLAIT_PRINTF(3, 4);
/* What error says, and what it is about when that is not the place itself. */
void problems_add_error(struct problems *problems, const char *path, const struct plait_error *error);

/* Points to the key instead of the value. */
void problems_add_key(struct problems *problems, const char *path, const char *format, ...)
	PLAIT_PRINTF(3, 4);
void problems_add_at(struct problems *problems, int line, int column, const char *path, const char *format,
		     ...) PLAIT_PRINTF(5, 6);

/* One line each, in the order of their places: "FILE:LINE:COLUMN: error: PATH: TEXT". */
void problems_print(const struct problems *problems, FILE *out);

#endif
