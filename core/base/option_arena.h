/* Memory that lives as long as what was parsed into it. */
#ifndef BASE_OPTION_ARENA_H
#define BASE_OPTION_ARENA_H

#include <stddef.h>

struct option_arena;

/* Zeroed, aligned for anything, never NULL: it aborts when there is no memory, since configurations are bounded. */
void *option_arena_alloc(struct option_arena *arena, size_t size);

const char *option_arena_copy(struct option_arena *arena, const char *text);

/* path itself when it is absolute, else folder/path; a NULL folder changes nothing. */
const char *option_arena_path(struct option_arena *arena, const char *folder, const char *path);

#endif
