/* The name of a function, for the log. */
#ifndef BASE_FUNCTION_H
#define BASE_FUNCTION_H

#include <stddef.h>

/* "resolve of /usr/bin/spider", or "+0x126f of /memfd:toil.so (deleted)" when its name is not exported; addr2line finds that
 * in the file. Any thread. */
void function_describe(const void *function, char *text, size_t size);

#endif
