/* A growing list of sentences. */
#include "core/server/changes.h"

#include <stdarg.h>
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
	static const char what[] = "what a reload changed";
	va_list args;
	changes->items = alloc_larger(changes->items, (changes->count + 1) * sizeof(*changes->items), what);
	va_start(args, format);
	changes->items[changes->count++] = alloc_text(what, format, args);
	va_end(args);
}
