/* Between the files of the option tables: one value of one row. */
#ifndef BASE_OPTION_VALUE_H
#define BASE_OPTION_VALUE_H

#include "core/base/option.h"

#define OPTION_TYPES ((unsigned)PLAIT_OPTION_TYPE_TEXTS + 1)

/* Of tables in tables; a plugin's could contain itself. */
enum { OPTION_DEPTH = 8 };

/* Parses value into member by row's rules; false when there was a problem, with member as it was. */
bool option_value(const struct plait_option *row, const json_t *value, const char *path, void *member,
		  const struct option_context *context);

/* The types that hold no others; the same contract. */
bool option_scalar(const struct plait_option *row, const json_t *value, const char *path, void *member,
		   const struct option_context *context);

/* Puts row's default into member. */
bool option_default(const struct plait_option *row, const char *path, void *member,
		    const struct option_context *context);

/* What a value is to a person: "5x", 12, a list. Returns out. */
const char *option_found_text(const json_t *value, char *out, size_t size);

/* What a row takes, after "expected ". out_of_range: the value was of the right kind, but outside of the range. */
const char *option_expected_text(const struct plait_option *row, bool out_of_range, char *out, size_t size);

/* Of the member. */
size_t option_member_size(const struct plait_option *row);

/* Whether value lies in row's range; max 0 is no bound. */
bool option_in_range(const struct plait_option *row, int64_t value);

const struct plait_choice *option_choice(const struct plait_option *row, const char *word);

#endif
