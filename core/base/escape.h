/* Making bytes from outside fit to print. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

/* Writes in[0..len) to out as printable UTF-8: control characters and bytes that are no UTF-8 become \n,
 * \t, \\ or \xNN. Never more than size bytes, NUL included; a cut text ends in "...". Returns the length
 * written. */
size_t escape_text(char *out, size_t size, const void *in, size_t len);

/* The same, but a backslash stands for itself: done twice, it changes nothing more. */
size_t escape_controls(char *out, size_t size, const void *in, size_t len);

/* The same as the inside of a JSON string: valid JSON whatever the bytes (invalid UTF-8 becomes U+FFFD). */
size_t escape_json(char *out, size_t size, const void *in, size_t len);

#endif
