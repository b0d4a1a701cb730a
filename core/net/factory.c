/* Factories: a protocol, its options, and what its connections share. */
#include "core/net/factory.h"

#include <stdlib.h>
#include <string.h>

struct plait_factory *factory_new(struct plait_reactor *reactor, const char *name,
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
	struct plait_error reason = { 0 };
	if (protocol->factory_start && protocol->factory_start(factory, &reason) != 0) {
		reason.text[sizeof(reason.text) - 1] = '\0'; /* the plugin filled it */
		plait_error_set(error, PLAIT_ERROR_REFUSED, NULL, "protocol \"%s\" does not start: %s",
				protocol->head.name, reason.text[0] ? reason.text : "it gives no reason");
		factory_free(&factory);
		return NULL;
	}
	factory->started = true;
	return factory;
no_memory:
	plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a factory");
	factory_free(&factory);
	return NULL;
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

struct plait_reactor *plait_factory_reactor(const struct plait_factory *factory)
{
	return factory->reactor;
}
