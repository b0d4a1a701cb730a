/* What waits in line for a test to do by hand, the oldest first. */
#ifndef TESTING_LINE_H
#define TESTING_LINE_H

#include <stdbool.h>

struct kit_waiting;

struct kit_line {
	struct kit_waiting *first;
	unsigned count;
};

void kit_line_add(struct kit_line *line, void *what);
bool kit_line_remove(struct kit_line *line, const void *what); /* whether it was there */
void *kit_line_first(const struct kit_line *line);             /* NULL: nothing waits */
void *kit_line_take(struct kit_line *line);

#endif
