/* Listeners meet the protocols that the plugins brought. */
#include <string.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"
#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/config/check.h"
#include "core/config/config.h"

/* A place of a listener where a protocol is named, and what becomes known of it. */
struct binding {
	const struct config *config;
	struct problems *problems;
	const struct listener_config *listener;
	const char *wanted; /* NULL: none */
	const struct plait_protocol **speaks;
	void **options;
	const json_t *given; /* the object that names it */
	char protocol_path[JSON_PATH_SIZE], options_path[JSON_PATH_SIZE];
};

static void report_unknown(const struct binding *binding, const struct registry *registry)
{
	char found[128], loaded[512] = "";
	struct suggest best = { 0 };
	const char *wanted = binding->wanted;
	size_t count = registry_count(registry);

	for (size_t i = 0; i < count; i++) {
		const char *name = registry_at(registry, i)->protocol.head.name;

		suggest_offer(&best, wanted, name);
		text_append_word(loaded, sizeof(loaded), name, i == 0);
	}
	escape_text(found, sizeof(found), wanted, strlen(wanted));
	if (count == 0)
		problems_add(
			binding->problems, binding->protocol_path,
			"found \"%s\", but no plugin is loaded; name the one that brings it in \"plugins\"",
			found);
	else if (best.word)
		problems_add(binding->problems, binding->protocol_path,
			     "found \"%s\"; did you mean \"%s\"? Loaded are %s", found, best.word, loaded);
	else
		problems_add(binding->problems, binding->protocol_path,
			     "found \"%s\"; expected a protocol of the loaded \"plugins\": %s", found,
			     loaded);
}

/* Does the protocol take what the listener's kind of socket brings? */
static void check_kind(const struct binding *binding)
{
	const struct plait_protocol *protocol = *binding->speaks;
	bool datagrams = binding->listener->endpoint.scheme == ENDPOINT_UDP;

	if (datagrams && !protocol->datagram)
		problems_add(
			binding->problems, binding->protocol_path,
			"the protocol \"%s\" takes no datagrams; bind it to tcp://, tls:// or unix: instead of udp://",
			protocol->head.name);
	if (!datagrams && !protocol->data && !protocol->message && !protocol->made)
		problems_add(binding->problems, binding->protocol_path,
			     "the protocol \"%s\" takes datagrams only; bind it to udp:// instead of %s",
			     protocol->head.name, binding->listener->bind);
}

static void bind_options(const struct binding *binding)
{
	static const struct plait_option object = { .type = PLAIT_OPTION_TYPE_OBJECT };
	const struct plait_protocol *protocol = *binding->speaks;
	struct option_context context = {
		.arena = binding->config->arena,
		.problems = binding->problems,
		.folder = binding->config->folder,
	};
	const json_t *options = json_object_get(binding->given, "options");
	char found[128], fault[256];

	if (!protocol->options) {
		if (options)
			problems_add_key(binding->problems, binding->options_path,
					 "the protocol \"%s\" has no options; take \"options\" out",
					 protocol->head.name);
		return;
	}
	if (option_table_fault(protocol->options, protocol->options_size, fault, sizeof(fault))) {
		problems_add(binding->problems, binding->protocol_path,
			     "the plugin of \"%s\" has a faulty option table: %s; its author must mend it",
			     protocol->head.name, fault);
		return;
	}
	if (options && !json_is_object(options)) {
		option_found_text(options, found, sizeof(found));
		option_expected_text(&object, false, fault, sizeof(fault));
		problems_add(binding->problems, binding->options_path, "found %s; expected %s", found, fault);
		return;
	}
	*binding->options = option_arena_alloc(context.arena, protocol->options_size);
	option_parse(protocol->options, options, binding->options_path, *binding->options, &context);
}

static void name_paths(struct binding *binding, const char *object)
{
	json_path_key(binding->protocol_path, sizeof(binding->protocol_path), object, "protocol", 8);
	json_path_key(binding->options_path, sizeof(binding->options_path), object, "options", 7);
}

static struct binding main_binding(const struct config *config, size_t index, struct problems *problems)
{
	struct listener_config *listener = (struct listener_config *)config->listeners.items + index;
	struct binding binding = {
		.config = config,
		.problems = problems,
		.listener = listener,
		.wanted = listener->protocol,
		.speaks = &listener->speaks,
		.options = &listener->options,
		.given = json_array_get(json_object_get(config->root, "listeners"), index),
	};
	char object[JSON_PATH_SIZE];

	json_path_index(object, sizeof(object), "listeners", index);
	name_paths(&binding, object);
	return binding;
}

static struct binding overflow_binding(const struct config *config, size_t index, struct problems *problems)
{
	struct binding binding = main_binding(config, index, problems);
	struct overflow_config *overflow =
		&((struct listener_config *)config->listeners.items + index)->overflow;
	char object[JSON_PATH_SIZE];

	binding.wanted = overflow->protocol;
	binding.speaks = &overflow->speaks;
	binding.options = &overflow->options;
	binding.given = json_object_get(binding.given, "overflow");
	snprintf(object, sizeof(object), "listeners[%zu].overflow", index);
	name_paths(&binding, object);
	return binding;
}

static struct binding alpn_binding(const struct config *config, size_t index, size_t number,
				   struct problems *problems)
{
	struct binding binding = main_binding(config, index, problems);
	const struct plait_list *alpn = &binding.listener->alpn;
	struct alpn_config *entry = (struct alpn_config *)alpn->items + number;
	char list[64], object[JSON_PATH_SIZE];

	binding.wanted = entry->protocol;
	binding.speaks = &entry->speaks;
	binding.options = &entry->options;
	binding.given = json_object_get(json_object_get(binding.given, "alpn"), alpn->names[number]);
	snprintf(list, sizeof(list), "listeners[%zu].alpn", index);
	json_path_key(object, sizeof(object), list, alpn->names[number], strlen(alpn->names[number]));
	name_paths(&binding, object);
	return binding;
}

/* options: the program's own; NULL: they are read. */
static void bind_protocol(const struct binding *binding, const struct plait_protocol *protocol,
			  const void *options)
{
	*binding->speaks = protocol;
	if (binding->listener->endpoint_known)
		check_kind(binding);
	if (options)
		*binding->options = (void *)(uintptr_t)options;
	else
		bind_options(binding);
}

void config_bind_program(struct config *config, const struct config_protocols *protocols,
			 struct problems *problems)
{
	const struct listener_config *listener = config->listeners.items;
	struct binding binding = main_binding(config, 0, problems);

	bind_protocol(&binding, protocols->main, protocols->options);
	binding = overflow_binding(config, 0, problems);
	if (protocols->overflow)
		bind_protocol(&binding, protocols->overflow, NULL);
	for (size_t i = 0; protocols->alpn && i < listener->alpn.count; i++) {
		binding = alpn_binding(config, 0, i, problems);
		bind_protocol(&binding, protocols->alpn_protocols[i], protocols->alpn[i].options);
	}
	config_check_upgrade(config, 0, problems);
}

static void find_and_bind(const struct binding *binding, const struct registry *registry, bool all)
{
	const struct plugin *plugin = binding->wanted ? registry_find(registry, binding->wanted) : NULL;

	if (plugin)
		bind_protocol(binding, &plugin->protocol, NULL);
	else if (binding->wanted && all)
		report_unknown(binding, registry);
}

int config_bind_protocols(struct config *config, const struct registry *registry, bool all,
			  struct problems *problems)
{
	size_t errors = problems->errors;

	for (size_t i = 0; i < config->listeners.count; i++) {
		struct binding binding = main_binding(config, i, problems);

		find_and_bind(&binding, registry, all);
		binding = overflow_binding(config, i, problems);
		find_and_bind(&binding, registry, all);
		for (size_t k = 0; k < binding.listener->alpn.count; k++) {
			binding = alpn_binding(config, i, k, problems);
			find_and_bind(&binding, registry, all);
		}
		config_check_upgrade(config, i, problems);
	}
	return problems->errors > errors ? -1 : 0;
}
