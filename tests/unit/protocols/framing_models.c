/* What framings should make of a stream, worked out without any cleverness. */
#include "tests/unit/protocols/framing_models.h"

#include <string.h>

void line_model(const void *settings, const uint8_t *data, size_t len, struct record *record)
{
	const struct plait_line *line = settings;
	const char *delimiter = line->delimiter ? line->delimiter : "\n";
	size_t size = strlen(delimiter), start = 0;

	for (size_t at = 0; at + size <= len;) {
		if (memcmp(data + at, delimiter, size)) {
			at++;
			continue;
		}
		size_t length = at - start;

		if (!line->delimiter && length && data[at - 1] == '\r')
			length--;
		if (length > line->max_length)
			record_too_long(record);
		else
			record_message(record, data + start, length);
		at += size;
		start = at;
	}
	size_t enclosing = line->delimiter ? size : 2;

	if (len - start >= enclosing && len - start - enclosing >= line->max_length)
		record_too_long(record);
}

/* Of one netstring that begins at data; returns how long it is in whole, 0 when that is the end of the story. */
static size_t one_netstring(uint64_t most, const uint8_t *data, size_t len, struct record *record)
{
	unsigned __int128 value = 0;
	bool too_long = false;
	size_t at = 0;

	for (; at < len && data[at] != ':'; at++) {
		value = value * 10 + data[at] - '0';
		if (data[at] < '0' || data[at] > '9' || (at > 0 && data[0] == '0') || value > UINT64_MAX) {
			record_invalid(record);
			return 0;
		}
		if (value > most && !too_long) {
			record_too_long(record);
			too_long = true;
		}
	}
	if (at == len)
		return 0;
	if (at == 0 || value + at + 2 > UINT64_MAX) {
		record_invalid(record);
		return 0;
	}
	if (value + at + 2 > len)
		return 0;
	size_t end = (size_t)value + at + 1;

	if (data[end] != ',')
		record_invalid(record);
	else if (!too_long)
		record_message(record, data + at + 1, (size_t)value);
	return record->invalid ? 0 : end + 1;
}

void netstring_model(const void *settings, const uint8_t *data, size_t len, struct record *record)
{
	const struct plait_netstring *netstring = settings;

	for (size_t at = 0, size = 1; at < len && size > 0; at += size)
		size = one_netstring(netstring->max_length, data + at, len - at, record);
}

/* The number in the head, and in *size how many bytes it takes; 0: they are not all there, -1: there is none. */
static int number_in(const struct plait_length_field *field, const uint8_t *at, size_t len, uint64_t *value,
		     size_t *size)
{
	unsigned __int128 sum = 0;

	if (field->coding != PLAIT_LENGTH_VARINT) {
		for (size_t i = 0; i < field->size; i++) {
			size_t place = field->coding == PLAIT_LENGTH_BIG_ENDIAN ? field->size - 1 - i : i;

			if (i < len)
				sum += (unsigned __int128)at[i] << (8 * place);
		}
		*value = (uint64_t)sum;
		*size = field->size;
		return len >= field->size;
	}
	for (size_t i = 0; i < field->size; i++) {
		if (i == len)
			return 0;
		sum += (unsigned __int128)(at[i] % 128) << (7 * i);
		if (sum > UINT64_MAX)
			return -1;
		if (i == 9 && at[i] >= 128)
			return -1;
		if (at[i] < 128) {
			*value = (uint64_t)sum;
			*size = i + 1;
			return 1;
		}
	}
	return -1;
}

static size_t one_message(const struct plait_length_field *field, const uint8_t *data, size_t len,
			  struct record *record)
{
	uint64_t value = 0;
	size_t size = 0;
	int there = len > field->offset
			    ? number_in(field, data + field->offset, len - field->offset, &value, &size)
			    : 0;
	__int128 body = there > 0 ? (__int128)value + field->adjustment : 0;

	if (there == 0)
		return 0;
	if (there < 0 || body < 0 || body > UINT64_MAX) {
		record_invalid(record);
		return 0;
	}
	size_t head = field->offset + size;

	if (field->body_offset)
		head = field->body_offset + size - field->size;
	if (body > field->max_length)
		record_too_long(record);
	if (body > field->max_length && body > UINT64_MAX - head)
		record_invalid(record);
	if (body + (__int128)head > (__int128)len)
		return 0;
	if (body <= field->max_length)
		record_message(record, data + (field->with_head ? 0 : head),
			       (size_t)body + (field->with_head ? head : 0));
	return head + (size_t)body;
}

void length_field_model(const void *settings, const uint8_t *data, size_t len, struct record *record)
{
	const struct plait_length_field *field = settings;

	for (size_t at = 0, size = 1; at < len && size > 0; at += size)
		size = one_message(field, data + at, len - at, record);
}
