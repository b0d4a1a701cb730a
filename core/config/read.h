/* Reading a configuration's text. */
#ifndef CONFIG_READ_H
#define CONFIG_READ_H

#include <stddef.h>

#include "core/base/problem.h"

enum { CONFIG_MOST_BYTES = 16 << 20 };

/* The whole of file, NUL-terminated, owned by the caller; NULL with a problem added. */
char *config_read(const char *file, size_t *len, struct problems *problems);

#endif
