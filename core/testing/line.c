/* What waits in line for a test. */
#include "core/testing/line.h"

#include <stdlib.h>

#include "core/testing/kit.h"

struct kit_waiting {
	struct kit_waiting *next;
	void *what;
};

void kit_line_add(struct kit_line *line, void *what)
{
	struct kit_waiting *waiting = kit_alloc(sizeof(*waiting)), **at = &line->first;
	waiting->what = what;
	while (*at)
		at = &(*at)->next;
	*at = waiting;
	line->count++;
}

bool kit_line_remove(struct kit_line *line, const void *what)
{
	for (struct kit_waiting **at = &line->first; *at; at = &(*at)->next) {
		struct kit_waiting *waiting = *at;
		if (waiting->what != what)
			continue;
		*at = waiting->next;
		free(waiting);
		line->count--;
		return true;
	}
	return false;
}

void *kit_line_first(const struct kit_line *line)
{
	return line->first ? line->first->what : NULL;
}

void *kit_line_take(struct kit_line *line)
{
	void *what = kit_line_first(line);
	if (what)
		kit_line_remove(line, what);
	return what;
}
