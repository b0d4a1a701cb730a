/* Memory that is there, or the process ends. */
#include "core/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

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
