/* Memory for structures of our own, whose size no peer chooses: there is some, or the process ends. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

#include "core/base/block.h"

/* Says that there is no memory for it ("a timer"), and aborts. Any thread, as all here. */
_Noreturn void alloc_fail(const char *what);

/* From the heap. */
void *alloc_zeroed(size_t size, const char *what);

/* From the heap, in cache lines that nothing else shares; not zeroed. */
void *alloc_apart(size_t size, const char *what);

/* From block_take: not zeroed. */
static inline void *alloc_block(size_t size, const char *what)
{
	void *block = block_take(size);
	if (!block)
		alloc_fail(what);
	return block;
}

#endif
