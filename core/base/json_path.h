/* Paths into a JSON text as people read them: listeners[4].timeouts.idle, tls["a.b"].key; "" is the top. */
#ifndef BASE_JSON_PATH_H
#define BASE_JSON_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_PATH_SIZE 512

/* Writes the path of parent's child to out, which may not overlap parent. False when it did not fit in whole: out then
 * holds a cut text, good to read but not to look up. */
bool json_path_key(char *out, size_t size, const char *parent, const char *key, size_t len);
bool json_path_index(char *out, size_t size, const char *parent, size_t index);

/* Cuts the last step off; false when path is the top already. */
bool json_path_up(char *path);

#endif
