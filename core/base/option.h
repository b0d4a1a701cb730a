/* Option tables at work: JSON into structs, and tables into help and JSON Schema. */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <jansson.h>
#include <stdio.h>

#include <plait/option.h>

#include "core/base/problem.h"

/* Owns every string and array that parsed structs point to. */
struct option_arena;
struct option_arena *option_arena_new(void);
void option_arena_free(struct option_arena **arena);

struct option_context {
	struct option_arena *arena;
	struct problems *problems;
	const char *folder; /* what relative paths are relative to */
};

/* Fills *out (table_size zeroed bytes) from object, which may be NULL or missing keys: defaults step in. Every
 * problem is added under path ("": the top level); unknown keys come with a "did you mean". Keys that begin with "//"
 * are passed over, at the top level "$schema" too. A member whose value is wrong gets its default. Returns 0, or -1 when there was a problem. */
int option_parse(const struct plait_option *table, const json_t *object, const char *path, void *out,
		 const struct option_context *context);

/* NULL, or one sentence on what is wrong with a table (a plugin's may come from anyone): a default that does not
 * parse or lies outside its range, a member outside of the struct, two rows of one key, a missing doc, ... */
const char *option_table_fault(const struct plait_option *table, size_t struct_size, char *text, size_t size);

/* What a row's type and range look like to a person: "size", "1 to 1m"; each returns out. */
const char *option_type_text(const struct plait_option *row, char *out, size_t size);
const char *option_range_text(const struct plait_option *row, char *out, size_t size);

/* A JSON Schema (draft 7) object for the table. The caller owns the reference. */
json_t *option_schema(const struct plait_option *table);

#endif
