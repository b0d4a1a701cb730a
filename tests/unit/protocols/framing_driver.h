/* Plays a stream through a framing as a connection does, cut at will, and a plain model of lines to compare
 * with. */
#ifndef TESTS_UNIT_PROTOCOLS_FRAMING_DRIVER_H
#define TESTS_UNIT_PROTOCOLS_FRAMING_DRIVER_H

#include <plait/line.h>

/* What came out, in order and in one row of bytes: two records are equal when their bytes are. */
struct record {
	uint8_t *bytes;
	size_t len, size;
	size_t messages, too_long;
};

void record_fini(struct record *record);
bool record_equal(const struct record *a, const struct record *b);

/* Feeds data in packets that end at ends[0..count), the last of which is len. After TOO_LONG the message is
 * skipped. Each call of the framing sees a block of its own, so that a sanitizer sees it read too far.
 * Returns NULL, or what the framing did against its contract. */
const char *framing_drive(const struct plait_framing *framing, const void *settings, const uint8_t *data,
			  size_t len, const size_t *ends, size_t count, struct record *record);

/* The same in packets of size bytes. */
const char *framing_drive_sized(const struct plait_framing *framing, const void *settings,
				const uint8_t *data, size_t len, size_t size, struct record *record);

/* What a line framing should make of data, worked out without any cleverness. */
void line_model(const struct plait_line *line, const uint8_t *data, size_t len, struct record *record);

#endif
