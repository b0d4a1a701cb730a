/* Option rows in words: what was found, what is expected, what the help shows. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/option_value.h"
#include "core/base/text.h"
#include "core/base/units.h"

static const struct {
	const char *type;     /* for help */
	const char *expected; /* for messages: the kind of value, with a range after it ... */
	const char *example;  /* ... or with an example, when the kind itself was wrong */
	const char *
		counted; /* what a range is a number of, such as "of 1 to 64 byte(s)"; NULL: the value itself */
} words[OPTION_TYPES] = {
	[PLAIT_OPTION_TYPE_BOOL] = { "true or false", "true or false", "", NULL },
	[PLAIT_OPTION_TYPE_INT] = { "whole number", "a whole number", "", NULL },
	[PLAIT_OPTION_TYPE_SIZE] = { "size", "a size", " such as \"64k\", \"16m\" or a number of bytes",
				     NULL },
	[PLAIT_OPTION_TYPE_DURATION] = { "duration", "a duration",
					 " such as \"5m\", \"250ms\" or a number of seconds", NULL },
	[PLAIT_OPTION_TYPE_STRING] = { "text", "a string", "", "byte" },
	[PLAIT_OPTION_TYPE_PATH] = { "path", "a path", "", "byte" },
	[PLAIT_OPTION_TYPE_CHOICE] = { "choice", "", "", NULL },
	[PLAIT_OPTION_TYPE_STRINGS] = { "list of texts", "a list of strings", "", "item" },
	[PLAIT_OPTION_TYPE_OBJECT] = { "object", "an object", "", NULL },
	[PLAIT_OPTION_TYPE_LIST] = { "list of objects", "a list of objects", "", "item" },
	[PLAIT_OPTION_TYPE_MAP] = { "object of objects", "an object of objects, each under its name", "",
				    "item" },
	[PLAIT_OPTION_TYPE_ANY] = { "object", "a value", "", NULL },
	[PLAIT_OPTION_TYPE_TEXTS] = { "object of texts", "an object of strings, each under its name", "",
				      "item" },
};

static void append_number(const struct plait_option *row, int64_t number, char *out, size_t size)
{
	char text[32];

	if (row->type == PLAIT_OPTION_TYPE_SIZE)
		units_format_size(text, sizeof(text), (uint64_t)number);
	else if (row->type == PLAIT_OPTION_TYPE_DURATION)
		units_format_duration(text, sizeof(text), (uint64_t)number);
	else
		snprintf(text, sizeof(text), "%" PRId64, number);
	text_append(out, size, "%s", text);
}

static bool has_range(const struct plait_option *row)
{
	return row->min != 0 || row->max != 0;
}

static void append_range(const struct plait_option *row, char *out, size_t size)
{
	const char *counted = words[row->type].counted;

	if (row->max == 0)
		text_append(out, size, "at least ");
	append_number(row, row->min, out, size);
	if (row->max != 0 && row->max != row->min) {
		text_append(out, size, " to ");
		append_number(row, row->max, out, size);
	}
	bool one = row->min == 1 && (row->max == 0 || row->max == 1);
	if (counted)
		text_append(out, size, " %s%s", counted, one ? "" : "s");
}

static void append_words(const struct plait_option *row, char *out, size_t size)
{
	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++)
		text_append_word(out, size, choice->word, choice == row->choices);
}

const char *option_type_text(const struct plait_option *row, char *out, size_t size)
{
	assert(row->type < OPTION_TYPES);
	*out = '\0';
	text_append(out, size, "%s", words[row->type].type);
	return out;
}

const char *option_range_text(const struct plait_option *row, char *out, size_t size)
{
	assert(row->type < OPTION_TYPES);
	*out = '\0';
	if (row->type == PLAIT_OPTION_TYPE_CHOICE) {
		append_words(row, out, size);
		return out;
	}
	if (has_range(row))
		append_range(row, out, size);
	if (row->choices) {
		text_append(out, size, "%s", has_range(row) ? ", or " : "or ");
		append_words(row, out, size);
	}
	return out;
}

/* "a size from 1 to 2", "a string of 1 to 2 bytes", "a list with 1 to 2 items" */
static const char *range_word(const struct plait_option *row)
{
	const char *counted = words[row->type].counted;

	if (!counted)
		return row->max == 0 ? "of" : "from";
	return strcmp(counted, "item") == 0 ? "with" : "of";
}

const char *option_expected_text(const struct plait_option *row, bool out_of_range, char *out, size_t size)
{
	assert(row->type < OPTION_TYPES);
	*out = '\0';
	if (row->type == PLAIT_OPTION_TYPE_CHOICE) {
		text_append(out, size, "%s", row->choices[0].word && row->choices[1].word ? "one of " : "");
		append_words(row, out, size);
		return out;
	}
	text_append(out, size, "%s", words[row->type].expected);
	bool shown = has_range(row) && (out_of_range || row->type == PLAIT_OPTION_TYPE_INT);
	if (shown) {
		text_append(out, size, " %s ", range_word(row));
		append_range(row, out, size);
	} else {
		text_append(out, size, "%s", words[row->type].example);
	}
	if (row->choices) {
		text_append(out, size, " or ");
		append_words(row, out, size);
	}
	return out;
}

static void quote(const char *text, size_t len, char *out, size_t size)
{
	char escaped[64];

	escape_text(escaped, sizeof(escaped), text, len);
	text_append(out, size, "\"%s\"", escaped);
}

const char *option_found_text(const json_t *value, char *out, size_t size)
{
	*out = '\0';
	switch (json_typeof(value)) {
	case JSON_STRING: quote(json_string_value(value), json_string_length(value), out, size); break;
	case JSON_INTEGER: text_append(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); break;
	case JSON_REAL: text_append(out, size, "%.15g", json_real_value(value)); break;
	case JSON_TRUE: text_append(out, size, "true"); break;
	case JSON_FALSE: text_append(out, size, "false"); break;
	case JSON_NULL: text_append(out, size, "null"); break;
	case JSON_ARRAY: text_append(out, size, json_array_size(value) ? "a list" : "an empty list"); break;
	case JSON_OBJECT:
		text_append(out, size, json_object_size(value) ? "an object" : "an empty object");
		break;
	}
	return out;
}
