/* Option tables at work: a JSON object into the struct a table describes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"
#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/base/suggest.h"
#include "core/base/text.h"

typedef bool value_fn(const struct plait_option *row, const json_t *value, const char *path, void *member,
		      const struct option_context *context);

static bool is_comment(const char *key, const char *path)
{
	return strncmp(key, "//", 2) == 0 || (*path == '\0' && strcmp(key, "$schema") == 0);
}

static bool wrong_kind(const struct plait_option *row, const json_t *value, bool out_of_range,
		       const char *path, const struct option_context *context)
{
	char found[128], expected[256];

	problems_add(context->problems, path, "found %s; expected %s",
		     option_found_text(value, found, sizeof(found)),
		     option_expected_text(row, out_of_range, expected, sizeof(expected)));
	return false;
}

static bool take_object(const struct plait_option *row, const json_t *value, const char *path, void *member,
			const struct option_context *context)
{
	if (!json_is_object(value))
		return wrong_kind(row, value, false, path, context);
	return option_parse(row->table, value, path, member, context) == 0;
}

static bool take_strings(const struct plait_option *row, const json_t *value, const char *path, void *member,
			 const struct option_context *context)
{
	static const struct plait_option item = { .type = PLAIT_OPTION_TYPE_STRING, .min = 1 };
	struct plait_strings strings = { 0 };
	bool good = true;

	if (!json_is_array(value))
		return wrong_kind(row, value, false, path, context);
	if (!option_in_range(row, (int64_t)json_array_size(value)))
		return wrong_kind(row, value, true, path, context);
	strings.items = option_arena_alloc(context->arena, json_array_size(value) * sizeof(*strings.items));
	for (; strings.count < json_array_size(value); strings.count++) {
		char place[JSON_PATH_SIZE];

		json_path_index(place, sizeof(place), path, strings.count);
		good = option_scalar(&item, json_array_get(value, strings.count), place,
				     &strings.items[strings.count], context) &&
		       good;
	}
	if (good)
		*(struct plait_strings *)member = strings;
	return good;
}

/* One entry of a LIST or MAP; one that is no object gets every default, so that what follows keeps its place. */
static bool take_entry(const struct plait_option *row, const json_t *value, const char *path, void *entry,
		       const struct option_context *context)
{
	static const struct plait_option object = { .type = PLAIT_OPTION_TYPE_OBJECT };

	if (json_is_object(value))
		return option_parse(row->table, value, path, entry, context) == 0;
	return wrong_kind(&object, value, false, path, context);
}

static bool take_list(const struct plait_option *row, const json_t *value, const char *path, void *member,
		      const struct option_context *context)
{
	struct plait_list *list = member;
	bool good = true;

	if (!json_is_array(value))
		return wrong_kind(row, value, false, path, context);
	size_t count = json_array_size(value);
	if (!option_in_range(row, (int64_t)count))
		return wrong_kind(row, value, true, path, context);
	list->items = option_arena_alloc(context->arena, count * row->table_size);
	for (list->count = 0; list->count < count; list->count++) {
		char place[JSON_PATH_SIZE];

		json_path_index(place, sizeof(place), path, list->count);
		good = take_entry(row, json_array_get(value, list->count), place,
				  (char *)list->items + list->count * row->table_size, context) &&
		       good;
	}
	return good;
}

/* Under an object's name may stand anything but nothing. */
static bool check_name(const char *name, const char *path, const struct option_context *context)
{
	if (*name)
		return true;
	problems_add_key(context->problems, path, "found an empty name; expected one of 1 byte or more");
	return false;
}

/* An object's names, and what take makes of their values: items of that size. */
static bool take_named(const struct plait_option *row, const json_t *value, const char *path, value_fn *take,
		       size_t size, struct plait_list *list, const struct option_context *context)
{
	const char *name;
	json_t *item;
	bool good = true;

	if (!json_is_object(value))
		return wrong_kind(row, value, false, path, context);
	size_t most = json_object_size(value);
	list->items = option_arena_alloc(context->arena, most * size);
	list->names = option_arena_alloc(context->arena, most * sizeof(*list->names));
	list->count = 0;
	json_object_foreach((json_t *)(uintptr_t)value, name, item)
	{
		char place[JSON_PATH_SIZE];

		if (is_comment(name, path))
			continue;
		json_path_key(place, sizeof(place), path, name, strlen(name));
		good = check_name(name, place, context) && good;
		list->names[list->count] = option_arena_copy(context->arena, name);
		good = take(row, item, place, (char *)list->items + list->count * size, context) && good;
		list->count++;
	}
	if (option_in_range(row, (int64_t)list->count))
		return good;
	return wrong_kind(row, value, true, path, context);
}

static bool take_map(const struct plait_option *row, const json_t *value, const char *path, void *member,
		     const struct option_context *context)
{
	return take_named(row, value, path, take_entry, row->table_size, member, context);
}

static bool take_text(const struct plait_option *row, const json_t *value, const char *path, void *member,
		      const struct option_context *context)
{
	static const struct plait_option text = { .type = PLAIT_OPTION_TYPE_STRING, .min = 1 };

	(void)row;
	return option_scalar(&text, value, path, member, context);
}

static bool take_texts(const struct plait_option *row, const json_t *value, const char *path, void *member,
		       const struct option_context *context)
{
	struct plait_list list;

	if (!take_named(row, value, path, take_text, sizeof(const char *), &list, context))
		return false;
	*(struct plait_texts *)member =
		(struct plait_texts){ .count = list.count, .names = list.names, .items = list.items };
	return true;
}

static const struct {
	value_fn *take;
	size_t size; /* of the member; 0: the table's */
} types[OPTION_TYPES] = {
	[PLAIT_OPTION_TYPE_BOOL] = { option_scalar, sizeof(bool) },
	[PLAIT_OPTION_TYPE_INT] = { option_scalar, sizeof(int64_t) },
	[PLAIT_OPTION_TYPE_SIZE] = { option_scalar, sizeof(uint64_t) },
	[PLAIT_OPTION_TYPE_DURATION] = { option_scalar, sizeof(uint64_t) },
	[PLAIT_OPTION_TYPE_STRING] = { option_scalar, sizeof(const char *) },
	[PLAIT_OPTION_TYPE_PATH] = { option_scalar, sizeof(const char *) },
	[PLAIT_OPTION_TYPE_CHOICE] = { option_scalar, sizeof(int) },
	[PLAIT_OPTION_TYPE_STRINGS] = { take_strings, sizeof(struct plait_strings) },
	[PLAIT_OPTION_TYPE_OBJECT] = { take_object, 0 },
	[PLAIT_OPTION_TYPE_LIST] = { take_list, sizeof(struct plait_list) },
	[PLAIT_OPTION_TYPE_MAP] = { take_map, sizeof(struct plait_list) },
	[PLAIT_OPTION_TYPE_ANY] = { option_scalar, 0 },
	[PLAIT_OPTION_TYPE_TEXTS] = { take_texts, sizeof(struct plait_texts) },
};

bool option_value(const struct plait_option *row, const json_t *value, const char *path, void *member,
		  const struct option_context *context)
{
	assert(row->type > PLAIT_OPTION_TYPE_END && row->type < OPTION_TYPES);
	return types[row->type].take(row, value, path, member, context);
}

size_t option_member_size(const struct plait_option *row)
{
	return row->type == PLAIT_OPTION_TYPE_OBJECT ? row->table_size : types[row->type].size;
}

/* A default is text; this is the JSON value a person would have written for it. */
static json_t *fallback_json(const struct plait_option *row)
{
	const char *text = row->fallback;
	char *end;

	if (row->type == PLAIT_OPTION_TYPE_BOOL && (!strcmp(text, "true") || !strcmp(text, "false")))
		return json_boolean(!strcmp(text, "true"));
	if (row->type == PLAIT_OPTION_TYPE_INT) {
		long long number = strtoll(text, &end, 10);

		return *text && !*end ? json_integer(number) : json_string(text);
	}
	if (row->type != PLAIT_OPTION_TYPE_STRINGS)
		return json_string(text);

	json_t *list = json_array();
	for (; *text; text = *end ? end + 1 : end) {
		end = (char *)(uintptr_t)text + strcspn(text, ",");
		json_array_append_new(list, json_stringn(text, (size_t)(end - text)));
	}
	return list;
}

bool option_default(const struct plait_option *row, const char *path, void *member,
		    const struct option_context *context)
{
	if (row->type == PLAIT_OPTION_TYPE_OBJECT)
		return option_parse(row->table, NULL, path, member, context) == 0;
	if (!row->fallback)
		return true;
	json_t *value = fallback_json(row);
	bool good = value && option_value(row, value, path, member, context);
	json_decref(value);
	return good;
}

static void report_unknown(const struct plait_option *table, const char *key, const char *path,
			   const struct option_context *context)
{
	char place[JSON_PATH_SIZE], found[128], allowed[1024] = "";
	struct suggest best = { 0 };

	json_path_key(place, sizeof(place), path, key, strlen(key));
	escape_text(found, sizeof(found), key, strlen(key));
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		suggest_offer(&best, key, row->key);
		text_append_word(allowed, sizeof(allowed), row->key, row == table);
	}
	if (best.word)
		problems_add_key(context->problems, place, "unknown key \"%s\"; did you mean \"%s\"?", found,
				 best.word);
	else
		problems_add_key(context->problems, place, "unknown key \"%s\"; expected %s", found,
				 *allowed ? allowed : "no key at all");
}

static const struct plait_option *find_row(const struct plait_option *table, const char *key)
{
	for (; table->type != PLAIT_OPTION_TYPE_END; table++)
		if (strcmp(table->key, key) == 0)
			return table;
	return NULL;
}

static bool take_row(const struct plait_option *row, const json_t *object, const char *path, void *out,
		     const struct option_context *context)
{
	void *member = (char *)out + row->offset;
	const json_t *value = json_object_get(object, row->key);
	char place[JSON_PATH_SIZE];

	json_path_key(place, sizeof(place), path, row->key, strlen(row->key));
	if (!value && row->required) {
		problems_add(context->problems, path, "the key \"%s\" is missing; it is required", row->key);
		return false;
	}
	/* Before the value: a wrong one then leaves the default behind, and later checks find sense. An object has
	 * its defaults from its own table. */
	if ((!value || row->type != PLAIT_OPTION_TYPE_OBJECT) && !option_default(row, place, member, context))
		return false;
	if (!value)
		return true;
	bool good = option_value(row, value, place, member, context);
	if (!good && row->type == PLAIT_OPTION_TYPE_OBJECT && !json_is_object(value))
		option_default(row, place, member, context);
	return good;
}

int option_parse(const struct plait_option *table, const json_t *object, const char *path, void *out,
		 const struct option_context *context)
{
	const char *key;
	json_t *value;
	bool good = true;

	assert(!object || json_is_object(object));
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++)
		good = take_row(row, object, path, out, context) && good;
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (is_comment(key, path) || find_row(table, key))
			continue;
		report_unknown(table, key, path, context);
		good = false;
	}
	return good ? 0 : -1;
}
