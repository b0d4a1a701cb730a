/* Who may read the file of a private key. */
#ifndef NET_TLS_KEY_FILE_H
#define NET_TLS_KEY_FILE_H

#include <sys/stat.h>

#include <plait/error.h>

/* 0; or a negative code with error filled when others than its owner, the administrator and this process can read or change
 * it. */
int tls_key_file_check(const char *name, const struct stat *status, struct plait_error *error);

#endif
