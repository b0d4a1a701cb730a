/* Escaping bytes from outside for a log line, a terminal or a JSON string. */
#include "core/base/escape.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_PIECE 16 /* no character is written as more bytes than this */

/* Decodes the character at the head of in[0..len), len > 0, and returns its bytes; 0 when it is no valid
 * UTF-8 (overlong forms, surrogates and what lies above U+10FFFF included). */
static size_t decode(const uint8_t *in, size_t len, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t head = in[0];
	size_t size = head < 0x80   ? 1
		      : head < 0xc0 ? 0
		      : head < 0xe0 ? 2
		      : head < 0xf0 ? 3
		      : head < 0xf8 ? 4
				    : 0;

	if (size == 1)
		*code = head;
	if (size <= 1)
		return size;
	if (size > len)
		return 0;
	uint32_t value = head & (0x7fu >> size);

	for (size_t i = 1; i < size; i++) {
		if ((in[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (in[i] & 0x3fu);
	}
	if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return size;
}

/* Characters that move the cursor, end a line or turn the direction of what follows. All lie below
 * U+10000. */
static bool is_unsafe(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },     { 0x7f, 0x9f },     { 0x61c, 0x61c },   { 0x200b, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

/* Writes one character of `used` bytes (0: an invalid byte) into piece and returns the piece's length. */
typedef size_t piece_fn(char *piece, const uint8_t *in, size_t used, uint32_t code);

static char short_escape(uint32_t code)
{
	switch (code) {
	case '\n': return 'n';
	case '\t': return 't';
	case '\r': return 'r';
	case '\\': return '\\';
	default: return 0;
	}
}

static size_t text_piece(char *piece, const uint8_t *in, size_t used, uint32_t code)
{
	static const char digits[] = "0123456789abcdef";
	char name = used ? short_escape(code) : (char)0;
	size_t length = 0;

	if (name) {
		piece[0] = '\\';
		piece[1] = name;
		return 2;
	}
	if (used && !is_unsafe(code)) {
		memcpy(piece, in, used);
		return used;
	}
	for (size_t i = 0; i < (used ? used : 1); i++) {
		piece[length++] = '\\';
		piece[length++] = 'x';
		piece[length++] = digits[in[i] >> 4];
		piece[length++] = digits[in[i] & 15];
	}
	return length;
}

static size_t control_piece(char *piece, const uint8_t *in, size_t used, uint32_t code)
{
	if (used && code == '\\') {
		*piece = '\\';
		return 1;
	}
	return text_piece(piece, in, used, code);
}

static size_t json_piece(char *piece, const uint8_t *in, size_t used, uint32_t code)
{
	char name = used ? short_escape(code) : (char)0;

	if (used && code == '"')
		name = '"';
	if (name) {
		piece[0] = '\\';
		piece[1] = name;
		return 2;
	}
	if (!used) {
		memcpy(piece, "\xef\xbf\xbd", 3);
		return 3;
	}
	if (is_unsafe(code))
		return (size_t)snprintf(piece, LONGEST_PIECE, "\\u%04x", (unsigned)code);
	memcpy(piece, in, used);
	return used;
}

static size_t escape(char *out, size_t size, const uint8_t *in, size_t len, piece_fn *write_piece)
{
	static const char dots[] = "...";
	size_t at = 0, keep = 0;

	if (!size)
		return 0;
	const size_t room = size - 1, mark = room < 3 ? room : 3;

	for (size_t i = 0; i < len;) {
		char piece[LONGEST_PIECE];
		uint32_t code = 0;
		size_t used = decode(in + i, len - i, &code);
		size_t length = write_piece(piece, in + i, used, code);

		assert(length <= sizeof(piece));
		if (length > room - at) {
			memcpy(out + keep, dots, mark);
			at = keep + mark;
			break;
		}
		memcpy(out + at, piece, length);
		at += length;
		if (at <= room - mark)
			keep = at;
		i += used ? used : 1;
	}
	out[at] = 0;
	return at;
}

size_t escape_text(char *out, size_t size, const void *in, size_t len)
{
	return escape(out, size, in, len, text_piece);
}

size_t escape_controls(char *out, size_t size, const void *in, size_t len)
{
	return escape(out, size, in, len, control_piece);
}

size_t escape_json(char *out, size_t size, const void *in, size_t len)
{
	return escape(out, size, in, len, json_piece);
}
