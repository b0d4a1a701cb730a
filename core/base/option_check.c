/* Is an option table itself right? A plugin's may come from anyone. */
#include <stdlib.h>
#include <string.h>

#include "core/base/option_value.h"

enum { MOST_ROWS = 256, LONGEST_KEY = 64, LARGEST_STRUCT = 1 << 20 };

/* Of a row by itself; NULL when it is right. */
static const char *key_fault(const struct plait_option *row)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	if (!row->key || !*row->key)
		return "has no key";
	if (strlen(row->key) > LONGEST_KEY)
		return "has a key of more than 64 bytes";
	if (row->key[strspn(row->key, plain)])
		return "has a key with other characters than letters, digits, \"_\" and \"-\"";
	return NULL;
}

static bool holds_tables(const struct plait_option *row)
{
	return row->type == PLAIT_OPTION_TYPE_OBJECT || row->type == PLAIT_OPTION_TYPE_LIST ||
	       row->type == PLAIT_OPTION_TYPE_MAP;
}

static bool is_measure(const struct plait_option *row)
{
	return row->type != PLAIT_OPTION_TYPE_INT;
}

static const char *row_fault(const struct plait_option *row, size_t struct_size)
{
	if (!row->doc || !*row->doc)
		return "has no doc";
	if (holds_tables(row) && (!row->table || row->table_size == 0 || row->table_size > LARGEST_STRUCT))
		return "has no table, or no sensible table_size";
	size_t size = option_member_size(row);
	if (size > struct_size || row->offset > struct_size - size)
		return "names a member outside of its struct";
	if (row->type == PLAIT_OPTION_TYPE_CHOICE && (!row->choices || !row->choices[0].word))
		return "has no choices";
	if (row->choices && row->type != PLAIT_OPTION_TYPE_CHOICE && row->type != PLAIT_OPTION_TYPE_INT &&
	    row->type != PLAIT_OPTION_TYPE_SIZE && row->type != PLAIT_OPTION_TYPE_DURATION)
		return "has choices, which its type does not take";
	if (row->min < 0 && row->max == 0)
		return "has a min below 0 and no max; a max of 0 is none";
	if ((row->max != 0 && row->min > row->max) || (is_measure(row) && (row->min < 0 || row->max < 0)))
		return "has an impossible range";
	if (row->fallback && row->required)
		return "is required and has a default too";
	if (row->fallback &&
	    (holds_tables(row) || row->type == PLAIT_OPTION_TYPE_ANY || row->type == PLAIT_OPTION_TYPE_TEXTS))
		return "has a default, which its type does not take";
	return NULL;
}

/* By parsing it; a default that is relative to a folder is none of this file's business. */
static bool default_parses(const struct plait_option *row)
{
	union {
		uint64_t number;
		const char *text;
		struct plait_strings strings;
	} member;
	struct problems problems;
	struct option_context context = { .arena = option_arena_new(), .problems = &problems };

	problems_init(&problems);
	bool good = !row->fallback || option_default(row, "", &member, &context);
	problems_fini(&problems);
	option_arena_free(&context.arena);
	return good;
}

static bool appears_before(const struct plait_option *table, const struct plait_option *row)
{
	for (; table < row; table++)
		if (strcmp(table->key, row->key) == 0)
			return true;
	return false;
}

static const char *table_fault(const struct plait_option *table, size_t struct_size, int depth, char *text,
			       size_t size)
{
	if (depth > OPTION_DEPTH) {
		snprintf(text, size, "its tables are nested more than %d deep", OPTION_DEPTH);
		return text;
	}
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		size_t number = (size_t)(row - table);

		if (number >= MOST_ROWS) {
			snprintf(text, size, "it has more than %d rows; is PLAIT_OPTION_END missing?",
				 MOST_ROWS);
			return text;
		}
		const char *fault = row->type >= OPTION_TYPES ? "has a type this plait does not know"
							      : key_fault(row);
		if (fault) {
			snprintf(text, size, "row %zu of its table %s", number + 1, fault);
			return text;
		}
		fault = row_fault(row, struct_size);
		if (!fault && appears_before(table, row))
			fault = "appears twice";
		if (!fault && !default_parses(row))
			fault = "has a default that it would not take itself";
		if (fault) {
			snprintf(text, size, "option \"%s\" %s", row->key, fault);
			return text;
		}
		if (holds_tables(row) && table_fault(row->table, row->table_size, depth + 1, text, size))
			return text;
	}
	return NULL;
}

const char *option_table_fault(const struct plait_option *table, size_t struct_size, char *text, size_t size)
{
	if (struct_size > LARGEST_STRUCT) {
		snprintf(text, size, "its struct is larger than %d bytes", LARGEST_STRUCT);
		return text;
	}
	return table_fault(table, struct_size, 1, text, size);
}
