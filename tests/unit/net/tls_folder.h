/* A folder of certificates of a test's own, which it changes as those who renew certificates do. */
#ifndef TESTS_UNIT_NET_TLS_FOLDER_H
#define TESTS_UNIT_NET_TLS_FOLDER_H

#include <stdbool.h>

#include "tests/unit/net/tls_pair.h"

void tls_folder_open(void);
void tls_folder_close(void);

/* The path of a file in it; good until the next eight calls. */
const char *tls_folder_path(const char *name);

/* Puts a copy of one of certs/make's files there as name, at once and whole, in place of what was there. Whatever it is,
 * it looks like another file than all that were there before. */
void tls_folder_put(const char *source, const char *name);

/* Its first size bytes only. */
void tls_folder_put_part(const char *source, const char *name, long size);

/* A text of the test's own, likewise. */
void tls_folder_write(const char *text, const char *name);

/* As if it had been written in its place. */
void tls_folder_touch(const char *name);

/* A symbolic link, likewise. */
void tls_folder_link(const char *target, const char *name);
void tls_folder_remove(const char *name);

#endif
