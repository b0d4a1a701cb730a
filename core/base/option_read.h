/* Options from JSON text, for what has no configuration file. */
#ifndef BASE_OPTION_READ_H
#define BASE_OPTION_READ_H

#include <plait/error.h>
#include <plait/option.h>

struct option_arena;
struct option_arena *option_arena_new(void);
void option_arena_free(struct option_arena **arena);

/* Fills *out, the table's zeroed struct, from the object in text; NULL: the defaults. What it points to is the arena's.
 * 0, or PLAIT_ERROR_INVALID with the first problem. */
int option_read(const struct plait_option *table, const char *text, void *out, struct option_arena *arena,
		struct plait_error *error);

#endif
