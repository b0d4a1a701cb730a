/* Listeners meet the protocols that the plugins brought. */
#include <string.h>

#include "core/base/escape.h"
#include "core/base/option_arena.h"
#include "core/base/option_value.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/config/config.h"

struct binding {
	const struct config *config;
	const struct registry *registry;
	struct problems *problems;
	struct listener_config *listener;
	char protocol_path[48], options_path[48];
};

static void report_unknown(const struct binding *binding)
{
	char found[128], loaded[512] = "";
	struct suggest best = { 0 };
	const char *wanted = binding->listener->protocol;
	size_t count = registry_count(binding->registry);

	for (size_t i = 0; i < count; i++) {
		const char *name = registry_at(binding->registry, i)->protocol.head.name;

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
	const struct plait_protocol *protocol = binding->listener->speaks;
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

static void bind_options(const struct binding *binding, const json_t *options)
{
	static const struct plait_option object = { .type = PLAIT_OPTION_TYPE_OBJECT };
	const struct plait_protocol *protocol = binding->listener->speaks;
	struct option_context context = {
		.arena = binding->config->arena,
		.problems = binding->problems,
		.folder = binding->config->folder,
	};
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
	binding->listener->options = option_arena_alloc(context.arena, protocol->options_size);
	option_parse(protocol->options, options, binding->options_path, binding->listener->options, &context);
}

static void init(struct binding *binding, const struct config *config, size_t index,
		 struct problems *problems)
{
	*binding = (struct binding){ .config = config, .problems = problems };
	binding->listener = (struct listener_config *)config->listeners.items + index;
	snprintf(binding->protocol_path, sizeof(binding->protocol_path), "listeners[%zu].protocol", index);
	snprintf(binding->options_path, sizeof(binding->options_path), "listeners[%zu].options", index);
}

static void bind_protocol(struct binding *binding, size_t index, const struct plait_protocol *protocol)
{
	const json_t *listeners = json_object_get(binding->config->root, "listeners");

	binding->listener->speaks = protocol;
	if (binding->listener->endpoint_known)
		check_kind(binding);
	bind_options(binding, json_object_get(json_array_get(listeners, index), "options"));
}

void config_bind_protocol(struct config *config, size_t index, const struct plait_protocol *protocol,
			  struct problems *problems)
{
	struct binding binding;

	init(&binding, config, index, problems);
	bind_protocol(&binding, index, protocol);
}

int config_bind_protocols(struct config *config, const struct registry *registry, bool all,
			  struct problems *problems)
{
	size_t errors = problems->errors;

	for (size_t i = 0; i < config->listeners.count; i++) {
		struct binding binding;

		init(&binding, config, i, problems);
		binding.registry = registry;
		if (!binding.listener->protocol)
			continue;
		binding.listener->plugin = registry_find(registry, binding.listener->protocol);
		if (binding.listener->plugin)
			bind_protocol(&binding, i, &binding.listener->plugin->protocol);
		else if (all)
			report_unknown(&binding);
	}
	return problems->errors > errors ? -1 : 0;
}
