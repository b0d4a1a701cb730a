/* Making patterns. */
#include "core/bench/pattern.h"

#include <stdlib.h>
#include <string.h>

/* A prime, so that no size of messages divides it; small enough for a processor's second cache. */
#define BYTES_PERIOD 131071

/* Lines repeat after about as much, and never after fewer than that many. */
#define LINES_PERIOD 131072
#define LINES_LEAST 4

_Static_assert(PATTERN_REACH <= BYTES_PERIOD, "one step wraps round once at most");

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int allocate(struct pattern *pattern, size_t unit, size_t align, size_t period,
		    struct plait_error *error)
{
	pattern->align = align;
	pattern->unit = unit;
	pattern->period = period;
	pattern->bytes = malloc(period + PATTERN_REACH);
	if (pattern->bytes)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for messages of %zu bytes", unit);
}

/* What follows the period is its beginning again. */
static void wrap(struct pattern *pattern)
{
	for (size_t done = 0; done < PATTERN_REACH;) {
		size_t piece = PATTERN_REACH - done < pattern->period ? PATTERN_REACH - done
								      : pattern->period;
		memcpy(pattern->bytes + pattern->period + done, pattern->bytes, piece);
		done += piece;
	}
}

int pattern_init_bytes(struct pattern *pattern, size_t unit, struct plait_error *error)
{
	uint32_t state = 2463534242u;
	if (allocate(pattern, unit, 1, BYTES_PERIOD, error) < 0)
		return PLAIT_ERROR_MEMORY;
	for (size_t i = 0; i < pattern->period; i++)
		pattern->bytes[i] = (uint8_t)(next_random(&state) >> 16);
	wrap(pattern);
	return 0;
}

int pattern_init_lines(struct pattern *pattern, size_t text, struct plait_error *error)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
	uint32_t state = 2463534242u;
	size_t unit = text + 2, lines = LINES_LEAST;
	while (lines * unit < LINES_PERIOD)
		lines *= 2;
	if (allocate(pattern, unit, unit, lines * unit, error) < 0)
		return PLAIT_ERROR_MEMORY;
	for (size_t i = 0; i < pattern->period; i++) {
		size_t place = i % unit;
		pattern->bytes[i] = place == text       ? '\r'
				    : place == text + 1 ? '\n'
							: (uint8_t)letters[next_random(&state) >> 16 & 63];
	}
	wrap(pattern);
	return 0;
}

void pattern_fini(struct pattern *pattern)
{
	free(pattern->bytes);
	*pattern = (struct pattern){ 0 };
}

size_t pattern_start(const struct pattern *pattern, uint32_t index)
{
	/* The factor shares none with either number of places, so all are used before one comes again. */
	return (size_t)((uint64_t)index * 40503u % (pattern->period / pattern->align)) * pattern->align;
}
