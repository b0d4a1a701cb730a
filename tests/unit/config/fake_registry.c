/* A registry without shared objects: protocols that look to a configuration like the shipped ones. */
#include "tests/unit/config/fake_registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

struct registry {
	struct plugin plugins[MOST];
	size_t count;
};

static size_t take_data(struct plait_conn *conn, const void *data, size_t len)
{
	(void)conn, (void)data;
	return len;
}

static void take_datagram(struct plait_port *port, const struct plait_addr *from, const void *data,
			  size_t len)
{
	(void)port, (void)from, (void)data, (void)len;
}

static const struct plait_option line_options[] = {
	PLAIT_OPTION_STRING("delimiter", struct fake_line_options, delimiter, .fallback = "\r\n",
			    .doc = "What ends a line"),
	PLAIT_OPTION_SIZE("max_length", struct fake_line_options, max_length, .fallback = "16k", .min = 1,
			  .max = 16 << 20, .doc = "The longest line | without its end"),
	PLAIT_OPTION_STRING("reply", struct fake_line_options, reply, .fallback = "", .max = 1024,
			    .doc = "The answer to a line"),
	PLAIT_OPTION_END,
};

static const struct plait_option faulty_options[] = {
	PLAIT_OPTION_SIZE("max_length", struct fake_line_options, max_length, .fallback = "17m",
			  .max = 16 << 20, .doc = "A default outside of its range"),
	PLAIT_OPTION_END,
};

static const struct plait_protocol known[] = {
	{ .head.name = "echo",
	  .summary = "sends back what it receives",
	  .data = take_data,
	  .datagram = take_datagram },
	{ .head.name = "line",
	  .summary = "receives lines",
	  .data = take_data,
	  .options = line_options,
	  .options_size = sizeof(struct fake_line_options) },
	{ .head.name = "clock", .summary = "tells the time", .datagram = take_datagram },
	{ .head.name = "faulty",
	  .data = take_data,
	  .options = faulty_options,
	  .options_size = sizeof(struct fake_line_options) },
};

struct registry *registry_new(void)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	assert(registry);
	return registry;
}

void registry_free(struct registry **registry)
{
	free(*registry);
	*registry = NULL;
}

bool fake_registry_add(struct registry *registry, const char *protocol)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].head.name, protocol) != 0)
			continue;
		assert(registry->count < MOST);
		registry->plugins[registry->count++].protocol = known[i];
		return true;
	}
	return false;
}

struct plugin *registry_find(const struct registry *registry, const char *protocol)
{
	for (size_t i = 0; i < registry->count; i++)
		if (strcmp(registry->plugins[i].protocol.head.name, protocol) == 0)
			return registry_at(registry, i);
	return NULL;
}

size_t registry_count(const struct registry *registry)
{
	return registry->count;
}

struct plugin *registry_at(const struct registry *registry, size_t index)
{
	return (struct plugin *)(uintptr_t)&registry->plugins[index];
}
