/* A growing list of sentences. */
#include "core/server/changes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/alloc.h"

void changes_init(struct changes *changes)
{
	*changes = (struct changes){ 0 };
}

void changes_fini(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->items[i]);
	free(changes->items);
	changes_init(changes);
}

void changes_add(struct changes *changes, const char *format, ...)
{
	va_list args;
	char *text = NULL;
	char **items = reallocarray(changes->items, changes->count + 1, sizeof(*items));
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (!items || len < 0)
		alloc_fail("what a reload changed");
	changes->items = items;
	changes->items[changes->count++] = text;
}
