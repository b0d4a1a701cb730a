/* Tests the framings by length: codings, adjustments, heads, bounds from the head alone, every cut, what is sent. */
#include <plait/error.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/protocols/framing_models.h"
#include "tests/unit/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One of each kind of head. */
static const struct plait_length_field fields[] = {
	PLAIT_INT8(5),
	PLAIT_INT16(5),
	PLAIT_INT32(300),
	PLAIT_INT16LE(5),
	PLAIT_INT32LE(300),
	{ .max_length = 6, .size = 3 },
	{ .max_length = 6, .size = 8, .coding = PLAIT_LENGTH_LITTLE_ENDIAN },
	{ .max_length = 200, .size = 2, .coding = PLAIT_LENGTH_VARINT },
	{ .max_length = 20, .size = 10, .coding = PLAIT_LENGTH_VARINT },
	{ .max_length = 6, .offset = 2, .size = 1, .with_head = true },
	{ .max_length = 6, .offset = 1, .size = 2, .body_offset = 5 },
	{ .max_length = 6, .size = 1, .adjustment = -1 },
	{ .max_length = 6, .size = 1, .adjustment = 2, .with_head = true },
	{ .max_length = 6,
	  .offset = 1,
	  .size = 4,
	  .body_offset = 7,
	  .coding = PLAIT_LENGTH_VARINT,
	  .adjustment = -2 },
};

static bool same(const struct plait_length_field *field, const uint8_t *data, size_t len, bool every_cut)
{
	bool good = framing_as_model(&plait_length_field_framing, length_field_model, field, data, len,
				     every_cut);
	if (!good)
		printf("# kind of head: %td\n", field - fields);
	return good;
}

/* Small numbers, so that heads often make sense, and some that do not. */
static void fill(uint8_t *data, size_t len, unsigned most)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(random_below(3)    ? random_below(most)
				    : random_below(30) ? 0
						       : random_below(256));
}

static void every_cut_gives_the_same_messages(void)
{
	uint8_t data[11];

	for (size_t f = 0; f < COUNT(fields); f++) {
		bool good = true;
		for (int i = 0; i < 60 && good; i++) {
			fill(data, sizeof(data), 8);
			good = same(&fields[f], data, sizeof(data), true);
		}
		CU_ASSERT(good);
	}
}

static void random_cuts_of_long_streams_give_the_same_messages(void)
{
	static uint8_t data[1000];

	for (size_t f = 0; f < COUNT(fields); f++) {
		bool good = true;
		for (int i = 0; i < 40 && good; i++) {
			fill(data, sizeof(data), i % 2 ? 7 : 100);
			good = same(&fields[f], data, sizeof(data), false);
		}
		CU_ASSERT(good);
	}
}

static enum plait_frame_verdict next(const struct plait_length_field *field, const void *bytes, size_t len,
				     struct plait_frame *frame)
{
	memset(frame, 0, sizeof(*frame));
	return plait_length_field_framing.next(field, bytes, len, frame);
}

static void what_is_too_long_is_known_from_the_head(void)
{
	static const struct plait_length_field most = { .max_length = UINT64_MAX, .size = 8 };
	struct plait_frame frame;

	CU_ASSERT_EQUAL(next(&fields[1], "\0\5", 2, &frame), PLAIT_FRAME_MORE);
	CU_ASSERT_EQUAL(frame.need, 7);
	CU_ASSERT_EQUAL(next(&fields[1], "\0\6", 2, &frame), PLAIT_FRAME_TOO_LONG);
	CU_ASSERT_EQUAL(frame.length, 6);
	CU_ASSERT_EQUAL(next(&fields[4], "\377\377\377\377", 4, &frame), PLAIT_FRAME_TOO_LONG);
	CU_ASSERT_EQUAL(frame.length, UINT32_MAX);
	CU_ASSERT_EQUAL(next(&most, "\377\377\377\377\377\377\377\377", 8, &frame), PLAIT_FRAME_TOO_LONG);
}

static void heads_without_sense_are_invalid(void)
{
	static const struct plait_length_field less = { .max_length = 9, .size = 1, .adjustment = -3 },
					       over = { .max_length = 9, .size = 8, .adjustment = 1 },
					       varint = { .max_length = UINT64_MAX,
							  .size = 10,
							  .coding = PLAIT_LENGTH_VARINT };
	struct plait_frame frame;

	CU_ASSERT_EQUAL(next(&less, "\2", 1, &frame), PLAIT_FRAME_INVALID);
	CU_ASSERT_EQUAL(next(&less, "\3", 1, &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT_EQUAL(frame.length, 0);
	CU_ASSERT_EQUAL(next(&over, "\377\377\377\377\377\377\377\377", 8, &frame), PLAIT_FRAME_INVALID);
	CU_ASSERT_EQUAL(next(&varint, "\377\377\377\377\377\377\377\377\377\2", 10, &frame),
			PLAIT_FRAME_INVALID);
	CU_ASSERT_EQUAL(next(&varint, "\377\377\377\377\377\377\377\377\377\1", 10, &frame),
			PLAIT_FRAME_TOO_LONG);
	CU_ASSERT_EQUAL(next(&varint, "\200\200\200\200\200\200\200\200\200\200", 10, &frame),
			PLAIT_FRAME_INVALID);
	CU_ASSERT_EQUAL(next(&fields[7], "\200\200", 2, &frame), PLAIT_FRAME_INVALID);
	CU_ASSERT_EQUAL(next(&fields[7], "\200", 1, &frame), PLAIT_FRAME_MORE);
}

static void delivers_head_and_body_or_the_body_alone(void)
{
	struct plait_frame frame;

	CU_ASSERT_EQUAL(next(&fields[9], "ab\2xyz", 6, &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT(frame.offset == 0 && frame.length == 5 && frame.consumed == 5);
	CU_ASSERT_EQUAL(next(&fields[10], "a\0\2bcxyz", 8, &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT(frame.offset == 5 && frame.length == 2 && frame.consumed == 7);
	/* the varint takes one byte instead of four, and the body begins so much earlier */
	CU_ASSERT_EQUAL(next(&fields[13], "a\4bcxyz", 7, &frame), PLAIT_FRAME_MESSAGE);
	CU_ASSERT(frame.offset == 4 && frame.length == 2 && frame.consumed == 6);
}

static int wrap(const struct plait_length_field *field, size_t len, struct plait_wrap *wrapped)
{
	*wrapped = (struct plait_wrap){ 0 };
	return plait_length_field_framing.wrap(field, NULL, len, wrapped);
}

static void wraps_what_the_field_can_say(void)
{
	static const struct {
		struct plait_length_field field;
		size_t len;
		const char *head;
		size_t head_len; /* 0: refused */
	} rows[] = {
		{ PLAIT_INT8(0), 255, "\377", 1 },
		{ PLAIT_INT8(0), 256, NULL, 0 },
		{ PLAIT_INT16(0), 65535, "\377\377", 2 },
		{ PLAIT_INT16(0), 65536, NULL, 0 },
		{ PLAIT_INT16(0), 258, "\1\2", 2 },
		{ PLAIT_INT16LE(0), 258, "\2\1", 2 },
		{ PLAIT_INT32(0), 16, "\0\0\0\20", 4 },
		{ PLAIT_INT32LE(0), 16, "\20\0\0\0", 4 },
		{ PLAIT_INT32(0), (size_t)1 << 32, NULL, 0 },
		{ { .size = 2, .coding = PLAIT_LENGTH_VARINT }, 127, "\177", 1 },
		{ { .size = 2, .coding = PLAIT_LENGTH_VARINT }, 300, "\254\2", 2 },
		{ { .size = 2, .coding = PLAIT_LENGTH_VARINT }, 16384, NULL, 0 },
		{ { .size = 10, .coding = PLAIT_LENGTH_VARINT },
		  SIZE_MAX,
		  "\377\377\377\377\377\377\377\377\377\1",
		  10 },
		{ { .size = 1, .adjustment = -1 }, 4, "\5", 1 },
		{ { .size = 1, .adjustment = 2 }, 4, "\2", 1 },
		{ { .size = 1, .adjustment = 2 }, 1, NULL, 0 },
		{ { .size = 8, .adjustment = INT64_MIN }, 1, NULL, 0 },
		{ { .size = 8, .adjustment = -1 }, SIZE_MAX, NULL, 0 },
		{ { .size = 1, .offset = 1 }, 1, NULL, 0 },
		{ { .size = 1, .body_offset = 2 }, 1, NULL, 0 },
		{ { .size = 1, .body_offset = 1 }, 1, "\1", 1 },
		{ { .size = 1, .with_head = true }, 1, NULL, 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plait_wrap wrapped;
		int result = wrap(&rows[i].field, rows[i].len, &wrapped);
		bool good = rows[i].head_len == 0
				    ? result == PLAIT_ERROR_INVALID
				    : result == 0 && wrapped.head_len == rows[i].head_len &&
					      !memcmp(wrapped.head, rows[i].head, rows[i].head_len) &&
					      wrapped.tail_len == 0;
		CU_ASSERT(good);
		if (!good)
			printf("# row %zu\n", i);
	}
}

/* The framings with a name are this one with other defaults. */
static void the_named_ones_have_their_defaults(void)
{
	static const struct {
		const struct plait_framing *framing;
		size_t size;
		uint64_t max_length;
		enum plait_length_coding coding;
	} rows[] = {
		{ &plait_int8_framing, 1, 255, PLAIT_LENGTH_BIG_ENDIAN },
		{ &plait_int16_framing, 2, 65535, PLAIT_LENGTH_BIG_ENDIAN },
		{ &plait_int32_framing, 4, 99999, PLAIT_LENGTH_BIG_ENDIAN },
		{ &plait_int16le_framing, 2, 65535, PLAIT_LENGTH_LITTLE_ENDIAN },
		{ &plait_int32le_framing, 4, 99999, PLAIT_LENGTH_LITTLE_ENDIAN },
		{ &plait_length_field_framing, 4, 99999, PLAIT_LENGTH_BIG_ENDIAN },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct plait_length_field *field = rows[i].framing->defaults;
		CU_ASSERT_EQUAL(field->size, rows[i].size);
		CU_ASSERT_EQUAL(field->max_length, rows[i].max_length);
		CU_ASSERT_EQUAL(field->coding, rows[i].coding);
		CU_ASSERT_PTR_EQUAL((void *)rows[i].framing->next, (void *)plait_length_field_framing.next);
	}
}

SUITE_MAIN("length-field framing", SUITE_TEST(every_cut_gives_the_same_messages),
	   SUITE_TEST(random_cuts_of_long_streams_give_the_same_messages),
	   SUITE_TEST(what_is_too_long_is_known_from_the_head), SUITE_TEST(heads_without_sense_are_invalid),
	   SUITE_TEST(delivers_head_and_body_or_the_body_alone), SUITE_TEST(wraps_what_the_field_can_say),
	   SUITE_TEST(the_named_ones_have_their_defaults))
