/* Messages that say how long they are: one reader for all, and a table of how numbers are written. */
#include <plait/error.h>
#include <plait/length_field.h>

#include <assert.h>

#include "protocols/drop.h"

#define VARINT_MAX 10 /* bytes of the longest */

/* A number as it stands in a head. */
struct number {
	uint64_t value;
	size_t size; /* bytes it takes there */
};

/* How numbers are written. */
struct coding {
	size_t size_most;
	/* Reads a number of (at most) size bytes from the len that are there: MESSAGE, MORE or INVALID. */
	enum plait_frame_verdict (*read)(const uint8_t *at, size_t len, size_t size, struct number *number);
	/* Writes value in (at most) size bytes and returns how many it took; 0: it does not fit. */
	size_t (*write)(uint8_t *at, uint64_t value, size_t size);
};

static bool fits(uint64_t value, size_t size)
{
	return size >= sizeof(value) || value >> (8 * size) == 0;
}

static enum plait_frame_verdict read_big(const uint8_t *at, size_t len, size_t size, struct number *number)
{
	if (len < size)
		return PLAIT_FRAME_MORE;
	*number = (struct number){ .size = size };
	for (size_t i = 0; i < size; i++)
		number->value = number->value << 8 | at[i];
	return PLAIT_FRAME_MESSAGE;
}

static size_t write_big(uint8_t *at, uint64_t value, size_t size)
{
	if (!fits(value, size))
		return 0;
	for (size_t i = size; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
	return size;
}

static enum plait_frame_verdict read_little(const uint8_t *at, size_t len, size_t size, struct number *number)
{
	if (len < size)
		return PLAIT_FRAME_MORE;
	*number = (struct number){ .size = size };
	for (size_t i = size; i-- > 0;)
		number->value = number->value << 8 | at[i];
	return PLAIT_FRAME_MESSAGE;
}

static size_t write_little(uint8_t *at, uint64_t value, size_t size)
{
	if (!fits(value, size))
		return 0;
	for (size_t i = 0; i < size; i++, value >>= 8)
		at[i] = (uint8_t)value;
	return size;
}

static enum plait_frame_verdict read_varint(const uint8_t *at, size_t len, size_t size, struct number *number)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++) {
		if (i == len)
			return PLAIT_FRAME_MORE;
		if (i == VARINT_MAX - 1 && at[i] > 1) /* more than 64 bits */
			return PLAIT_FRAME_INVALID;
		value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
		if (at[i] < 0x80) {
			*number = (struct number){ .value = value, .size = i + 1 };
			return PLAIT_FRAME_MESSAGE;
		}
	}
	return PLAIT_FRAME_INVALID;
}

static size_t write_varint(uint8_t *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++, value >>= 7) {
		at[i] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
		if (value <= 0x7f)
			return i + 1;
	}
	return 0;
}

static const struct coding codings[] = {
	[PLAIT_LENGTH_BIG_ENDIAN] = { sizeof(uint64_t), read_big, write_big },
	[PLAIT_LENGTH_LITTLE_ENDIAN] = { sizeof(uint64_t), read_little, write_little },
	[PLAIT_LENGTH_VARINT] = { VARINT_MAX, read_varint, write_varint },
};

static const struct coding *coding_of(const struct plait_length_field *field)
{
	const struct coding *coding = &codings[field->coding];
	assert(field->coding < sizeof(codings) / sizeof(codings[0]));
	assert(field->size >= 1 && field->size <= coding->size_most);
	assert(field->body_offset == 0 || field->body_offset >= field->offset + field->size);
	return coding;
}

/* A message as its head announces it. */
struct announced {
	size_t head;   /* bytes before the body */
	uint64_t body; /* bytes */
};

/* Adds what may be negative; false: the sum is, or is too large. */
static bool add(uint64_t *value, int64_t adjustment)
{
	uint64_t size = adjustment < 0 ? -(uint64_t)adjustment : (uint64_t)adjustment;
	if (adjustment < 0 ? *value < size : *value > UINT64_MAX - size)
		return false;
	*value = adjustment < 0 ? *value - size : *value + size;
	return true;
}

/* MESSAGE: the head says it; MORE, or INVALID. */
static enum plait_frame_verdict read_head(const struct plait_length_field *field, const uint8_t *data,
					  size_t len, struct announced *announced)
{
	const struct coding *coding = coding_of(field);
	struct number number = { 0 };
	if (len <= field->offset)
		return PLAIT_FRAME_MORE;
	enum plait_frame_verdict verdict = coding->read(data + field->offset, len - field->offset,
							field->size, &number);
	if (verdict != PLAIT_FRAME_MESSAGE)
		return verdict;
	size_t body_offset = field->body_offset ? field->body_offset : field->offset + field->size;
	announced->head = body_offset - field->size + number.size;
	announced->body = number.value;
	return add(&announced->body, field->adjustment) ? PLAIT_FRAME_MESSAGE : PLAIT_FRAME_INVALID;
}

static enum plait_frame_verdict skip(const struct plait_length_field *field, const uint8_t *data, size_t len,
				     struct plait_frame *frame)
{
	struct announced announced;
	if (frame->scratch[0] == 0) {
		enum plait_frame_verdict verdict = read_head(field, data, len, &announced);
		if (verdict != PLAIT_FRAME_MESSAGE)
			return verdict;
		if (announced.body > UINT64_MAX - announced.head)
			return PLAIT_FRAME_INVALID;
		frame->scratch[0] = announced.head + announced.body;
	}
	return drop(frame, len);
}

static enum plait_frame_verdict length_field_next(const void *settings, const uint8_t *data, size_t len,
						  struct plait_frame *frame)
{
	const struct plait_length_field *field = settings;
	struct announced announced;
	if (frame->skipping)
		return skip(field, data, len, frame);
	enum plait_frame_verdict verdict = read_head(field, data, len, &announced);
	if (verdict != PLAIT_FRAME_MESSAGE)
		return verdict;
	frame->length = announced.body < SIZE_MAX ? (size_t)announced.body : SIZE_MAX;
	if (announced.body > field->max_length || announced.body > SIZE_MAX - announced.head)
		return PLAIT_FRAME_TOO_LONG;
	size_t total = announced.head + (size_t)announced.body;
	if (len < total) {
		frame->need = total;
		return PLAIT_FRAME_MORE;
	}
	frame->offset = field->with_head ? 0 : announced.head;
	frame->length = total - frame->offset;
	frame->consumed = total;
	return PLAIT_FRAME_MESSAGE;
}

/* Of a head with more in it than the length, only the protocol knows the rest. */
static int length_field_wrap(const void *settings, const void *message, size_t len, struct plait_wrap *wrap)
{
	const struct plait_length_field *field = settings;
	const struct coding *coding = coding_of(field);
	uint64_t value = len;
	int64_t adjustment = field->adjustment;
	(void)message;
	if (field->offset > 0 || field->with_head || adjustment == INT64_MIN || !add(&value, -adjustment) ||
	    (field->body_offset > 0 && field->body_offset != field->size))
		return PLAIT_ERROR_INVALID;
	wrap->head_len = coding->write(wrap->head, value, field->size);
	return wrap->head_len > 0 ? 0 : PLAIT_ERROR_INVALID;
}

/* Framings that differ in their defaults only. */
#define FRAMING(name_, text, defaults_)                                                                      \
	static const struct plait_length_field name_##_defaults = defaults_;                                 \
	const struct plait_framing plait_##name_##_framing = {                                               \
		.name = text,                                                                                \
		.defaults = &name_##_defaults,                                                               \
		.next = length_field_next,                                                                   \
		.wrap = length_field_wrap,                                                                   \
	}

FRAMING(length_field, "length-field", PLAIT_INT32(99999));
FRAMING(int8, "int8", PLAIT_INT8(255));
FRAMING(int16, "int16", PLAIT_INT16(65535));
FRAMING(int32, "int32", PLAIT_INT32(99999));
FRAMING(int16le, "int16le", PLAIT_INT16LE(65535));
FRAMING(int32le, "int32le", PLAIT_INT32LE(99999));
