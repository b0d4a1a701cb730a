/* Building a text piece by piece in a buffer of fixed size. */
#include "core/base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	assert(size > 3 && used < size);
	va_start(args, format);
	int wanted = vsnprintf(out + used, size - used, format, args);
	va_end(args);
	if (wanted < 0 || (size_t)wanted < size - used)
		return;
	/* A cut in the middle of a character would not be UTF-8 any more. */
	size_t cut = size - 4;
	while (cut > 0 && ((unsigned char)out[cut] & 0xc0) == 0x80)
		cut--;
	memcpy(out + cut, "...", 4);
}

void text_append_word(char *out, size_t size, const char *word, int first)
{
	text_append(out, size, "%s\"%s\"", first ? "" : ", ", word);
}
