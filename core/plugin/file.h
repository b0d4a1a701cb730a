/* Plugin files on disk: finding them, trusting them, copying them. */
#ifndef PLUGIN_FILE_H
#define PLUGIN_FILE_H

#include <stddef.h>

#include <plait/error.h>

/* Finds what name says (see plugin_load) and returns the absolute path of the file, symbolic links
 * resolved; the caller frees it. NULL with what was looked for and the nearest that is there. */
char *file_find(const char *name, const char *const *search, struct plait_error *error);

/* Is the folder path lies in one where nobody but root and this user can put files? 0 or a negative code
 * with error. */
int file_check_folder(const char *path, struct plait_error *error);

/* Opens file, an absolute path without symbolic links, and copies it to a sealed memory file of which the
 * descriptor is returned. Refused unless file and its folder belong to root or this user, and nobody else
 * may write to them. -1 with error. */
int file_copy(const char *file, size_t *size, struct plait_error *error);

#endif
