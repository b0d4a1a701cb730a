/* Opening the files that a configuration names: through here, so that a server that has given its privileges up may have them
 * opened by a process that has not. */
#ifndef BASE_OPEN_FILE_H
#define BASE_OPEN_FILE_H

#include <sys/stat.h>

/* Opens path, with flags as for open(2), for a process that may not itself. A descriptor, or -1 with errno. */
typedef int open_helper_fn(const char *path, int flags, void *arg);

/* For the calling thread, the main one; NULL: there is none. Before there are others. */
void open_file_help(open_helper_fn *fn, void *arg);

/* open(2), for reading; a helper is asked for what permission lacks. -1 with errno. Any thread. */
int open_file(const char *path, int flags);

/* stat(2) likewise. 0, or -1 with errno. */
int open_file_stat(const char *path, struct stat *out);

/* Said behind the reason why a file could not be opened: what to do about it, or "". */
const char *open_file_remedy(int error);

/* Privileges have been given up: it is part of the remedy. Before there are threads. */
void open_file_confined(void);

#endif
