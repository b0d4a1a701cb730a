/* Where in a JSON text each value stands: from a path such as listeners[4].timeouts.idle to line and column. */
#ifndef CONFIG_POSITIONS_H
#define CONFIG_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>

struct place {
	int line, column; /* from 1; columns count characters */
};

struct positions;

struct positions *positions_new(void);
void positions_free(struct positions **positions);

/* False when the path was there before. Beyond a bound paths are passed over: their parents stand in for them. */
bool positions_add(struct positions *positions, const char *path, struct place key, struct place value);

bool positions_find(const struct positions *positions, const char *path, bool key, struct place *out);

/* A problem_locate_fn; context is the struct positions. */
bool positions_locate(void *context, const char *path, bool key, int *line, int *column);

#endif
