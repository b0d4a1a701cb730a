/* A folder of a test's own, with copies of the sample plugin that can be broken. */
#ifndef TESTS_UNIT_PLUGIN_FOLDER_H
#define TESTS_UNIT_PLUGIN_FOLDER_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct folder {
	char path[64]; /* absolute, no symbolic links in it, mode 0700 */
};

void folder_make(struct folder *folder);
void folder_remove(struct folder *folder); /* and all in it */

/* The path of name in it, in static storage of a few turns. */
const char *folder_at(const struct folder *folder, const char *name);

/* Writes a file of mode 0644 and returns its path. */
const char *folder_write(const struct folder *folder, const char *name, const void *data, size_t len);

/* The sample plugin's bytes; free them. */
unsigned char *sample_bytes(size_t *size);

/* A copy of the sample plugin under that name; its path. */
const char *folder_sample(const struct folder *folder, const char *name);

#endif
