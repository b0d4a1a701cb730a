/* Bytes to hexadecimal text and back. */
#include "tests/conformance/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

uint8_t *hex_decode(const char *text, size_t *len)
{
	size_t size = text ? strlen(text) : 1;
	uint8_t *bytes = malloc(size / 2 + 1);

	if (!bytes)
		abort();
	for (size_t i = 0; i < size / 2 && size % 2 == 0; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			size = 1;
		else
			bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (size % 2) {
		free(bytes);
		return NULL;
	}
	*len = size / 2;
	return bytes;
}

char *hex_encode(const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	char *text = malloc(2 * len + 1);

	if (!text)
		abort();
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[from[i] >> 4];
		text[2 * i + 1] = digits[from[i] & 15];
	}
	text[2 * len] = '\0';
	return text;
}
