/* The schema and the reference page: both hold every key of the tables, and never change by themselves. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/config/config.h"
#include "tests/unit/config/fake_registry.h"
#include "tests/unit/suite.h"

static struct registry *protocols(void)
{
	struct registry *registry = registry_new();

	CU_ASSERT_TRUE(fake_registry_add(registry, "echo"));
	CU_ASSERT_TRUE(fake_registry_add(registry, "line"));
	return registry;
}

static json_t *step(json_t *value, const char *first, const char *second)
{
	value = json_object_get(json_object_get(value, first), second);
	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	return value;
}

static bool holds_all(const struct plait_option *table, json_t *schema)
{
	bool all = true;

	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		json_t *property = step(schema, "properties", row->key);

		all = all && json_object_get(property, "description");
		if (row->type == PLAIT_OPTION_TYPE_OBJECT)
			all = all && holds_all(row->table, property);
		if (row->type == PLAIT_OPTION_TYPE_LIST)
			all = all && holds_all(row->table, json_object_get(property, "items"));
		if (row->type == PLAIT_OPTION_TYPE_MAP)
			all = all && holds_all(row->table, json_object_get(property, "additionalProperties"));
	}
	return all;
}

static void the_schema_holds_every_key(void)
{
	struct registry *registry = protocols();
	json_t *schema = config_schema(registry);

	CU_ASSERT_TRUE(holds_all(config_table, schema));
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(schema, "$schema")),
			       "http://json-schema.org/draft-07/schema#");
	step(schema, "properties", "$schema");
	json_decref(schema);
	registry_free(&registry);
}

static void the_schema_holds_the_options_of_each_protocol(void)
{
	struct registry *registry = protocols();
	json_t *schema = config_schema(registry);
	json_t *listener = json_object_get(step(schema, "properties", "listeners"), "items");
	json_t *rules = json_object_get(listener, "allOf");

	CU_ASSERT_EQUAL_FATAL(json_array_size(rules), 2);
	json_t *echo = json_object_get(json_array_get(rules, 0), "then");
	CU_ASSERT_TRUE(json_is_false(step(echo, "properties", "options")));
	json_t *line = step(json_object_get(json_array_get(rules, 1), "then"), "properties", "options");
	step(line, "properties", "max_length");
	json_t *condition = step(json_object_get(json_array_get(rules, 1), "if"), "properties", "protocol");
	CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(condition, "const")), "line");
	json_decref(schema);
	registry_free(&registry);
}

static char *reference(void)
{
	struct registry *registry = protocols();
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	config_reference(registry, out);
	fclose(out);
	registry_free(&registry);
	return text;
}

static void the_reference_holds_every_section(void)
{
	static const char *const parts[] = {
		"## The top level\n",
		"| `threads` | whole number | `auto` | 1 to 256, or \"auto\" |",
		"## `tls.NAME`\n",
		"| `certificate` | path | required |",
		"## `listeners[].socket.keepalive`\n",
		"| `idle` | duration | `5m` | 1s to 9h |",
		"## The protocol `echo`\n\nIt sends back what it receives.\n\nIt has no options.\n",
		"## The protocol `line`\n",
		"| `delimiter` | text | `\"\\r\\n\"` |",
		"The longest line \\| without its end |\n",
	};
	char *text = reference(), *again = reference();

	CU_ASSERT_STRING_EQUAL(text, again);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strstr(text, parts[i]))
			CU_FAIL(parts[i]);
	free(text);
	free(again);
}

SUITE_MAIN("schema", SUITE_TEST(the_schema_holds_every_key),
	   SUITE_TEST(the_schema_holds_the_options_of_each_protocol),
	   SUITE_TEST(the_reference_holds_every_section))
