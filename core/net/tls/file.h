/* A file in memory, for parsers that read from there: what is checked and what is read are one and the same. */
#ifndef NET_TLS_FILE_H
#define NET_TLS_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include <plait/error.h>

struct tls_file {
	void *data; /* followed by a NUL byte */
	size_t len;
	struct stat status;
};

/* A file of at most that many bytes. 0, or a negative code with error filled; PLAIT_ERROR_SYSTEM and PLAIT_ERROR_MEMORY say
 * nothing of the file. */
int tls_file_read(const char *name, size_t most, struct tls_file *out, struct plait_error *error);

/* Leaves nothing of its bytes in memory: it may have been a key. Zeroed is allowed. */
void tls_file_free(struct tls_file *file);

#endif
