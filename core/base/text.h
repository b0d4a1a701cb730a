/* Building a text piece by piece in a buffer of fixed size. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>

#include <plait/abi.h>

/* Appends to the text in out (size bytes, size > 3); what does not fit is cut, and the text then ends in "...". */
void text_append(char *out, size_t size, const char *format, ...) PLAIT_PRINTF(3, 4);

/* Appends word in quotes, ", " before it unless it is the first of a list. */
void text_append_word(char *out, size_t size, const char *word, int first);

#endif
