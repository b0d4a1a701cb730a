/* Names of functions in the files of programs and libraries. */
#ifndef SERVER_SUPERVISOR_SYMBOL_H
#define SERVER_SUPERVISOR_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	char name[128];
	uint64_t into; /* so many bytes into the function */
};

/* The function that has the byte at that offset of the file, which has that size (0: whatever it has). false, and no name: that
 * cannot be told. */
bool symbol_find(const char *file, uint64_t size, uint64_t offset, struct symbol *symbol);

#endif
