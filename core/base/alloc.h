/* Memory for structures of our own, whose size no peer chooses: there is some, or the process ends.
 *
 * A server keeps a reserve for them: when the heap has no more, a part of the reserve goes back to it, and the structure is
 * found room for. So one that cannot serve new connections can still be told to reload, to drain and to stop. */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <plait/abi.h>

#include "core/base/block.h"

/* Says that there is no memory for it ("a timer"), and aborts. Any thread, as all here. */
_Noreturn void alloc_fail(const char *what);

/* Fills the reserve; one that was never filled stays empty. It costs addresses, not memory. False: it could not be filled,
 * and there is little memory left. */
bool alloc_keep_reserve(void);

/* Gives a part of the reserve back to the heap. False: there is none left. For those who try again. */
bool alloc_spend_reserve(const char *what);

/* From the heap. */
void *alloc_zeroed(size_t size, const char *what);

/* realloc: of NULL, too. */
void *alloc_larger(void *memory, size_t size, const char *what);

/* strdup; NULL of NULL. */
char *alloc_copy(const char *text, const char *what);

/* vasprintf. */
char *alloc_text(const char *what, const char *format, va_list args) PLAIT_PRINTF(2, 0);

/* From the heap, in cache lines that nothing else shares; not zeroed. */
void *alloc_apart(size_t size, const char *what);

/* block_take, once that had nothing. */
void *alloc_block_again(size_t size, const char *what);

/* From block_take: not zeroed. */
static inline void *alloc_block(size_t size, const char *what)
{
	void *block = block_take(size);
	return block ? block : alloc_block_again(size, what);
}

#endif
