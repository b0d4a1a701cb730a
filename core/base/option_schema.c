/* Option tables as JSON Schema, draft 7. */
#include <assert.h>
#include <string.h>

#include "core/base/option_value.h"

/* What units.c takes, as ECMA regular expressions. */
#define SIZE_PATTERN "^[0-9]+(\\.[0-9]{1,6})?([kKmMgGtT]?[bB]?|[kKmMgGtT][iI][bB])$"
#define DURATION_PATTERN "^[0-9]+(\\.[0-9]{1,6})?([mM]?[sS]|[mMhHdD])?$"

static json_t *words(const struct plait_option *row)
{
	json_t *list = json_array();

	for (const struct plait_choice *choice = row->choices; choice && choice->word; choice++)
		json_array_append_new(list, json_string(choice->word));
	return list;
}

/* divisor: JSON numbers of durations are seconds, the range is in milliseconds. */
static json_t *number(const struct plait_option *row, const char *type, int divisor)
{
	json_t *schema = json_pack("{s:s}", "type", type);

	if (row->min != 0 || row->max != 0)
		json_object_set_new(schema, "minimum",
				    row->min % divisor ? json_real((double)row->min / divisor)
						       : json_integer(row->min / divisor));
	if (row->max != 0)
		json_object_set_new(schema, "maximum",
				    row->max % divisor ? json_real((double)row->max / divisor)
						       : json_integer(row->max / divisor));
	return schema;
}

static json_t *any_of(json_t *first, json_t *second)
{
	return json_pack("{s:[o,o]}", "anyOf", first, second);
}

static json_t *bool_schema(const struct plait_option *row)
{
	(void)row;
	return json_pack("{s:s}", "type", "boolean");
}

static json_t *int_schema(const struct plait_option *row)
{
	json_t *schema = number(row, "integer", 1);

	return row->choices ? any_of(schema, json_pack("{s:o}", "enum", words(row))) : schema;
}

static json_t *measure(const struct plait_option *row, const char *type, int divisor, const char *pattern)
{
	json_t *schema = number(row, type, divisor);

	if (row->min == 0 && row->max == 0)
		json_object_set_new(schema, "minimum", json_integer(0));
	return any_of(schema, json_pack("{s:s,s:s}", "type", "string", "pattern", pattern));
}

static json_t *size_schema(const struct plait_option *row)
{
	json_t *schema = measure(row, "integer", 1, SIZE_PATTERN);

	return row->choices ? any_of(schema, json_pack("{s:o}", "enum", words(row))) : schema;
}

static json_t *duration_schema(const struct plait_option *row)
{
	json_t *schema = measure(row, "number", 1000, DURATION_PATTERN);

	return row->choices ? any_of(schema, json_pack("{s:o}", "enum", words(row))) : schema;
}

static void set_range(json_t *schema, const struct plait_option *row, const char *least, const char *most)
{
	if (row->min > 0)
		json_object_set_new(schema, least, json_integer(row->min));
	if (row->max > 0)
		json_object_set_new(schema, most, json_integer(row->max));
}

static json_t *string_schema(const struct plait_option *row)
{
	json_t *schema = json_pack("{s:s}", "type", "string");

	set_range(schema, row, "minLength", "maxLength");
	if (row->type == PLAIT_OPTION_TYPE_PATH && row->min < 1)
		json_object_set_new(schema, "minLength", json_integer(1));
	return schema;
}

static json_t *choice_schema(const struct plait_option *row)
{
	return json_pack("{s:o}", "enum", words(row));
}

static json_t *strings_schema(const struct plait_option *row)
{
	json_t *schema = json_pack("{s:s,s:{s:s,s:i}}", "type", "array", "items", "type", "string",
				   "minLength", 1);

	set_range(schema, row, "minItems", "maxItems");
	return schema;
}

static json_t *object_schema(const struct plait_option *row)
{
	return option_schema(row->table);
}

static json_t *list_schema(const struct plait_option *row)
{
	json_t *schema = json_pack("{s:s,s:o}", "type", "array", "items", option_schema(row->table));

	set_range(schema, row, "minItems", "maxItems");
	return schema;
}

static json_t *map_schema(const struct plait_option *row)
{
	/* Comments may stand between the names. */
	json_t *schema = json_pack("{s:s,s:{s:{}},s:o,s:{s:i}}", "type", "object", "patternProperties", "^//",
				   "additionalProperties", option_schema(row->table), "propertyNames",
				   "minLength", 1);

	set_range(schema, row, "minProperties", "maxProperties");
	return schema;
}

static json_t *texts_schema(const struct plait_option *row)
{
	json_t *schema = json_pack("{s:s,s:{s:{}},s:{s:s,s:i},s:{s:i}}", "type", "object",
				   "patternProperties", "^//", "additionalProperties", "type", "string",
				   "minLength", 1, "propertyNames", "minLength", 1);

	set_range(schema, row, "minProperties", "maxProperties");
	return schema;
}

static json_t *any_schema(const struct plait_option *row)
{
	(void)row;
	return json_object();
}

static json_t *(*const builders[OPTION_TYPES])(const struct plait_option *row) = {
	[PLAIT_OPTION_TYPE_BOOL] = bool_schema,     [PLAIT_OPTION_TYPE_INT] = int_schema,
	[PLAIT_OPTION_TYPE_SIZE] = size_schema,     [PLAIT_OPTION_TYPE_DURATION] = duration_schema,
	[PLAIT_OPTION_TYPE_STRING] = string_schema, [PLAIT_OPTION_TYPE_PATH] = string_schema,
	[PLAIT_OPTION_TYPE_CHOICE] = choice_schema, [PLAIT_OPTION_TYPE_STRINGS] = strings_schema,
	[PLAIT_OPTION_TYPE_OBJECT] = object_schema, [PLAIT_OPTION_TYPE_LIST] = list_schema,
	[PLAIT_OPTION_TYPE_MAP] = map_schema,       [PLAIT_OPTION_TYPE_ANY] = any_schema,
	[PLAIT_OPTION_TYPE_TEXTS] = texts_schema,
};

static json_t *default_json(const struct plait_option *row)
{
	json_error_t error;
	json_t *bare = NULL;

	/* true and 128 are JSON as they stand; "64k" and words are not. */
	if (row->type == PLAIT_OPTION_TYPE_BOOL || row->type == PLAIT_OPTION_TYPE_INT)
		bare = json_loads(row->fallback, JSON_DECODE_ANY, &error);
	return bare ? bare : json_string(row->fallback);
}

json_t *option_schema(const struct plait_option *table)
{
	json_t *properties = json_object(), *required = json_array();

	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		json_t *schema = builders[row->type](row);

		json_object_set_new(schema, "title", json_string(row->key));
		json_object_set_new(schema, "description", json_string(row->doc));
		if (row->fallback && row->type != PLAIT_OPTION_TYPE_STRINGS)
			json_object_set_new(schema, "default", default_json(row));
		if (row->required)
			json_array_append_new(required, json_string(row->key));
		json_object_set_new(properties, row->key, schema);
	}
	json_t *object = json_pack("{s:s,s:o,s:{s:{}},s:b}", "type", "object", "properties", properties,
				   "patternProperties", "^//", "additionalProperties", 0);
	if (json_array_size(required) > 0)
		json_object_set_new(object, "required", required);
	else
		json_decref(required);
	assert(object);
	return object;
}
