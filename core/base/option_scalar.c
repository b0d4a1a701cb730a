/* The option types that hold no others: one JSON value into one member. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/base/suggest.h"
#include "core/base/units.h"

enum outcome { TAKEN, WRONG_KIND, OUT_OF_RANGE, HAS_NUL, EMPTY };

typedef enum outcome scalar_fn(const struct plait_option *row, const json_t *value, void *member,
			       const struct option_context *context);

bool option_in_range(const struct plait_option *row, int64_t value)
{
	if (row->min == 0 && row->max == 0)
		return true;
	return value >= row->min && (row->max == 0 || value <= row->max);
}

const struct plait_choice *option_choice(const struct plait_option *row, const char *word)
{
	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++)
		if (strcmp(choice->word, word) == 0)
			return choice;
	return NULL;
}

/* A C string cannot hold what follows a NUL: "a\u0000b" would silently become "a". */
static bool has_nul(const json_t *string)
{
	return strlen(json_string_value(string)) != json_string_length(string);
}

static enum outcome take_bool(const struct plait_option *row, const json_t *value, void *member,
			      const struct option_context *context)
{
	(void)row, (void)context;
	if (!json_is_boolean(value))
		return WRONG_KIND;
	*(bool *)member = json_is_true(value);
	return TAKEN;
}

/* 5, 5.0 and 5e0 are the same number in JSON. */
static enum outcome take_int(const struct plait_option *row, const json_t *value, void *member,
			     const struct option_context *context)
{
	static const double exact = 9007199254740992.0; /* 2^53: whole numbers beyond may have been rounded */
	int64_t number;

	(void)context;
	if (json_is_string(value)) {
		const struct plait_choice *choice = has_nul(value)
							    ? NULL
							    : option_choice(row, json_string_value(value));

		if (!choice)
			return WRONG_KIND;
		*(int64_t *)member = choice->value;
		return TAKEN;
	}
	if (json_is_integer(value)) {
		number = json_integer_value(value);
	} else if (json_is_real(value)) {
		double real = json_real_value(value);

		if (real != floor(real))
			return WRONG_KIND;
		if (fabs(real) > exact)
			return OUT_OF_RANGE;
		number = (int64_t)real;
	} else {
		return WRONG_KIND;
	}
	if (!option_in_range(row, number))
		return OUT_OF_RANGE;
	*(int64_t *)member = number;
	return TAKEN;
}

/* A bare JSON number counts whole units of scale; the text form has units of its own. */
static enum outcome take_measure(const struct plait_option *row, const json_t *value, void *member,
				 double scale, int (*parse)(const char *, uint64_t *))
{
	static const double most = 9007199254740992.0;
	uint64_t measure;
	const struct plait_choice *choice = json_is_string(value) && !has_nul(value)
						    ? option_choice(row, json_string_value(value))
						    : NULL;

	if (choice) {
		*(uint64_t *)member = (uint64_t)choice->value;
		return TAKEN;
	}
	if (json_is_string(value)) {
		int result = has_nul(value) ? -1 : parse(json_string_value(value), &measure);

		if (result != 0)
			return result == -2 ? OUT_OF_RANGE : WRONG_KIND;
	} else if (json_is_number(value)) {
		double scaled = json_number_value(value) * scale;

		/* 0.3 seconds are 300 ms although 0.3 * 1000 is not 300; but 0.0001 seconds are not 0. */
		if (scaled < 0 || fabs(scaled - round(scaled)) > 1e-6)
			return WRONG_KIND;
		if (scaled > most)
			return OUT_OF_RANGE;
		measure = (uint64_t)round(scaled);
	} else {
		return WRONG_KIND;
	}
	if (measure > INT64_MAX || !option_in_range(row, (int64_t)measure))
		return OUT_OF_RANGE;
	*(uint64_t *)member = measure;
	return TAKEN;
}

static enum outcome take_size(const struct plait_option *row, const json_t *value, void *member,
			      const struct option_context *context)
{
	(void)context;
	return take_measure(row, value, member, 1, units_parse_size);
}

static enum outcome take_duration(const struct plait_option *row, const json_t *value, void *member,
				  const struct option_context *context)
{
	(void)context;
	return take_measure(row, value, member, 1000, units_parse_duration);
}

static enum outcome check_string(const struct plait_option *row, const json_t *value)
{
	if (!json_is_string(value))
		return WRONG_KIND;
	if (has_nul(value))
		return HAS_NUL;
	return option_in_range(row, (int64_t)json_string_length(value)) ? TAKEN : OUT_OF_RANGE;
}

static enum outcome take_string(const struct plait_option *row, const json_t *value, void *member,
				const struct option_context *context)
{
	enum outcome outcome = check_string(row, value);

	if (outcome == TAKEN)
		*(const char **)member = option_arena_copy(context->arena, json_string_value(value));
	return outcome;
}

static enum outcome take_path(const struct plait_option *row, const json_t *value, void *member,
			      const struct option_context *context)
{
	enum outcome outcome = check_string(row, value);

	if (outcome == TAKEN && json_string_length(value) == 0)
		return EMPTY;
	if (outcome == TAKEN)
		*(const char **)member = option_arena_path(context->arena, context->folder,
							   json_string_value(value));
	return outcome;
}

static enum outcome take_choice(const struct plait_option *row, const json_t *value, void *member,
				const struct option_context *context)
{
	const struct plait_choice *choice = NULL;

	(void)context;
	if (json_is_string(value) && !has_nul(value))
		choice = option_choice(row, json_string_value(value));
	if (!choice)
		return WRONG_KIND;
	*(int *)member = choice->value;
	return TAKEN;
}

/* ANY is read by someone else, who reports what is wrong with it. */
static enum outcome take_any(const struct plait_option *row, const json_t *value, void *member,
			     const struct option_context *context)
{
	(void)row, (void)value, (void)member, (void)context;
	return TAKEN;
}

static scalar_fn *const takers[OPTION_TYPES] = {
	[PLAIT_OPTION_TYPE_BOOL] = take_bool,     [PLAIT_OPTION_TYPE_INT] = take_int,
	[PLAIT_OPTION_TYPE_SIZE] = take_size,     [PLAIT_OPTION_TYPE_DURATION] = take_duration,
	[PLAIT_OPTION_TYPE_STRING] = take_string, [PLAIT_OPTION_TYPE_PATH] = take_path,
	[PLAIT_OPTION_TYPE_CHOICE] = take_choice, [PLAIT_OPTION_TYPE_ANY] = take_any,
};

static const char *did_you_mean(const struct plait_option *row, const json_t *value)
{
	struct suggest best = { 0 };

	if (!json_is_string(value) || has_nul(value))
		return NULL;
	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++)
		suggest_offer(&best, json_string_value(value), choice->word);
	return best.word;
}

bool option_scalar(const struct plait_option *row, const json_t *value, const char *path, void *member,
		   const struct option_context *context)
{
	char found[128], expected[512];

	assert(takers[row->type]);
	enum outcome outcome = takers[row->type](row, value, member, context);
	if (outcome == TAKEN)
		return true;

	option_found_text(value, found, sizeof(found));
	option_expected_text(row, outcome == OUT_OF_RANGE, expected, sizeof(expected));
	const char *nearest = did_you_mean(row, value);
	if (outcome == HAS_NUL)
		problems_add(context->problems, path, "found %s; expected %s without a NUL character", found,
			     expected);
	else if (outcome == EMPTY)
		problems_add(context->problems, path, "found an empty string; expected %s", expected);
	else if (nearest)
		problems_add(context->problems, path, "found %s; did you mean \"%s\"? Expected %s", found,
			     nearest, expected);
	else
		problems_add(context->problems, path, "found %s; expected %s", found, expected);
	return false;
}
