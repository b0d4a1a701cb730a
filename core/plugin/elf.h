/* Reading a shared object without running any of it: whole, of this machine, and where a symbol's bytes
 * are. */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include <stddef.h>
#include <stdint.h>

#include <plait/error.h>

/* A file's bytes in memory that nobody can change any more. */
struct elf_image {
	const char *file; /* for messages */
	const uint8_t *bytes;
	size_t size;
};

struct elf_symbol {
	uint64_t value;       /* its place relative to where the object is loaded */
	size_t size;          /* that many bytes of it can be read once it is loaded */
	const uint8_t *bytes; /* in the image, before relocation; */
	size_t bytes_size;    /* at most size: the rest is zero */
};

/* Each 0, or a negative code with what is wrong and the remedy. */

/* Is it a shared object for this machine, and all there? */
int elf_check(const struct elf_image *image, struct plait_error *error);

/* Finds a data object that a checked image exports. */
int elf_find(const struct elf_image *image, const char *name, struct elf_symbol *out,
	     struct plait_error *error);

#endif
