/* Memory that is there, or the process ends. */
#include "core/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/compiler.h"

void alloc_fail(const char *what)
{
	fprintf(stderr, "plait: no memory for %s\n", what);
	abort();
}

void *alloc_zeroed(size_t size, const char *what)
{
	void *memory = calloc(1, size);
	if (!memory)
		alloc_fail(what);
	return memory;
}

void *alloc_apart(size_t size, const char *what)
{
	size_t whole = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	void *memory = aligned_alloc(CACHE_LINE, whole);
	if (!memory)
		alloc_fail(what);
	return memory;
}
