/* Sizes and durations as people write them. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Both parsers: 0; -1 when text is none, -2 when it is one but does not fit. */

/* "512", "64k", "1.5m", "1g" (powers of 1024; b, kb, KiB and such are taken too). Whole bytes only. */
int units_parse_size(const char *text, uint64_t *bytes);

/* "250ms", "10s", "5m", "2h", "1d", "1.5s"; a bare number is seconds. Whole milliseconds only. */
int units_parse_duration(const char *text, uint64_t *ms);

/* "64k", "1000", "90s": in the largest unit that fits without a fraction; parses back to the same value. Returns
 * out. */
const char *units_format_size(char *out, size_t size, uint64_t bytes);
const char *units_format_duration(char *out, size_t size, uint64_t ms);

#endif
