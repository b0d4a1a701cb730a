/* Versions of listeners: their factories, and what those work with. */
#include "core/server/listener/version.h"

#include <stdlib.h>

#include "core/server/listener/listener.h"
#include "core/server/snapshot.h"

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
}

static int make_tls(struct listener_version *version, const struct version_parts *parts,
		    struct plait_error *error)
{
	const struct listener_config *config = parts->config;
	struct tls_server_settings settings = {
		.context = parts->context,
		.names = config->server_names.names,
		.contexts = parts->name_contexts,
		.name_count = config->server_names.count,
		.strict = config->strict_sni,
		.alpn = config->alpn.names,
		.alpn_count = config->alpn.count,
	};
	if (!parts->context)
		return 0;
	version->tls = tls_server_new(&settings, error);
	return version->tls ? 0 : PLAIT_ERROR_INVALID;
}

/* A protocol of the configuration's, and where its factory goes. */
struct place {
	const struct plait_protocol *protocol;
	const void *options;
	struct plait_factory **out;
};

static int make_factory(struct listener_version *version, const struct version_parts *parts,
			struct plait_reactor *reactor, const struct place *place, struct plait_error *error)
{
	const struct listener_config *config = parts->config;
	struct plait_factory *factory = factory_allocate(reactor, config->name, place->protocol,
							 place->options, &config->net, error);
	if (!factory)
		return PLAIT_ERROR_MEMORY;
	factory->traffic = version->traffic;
	if (config->access)
		factory->audience = &config->access->audience;
	factory->tls.role = version->tls ? tls_server_role(version->tls) : NULL;
	factory->directory = parts->directory;
	if (factory_begin(factory, error) < 0)
		factory_free(&factory);
	else if (version->snapshot)
		plugin_ref(plugin_of(place->protocol));
	*place->out = factory;
	return factory ? 0 : PLAIT_ERROR_REFUSED;
}

/* Its plugin goes with it, when that is a former edition of which nothing else is left. */
static void stop_factory(const struct listener_version *version, struct plait_factory **factory)
{
	struct plugin *plugin = NULL;
	if (*factory && version->snapshot)
		plugin = plugin_of((*factory)->protocol);
	factory_free(factory);
	plugin_unref(&plugin);
}

static int make_alpn(struct listener_version *version, const struct version_parts *parts,
		     struct plait_reactor *reactor, struct plait_error *error)
{
	const struct plait_list *list = &parts->config->alpn;
	const struct alpn_config *entries = list->items;
	if (list->count == 0)
		return 0;
	version->alpn = calloc(list->count, sizeof(struct plait_factory *));
	if (!version->alpn)
		return no_memory(error);
	version->choices = (struct factory_choices){ .count = list->count, .items = version->alpn };
	for (size_t i = 0; i < list->count; i++) {
		struct place place = { entries[i].speaks, entries[i].options, &version->alpn[i] };
		int result = make_factory(version, parts, reactor, &place, error);
		if (result < 0)
			return result;
	}
	version->factory->choices = &version->choices;
	return 0;
}

static int make_factories(struct listener_version *version, const struct version_parts *parts,
			  struct plait_reactor *reactor, struct plait_error *error)
{
	const struct listener_config *config = parts->config;
	struct place main = { config->speaks, config->options, &version->factory };
	struct place overflow = { config->overflow.speaks, config->overflow.options, &version->overflow };
	int result = make_factory(version, parts, reactor, &main, error);
	if (result == 0)
		result = make_alpn(version, parts, reactor, error);
	if (result == 0 && overflow.protocol)
		result = make_factory(version, parts, reactor, &overflow, error);
	return result;
}

static void set_traffic(struct listener_version *version, const struct limit_settings *settings)
{
	if (throttle_needed(settings))
		version->traffic = throttle_traffic(version->listener->throttle);
	if (!pace_needed(settings))
		return;
	pace_init(&version->pace, settings, version->traffic);
	version->traffic = &version->pace.traffic;
}

struct listener_version *version_new(struct plait_listener *listener, const struct version_parts *parts,
				     struct plait_reactor *reactor, struct plait_error *error)
{
	struct listener_version *version = calloc(1, sizeof(*version));
	if (!version) {
		no_memory(error);
		return NULL;
	}
	version->listener = listener;
	version->config = parts->config;
	version->snapshot = parts->snapshot ? snapshot_ref(parts->snapshot) : NULL;
	limits_gate_init(&version->gate, listener->limits, &parts->config->net.limits);
	version->gate.access = parts->config->access;
	version->gate.server = reactor->limits;
	set_traffic(version, &parts->config->net.limits);
	if (make_tls(version, parts, error) < 0 || make_factories(version, parts, reactor, error) < 0) {
		version_free(&version);
		return NULL;
	}
	version->reception = (struct reception){
		.factory = version->factory,
		.overflow = version->overflow,
		.transport_context = version->tls ? tls_server_role(version->tls) : NULL,
		.admission = &version->gate.admission,
		.proxy = parts->config->proxy.mode == PLAIT_PROXY_OFF ? NULL : &parts->config->proxy,
		.unused = listener_version_unused,
	};
	return version;
}

void version_free(struct listener_version **version_at)
{
	struct listener_version *version = *version_at;
	*version_at = NULL;
	if (!version)
		return;
	stop_factory(version, &version->factory);
	stop_factory(version, &version->overflow);
	for (size_t i = 0; i < version->choices.count; i++)
		stop_factory(version, &version->alpn[i]);
	free(version->alpn);
	tls_server_free(&version->tls);
	if (version->snapshot)
		snapshot_unref(&version->snapshot);
	free(version);
}

static bool names_tls(const struct plait_factory *factory)
{
	return factory && atomic_load_explicit(&factory->named_tls, memory_order_relaxed);
}

bool version_names_tls(const struct listener_version *version)
{
	bool any = names_tls(version->factory) || names_tls(version->overflow);
	for (size_t i = 0; i < version->choices.count; i++)
		any = any || names_tls(version->alpn[i]);
	return any;
}
