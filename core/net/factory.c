/* Factories: a protocol, its options, and what its connections share. */
#include "core/net/factory.h"

#include <plait/start_tls.h>
#include <stdlib.h>
#include <string.h>

struct plait_factory *factory_allocate(struct plait_reactor *reactor, const char *name,
				       const struct plait_protocol *protocol, const void *options,
				       const struct net_settings *settings, struct plait_error *error)
{
	struct plait_factory *factory = calloc(1, sizeof(*factory));
	if (!factory)
		goto no_memory;
	factory->reactor = reactor;
	factory->protocol = protocol;
	factory->options = options;
	factory->settings = settings;
	factory->name = strdup(name);
	if (!factory->name)
		goto no_memory;
	if (protocol->factory_size > 0) {
		factory->state = calloc(1, protocol->factory_size);
		if (!factory->state)
			goto no_memory;
	}
	return factory;
no_memory:
	plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a factory");
	factory_free(&factory);
	return NULL;
}

int factory_begin(struct plait_factory *factory, struct plait_error *error)
{
	const struct plait_protocol *protocol = factory->protocol;
	struct plait_error reason = { 0 };
	if (protocol->factory_start && protocol->factory_start(factory, &reason) != 0) {
		reason.text[sizeof(reason.text) - 1] = '\0'; /* the plugin filled it */
		return plait_error_set(error, PLAIT_ERROR_REFUSED, NULL, "protocol \"%s\" does not start: %s",
				       protocol->head.name,
				       reason.text[0] ? reason.text : "it gives no reason");
	}
	factory->started = true;
	return 0;
}

struct plait_factory *factory_new(struct plait_reactor *reactor, const char *name,
				  const struct plait_protocol *protocol, const void *options,
				  const struct net_settings *settings, struct plait_error *error)
{
	struct plait_factory *factory = factory_allocate(reactor, name, protocol, options, settings, error);
	if (factory && factory_begin(factory, error) < 0)
		factory_free(&factory);
	return factory;
}

void factory_free(struct plait_factory **factory_at)
{
	struct plait_factory *factory = *factory_at;
	*factory_at = NULL;
	if (!factory)
		return;
	if (factory->started && factory->protocol->factory_stop)
		factory->protocol->factory_stop(factory);
	free(factory->state);
	free(factory->name);
	free(factory);
}

const void *plait_factory_options(const struct plait_factory *factory)
{
	return factory->options;
}

void *plait_factory_state(struct plait_factory *factory)
{
	return factory->state;
}

const char *plait_factory_name(const struct plait_factory *factory)
{
	return factory->name;
}

struct plait_tls_context *plait_factory_tls(struct plait_factory *factory, const char *name,
					    struct plait_error *error)
{
	struct plait_tls_context *found = &factory->tls;
	if (name)
		atomic_store_explicit(&factory->named_tls, true, memory_order_relaxed);
	if (name)
		found = factory->directory ? factory->directory->find(factory->directory, name) : NULL;
	if (found && found->role)
		return found;
	if (name)
		plait_error_set(error, PLAIT_ERROR_MISSING, NULL,
				"there is no TLS context \"%.255s\" in the configuration's \"tls\"", name);
	else
		plait_error_set(error, PLAIT_ERROR_MISSING, NULL,
				"the listener \"%s\" has no TLS context; name one with its \"tls\"",
				factory->name);
	return NULL;
}

struct plait_reactor *plait_factory_reactor(const struct plait_factory *factory)
{
	return factory->reactor;
}
