/* Plays a stream through a framing as a connection does, cut at will, and a plain model of lines to compare
 * with. */
#include "tests/unit/protocols/framing_driver.h"

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

static void add_message(struct record *record, const void *bytes, size_t len)
{
	append(record, "M", 1);
	append(record, &len, sizeof(len));
	append(record, bytes, len);
	record->messages++;
}

static void add_too_long(struct record *record)
{
	append(record, "T", 1);
	record->too_long++;
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
		add_message(record, block + frame->offset, frame->length);
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
		add_too_long(record);
		frame->skipping = true;
		return NULL;
	case PLAIT_FRAME_INVALID: break;
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

		while (start < ends[i] && !more && !fault) {
			size_t here = ends[i] - start;
			uint8_t *block = malloc(here);

			if (!block || ends[i] > len)
				abort();
			memcpy(block, data + start, here);
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

void line_model(const struct plait_line *line, const uint8_t *data, size_t len, struct record *record)
{
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
			add_too_long(record);
		else
			add_message(record, data + start, length);
		at += size;
		start = at;
	}
	size_t enclosing = line->delimiter ? size : 2;

	if (len - start >= enclosing && len - start - enclosing >= line->max_length)
		add_too_long(record);
}
