/* Plays a stream through a framing as a connection does, cut at will, and compares what comes out with a model's. */
#include "tests/unit/protocols/framing_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct record *record, const void *bytes, size_t len)
{
	while (record->len + len > record->size) {
		record->size = record->size ? record->size * 2 : 256;
		record->bytes = realloc(record->bytes, record->size);
		if (!record->bytes)
			abort();
	}
	if (len)
		memcpy(record->bytes + record->len, bytes, len);
	record->len += len;
}

void record_message(struct record *record, const void *bytes, size_t len)
{
	append(record, "M", 1);
	append(record, &len, sizeof(len));
	append(record, bytes, len);
	record->messages++;
}

void record_too_long(struct record *record)
{
	append(record, "T", 1);
	record->too_long++;
}

void record_invalid(struct record *record)
{
	append(record, "I", 1);
	record->invalid = true;
}

void record_fini(struct record *record)
{
	free(record->bytes);
	memset(record, 0, sizeof(*record));
}

bool record_equal(const struct record *a, const struct record *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->bytes, b->bytes, a->len));
}

/* Handles one answer; *start moves over what was consumed, *more is set when the framing wants more bytes. */
static const char *answer(enum plait_frame_verdict verdict, struct plait_frame *frame, const uint8_t *block,
			  size_t len, size_t *start, bool *more, struct record *record)
{
	bool skipped = frame->skipping;

	switch (verdict) {
	case PLAIT_FRAME_MORE:
		if (frame->scanned > len)
			return "scanned lies beyond what it was shown";
		if (frame->need && frame->need <= len)
			return "needs what it has";
		*more = true;
		return NULL;
	case PLAIT_FRAME_MESSAGE:
		if (skipped)
			return "a message while skipping";
		if (!frame->consumed || frame->consumed > len)
			return "consumed lies beyond what it was shown";
		if (frame->offset > frame->consumed || frame->length > frame->consumed - frame->offset)
			return "a message outside of what it consumed";
		record_message(record, block + frame->offset, frame->length);
		*start += frame->consumed;
		frame->scanned = 0;
		return NULL;
	case PLAIT_FRAME_SKIP:
		if (!frame->consumed || frame->consumed > len)
			return "skips nothing, or more than it was shown";
		*start += frame->consumed;
		return NULL;
	case PLAIT_FRAME_TOO_LONG:
		if (skipped)
			return "too long while skipping";
		record_too_long(record);
		frame->skipping = true;
		return NULL;
	case PLAIT_FRAME_INVALID: record_invalid(record); return NULL;
	}
	return "an answer that makes no sense here";
}

const char *framing_drive(const struct plait_framing *framing, const void *settings, const uint8_t *data,
			  size_t len, const size_t *ends, size_t count, struct record *record)
{
	struct plait_frame frame = { 0 };
	const char *fault = NULL;
	size_t start = 0;

	for (size_t i = 0; i < count && !fault; i++) {
		bool more = false;

		while (start < ends[i] && !more && !fault && !record->invalid) {
			size_t here = ends[i] - start;
			uint8_t *block = malloc(here);

			if (!block || ends[i] > len)
				abort();
			memcpy(block, data + start, here);
			if (here < frame.need) {
				free(block);
				break;
			}
			frame.need = 0;
			fault = answer(framing->next(settings, block, here, &frame), &frame, block, here,
				       &start, &more, record);
			free(block);
		}
	}
	return fault;
}

const char *framing_drive_sized(const struct plait_framing *framing, const void *settings,
				const uint8_t *data, size_t len, size_t size, struct record *record)
{
	size_t count = (len + size - 1) / size;
	size_t *ends = calloc(count ? count : 1, sizeof(*ends));

	if (!ends)
		abort();
	for (size_t i = 0; i < count; i++)
		ends[i] = (i + 1) * size < len ? (i + 1) * size : len;

	const char *fault = framing_drive(framing, settings, data, len, ends, count, record);

	free(ends);
	return fault;
}

bool framing_same(const struct plait_framing *framing, const void *settings, const uint8_t *data, size_t len,
		  const size_t *ends, size_t count, const struct record *expected)
{
	struct record got = { 0 };
	const char *fault = framing_drive(framing, settings, data, len, ends, count, &got);
	bool same = !fault && record_equal(expected, &got);

	if (!same) {
		printf("# %s: %s\n# stream:", framing->name,
		       fault ? fault : "other messages than the model's");
		for (size_t i = 0; i < len; i++)
			printf(" %02x", data[i]);
		printf("\n# packets end at:");
		for (size_t i = 0; i < count; i++)
			printf(" %zu", ends[i]);
		printf("\n# messages: %zu, expected %zu\n", got.messages, expected->messages);
	}
	record_fini(&got);
	return same;
}

bool framing_same_in_every_cut(const struct plait_framing *framing, const void *settings, const uint8_t *data,
			       size_t len, const struct record *expected)
{
	for (unsigned mask = 0; mask < 1u << (len - 1); mask++) {
		size_t ends[16], count = 0;

		for (size_t i = 1; i <= len; i++) {
			if (i == len || mask & 1u << (i - 1))
				ends[count++] = i;
		}
		if (!framing_same(framing, settings, data, len, ends, count, expected))
			return false;
	}
	return true;
}

bool framing_same_in_random_cuts(const struct plait_framing *framing, const void *settings,
				 const uint8_t *data, size_t len, const struct record *expected)
{
	size_t *ends = calloc(len + 1, sizeof(*ends));
	bool same = true;

	if (!ends)
		abort();
	for (int i = 0; i < 20 && same; i++) {
		unsigned step = 1 + random_below(i % 3 ? 8 : 200);
		size_t count = 0;

		for (size_t at = 0; at < len;) {
			at += 1 + random_below(step);
			ends[count++] = at < len ? at : len;
		}
		same = framing_same(framing, settings, data, len, ends, count, expected);
	}
	free(ends);
	return same;
}

unsigned random_below(unsigned bound)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 33) % bound);
}

bool framing_as_model(const struct plait_framing *framing, framing_model_fn *model, const void *settings,
		      const uint8_t *data, size_t len, bool every_cut)
{
	struct record expected = { 0 };

	model(settings, data, len, &expected);
	bool good = every_cut ? framing_same_in_every_cut(framing, settings, data, len, &expected)
			      : framing_same_in_random_cuts(framing, settings, data, len, &expected);
	record_fini(&expected);
	return good;
}
