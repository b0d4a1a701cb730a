/* Sizes and durations as people write them, parsed and formatted exactly. */
#include "core/base/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <strings.h>

/* In falling order of factor within what is written; the others are only read. The empty name is for a bare number. */
struct unit {
	const char *name;
	uint64_t factor;
	bool written;
};

static const struct unit size_units[] = {
	{ "t", 1ull << 40, true }, { "tb", 1ull << 40, false }, { "tib", 1ull << 40, false },
	{ "g", 1ull << 30, true }, { "gb", 1ull << 30, false }, { "gib", 1ull << 30, false },
	{ "m", 1ull << 20, true }, { "mb", 1ull << 20, false }, { "mib", 1ull << 20, false },
	{ "k", 1ull << 10, true }, { "kb", 1ull << 10, false }, { "kib", 1ull << 10, false },
	{ "", 1, true },           { "b", 1, false },           { NULL, 0, false },
};

static const struct unit duration_units[] = {
	{ "d", 86400000, true }, { "h", 3600000, true }, { "m", 60000, true }, { "s", 1000, true },
	{ "ms", 1, true },       { "", 1000, false },    { NULL, 0, false },
};

/* More digits would not be exact, and would let fraction * factor overflow. */
enum { FRACTION_DIGITS = 6 };

static const uint64_t limit = INT64_MAX; /* so that a value is also a good int64_t */

static int parse(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t whole = 0, fraction = 0, scale = 1;
	bool huge = false;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		huge = huge || __builtin_mul_overflow(whole, 10u, &whole) ||
		       __builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole);
	if (at == text)
		return -1;
	if (*at == '.') {
		const char *first = ++at;

		for (; *at >= '0' && *at <= '9'; at++) {
			if (at - first == FRACTION_DIGITS)
				return -1;
			fraction = fraction * 10 + (uint64_t)(*at - '0');
			scale *= 10;
		}
		if (at == first)
			return -1;
	}

	const struct unit *unit = units;
	while (unit->name && strcasecmp(unit->name, at) != 0)
		unit++;
	if (!unit->name || fraction * unit->factor % scale != 0)
		return -1;
	uint64_t value;
	if (huge || __builtin_mul_overflow(whole, unit->factor, &value) ||
	    __builtin_add_overflow(value, fraction * unit->factor / scale, &value) || value > limit)
		return -2;
	*out = value;
	return 0;
}

static const char *format(char *out, size_t size, const struct unit *units, uint64_t value)
{
	const struct unit *unit = units;

	while (!unit->written || value % unit->factor != 0)
		unit++;
	snprintf(out, size, "%" PRIu64 "%s", value / unit->factor, unit->name);
	return out;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	return parse(text, size_units, bytes);
}

int units_parse_duration(const char *text, uint64_t *ms)
{
	return parse(text, duration_units, ms);
}

const char *units_format_size(char *out, size_t size, uint64_t bytes)
{
	if (bytes == 0)
		snprintf(out, size, "0");
	else
		format(out, size, size_units, bytes);
	return out;
}

const char *units_format_duration(char *out, size_t size, uint64_t ms)
{
	if (ms == 0)
		snprintf(out, size, "0s");
	else
		format(out, size, duration_units, ms);
	return out;
}
