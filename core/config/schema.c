/* A JSON Schema of the whole configuration, for editors and validators. */
#include <assert.h>

#include "core/config/config.h"

/* "if the protocol is NAME, its options are these". */
static json_t *protocol_rule(const struct plait_protocol *protocol)
{
	json_t *options = protocol->options ? option_schema(protocol->options) : json_false();
	json_t *rule = json_pack("{s:{s:{s:{s:s}},s:[s]},s:{s:{s:o}}}", "if", "properties", "protocol",
				 "const", protocol->head.name, "required", "protocol", "then", "properties",
				 "options", options);

	assert(rule);
	return rule;
}

static json_t *protocol_names(const struct registry *registry)
{
	json_t *names = json_array();

	for (size_t i = 0; i < registry_count(registry); i++)
		json_array_append_new(names, json_string(registry_at(registry, i)->protocol.head.name));
	return names;
}

static json_t *descend(json_t *schema, const char *first, const char *second)
{
	return json_object_get(json_object_get(schema, first), second);
}

json_t *config_schema(const struct registry *registry)
{
	json_t *schema = option_schema(config_table);
	json_t *listener = json_object_get(descend(schema, "properties", "listeners"), "items");
	json_t *rules = json_array();

	json_object_set_new(schema, "$schema", json_string("http://json-schema.org/draft-07/schema#"));
	json_object_set_new(schema, "title", json_string("The configuration of plait"));
	json_object_set_new(
		json_object_get(schema, "properties"), "$schema",
		json_pack("{s:s,s:s}", "type", "string", "description",
			  "The schema an editor checks this file with; plait itself passes it over"));

	/* Examples, not an enum: a configuration may load plugins this schema does not know. */
	json_object_set_new(descend(listener, "properties", "protocol"), "examples",
			    protocol_names(registry));
	json_object_set_new(descend(listener, "properties", "options"), "type", json_string("object"));
	json_t *overflow = descend(listener, "properties", "overflow");
	json_object_set_new(descend(overflow, "properties", "protocol"), "examples",
			    protocol_names(registry));
	json_object_set_new(descend(overflow, "properties", "options"), "type", json_string("object"));
	json_object_set_new(overflow, "required", json_pack("[s]", "protocol"));
	json_t *alpn = json_object_get(descend(listener, "properties", "alpn"), "additionalProperties");
	json_object_set_new(descend(alpn, "properties", "protocol"), "examples", protocol_names(registry));
	json_object_set_new(descend(alpn, "properties", "options"), "type", json_string("object"));
	json_object_set_new(descend(listener, "properties", "name"), "pattern",
			    json_string("^[A-Za-z0-9._-]+$"));
	json_object_set_new(descend(listener, "properties", "bind"), "pattern",
			    json_string("^((tcp|tls|udp)://.+:[0-9]{1,5}|unix:.+)$"));
	json_t *socket = descend(descend(listener, "properties", "socket"), "properties", "mode");
	json_object_set_new(socket, "pattern", json_string("^0?[0-7]{3}$"));
	for (size_t i = 0; i < registry_count(registry); i++)
		json_array_append_new(rules, protocol_rule(&registry_at(registry, i)->protocol));
	if (json_array_size(rules) > 0) {
		json_object_set(listener, "allOf", rules);
		json_object_set(alpn, "allOf", rules);
	}
	json_decref(rules);
	return schema;
}
