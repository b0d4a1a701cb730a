/* The packets a fuzz target's stream comes in: how many, the size of each, then the stream. */
#ifndef TESTS_FUZZ_CUTS_H
#define TESTS_FUZZ_CUTS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/protocols/framing_driver.h"

#define PACKETS_MAX 255

struct cuts {
	const uint8_t *stream;
	size_t len;
	size_t ends[PACKETS_MAX + 1], count;
};

/* Takes data apart; the stream is empty when there is none. */
void cuts_read(struct cuts *cuts, const uint8_t *data, size_t size);

/* Aborts when the framing makes something else of the stream in these packets than the model does. */
void cuts_try(const struct plait_framing *framing, framing_model_fn *model, const void *settings,
	      const uint8_t *data, size_t size);

#endif
