/* Plays a stream through a framing as a connection does, cut at will, and compares what comes out with a model's. */
#ifndef TESTS_UNIT_PROTOCOLS_FRAMING_DRIVER_H
#define TESTS_UNIT_PROTOCOLS_FRAMING_DRIVER_H

#include <plait/frame.h>

/* What came out, in order and in one row of bytes: two records are equal when their bytes are. */
struct record {
	uint8_t *bytes;
	size_t len, size;
	size_t messages, too_long;
	bool invalid; /* and nothing comes after that */
};

/* For models. */
void record_message(struct record *record, const void *bytes, size_t len);
void record_too_long(struct record *record);
void record_invalid(struct record *record);

/* What a framing with these settings should make of a stream; what is too long is skipped. */
typedef void framing_model_fn(const void *settings, const uint8_t *data, size_t len, struct record *record);

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

/* Whether it comes to expected in these packets; prints the difference when not. */
bool framing_same(const struct plait_framing *framing, const void *settings, const uint8_t *data, size_t len,
		  const size_t *ends, size_t count, const struct record *expected);

/* The same in all 2^(len - 1) ways to cut at most 16 bytes; or in some random ways. */
bool framing_same_in_every_cut(const struct plait_framing *framing, const void *settings, const uint8_t *data,
			       size_t len, const struct record *expected);
bool framing_same_in_random_cuts(const struct plait_framing *framing, const void *settings,
				 const uint8_t *data, size_t len, const struct record *expected);

/* Whether it makes of data what the model does, in every cut or in random ones. */
bool framing_as_model(const struct plait_framing *framing, framing_model_fn *model, const void *settings,
		      const uint8_t *data, size_t len, bool every_cut);

/* The same numbers in every run of a program. */
unsigned random_below(unsigned bound);

#endif
