/* Writing plugins down. */
#include "core/plugin/roll.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t offset;
} callbacks[] = {
#define CALLBACK(member)                                                                                     \
	{                                                                                                    \
#member, offsetof(struct plait_protocol, member)                                             \
	}
	CALLBACK(init),         CALLBACK(fini),         CALLBACK(factory_start),
	CALLBACK(factory_stop), CALLBACK(accept),       CALLBACK(made),
	CALLBACK(data),         CALLBACK(message),      CALLBACK(message_too_long),
	CALLBACK(drained),      CALLBACK(eof),          CALLBACK(draining),
	CALLBACK(lost),         CALLBACK(datagram),     CALLBACK(timed_out),
	CALLBACK(port_started), CALLBACK(port_stopped), CALLBACK(refused),
	CALLBACK(tls_started),
#undef CALLBACK
};

#define COUNT (sizeof(callbacks) / sizeof(callbacks[0]))
_Static_assert(COUNT <= ROLL_CALLBACKS, "a roll has room for all callbacks");

static struct roll *used;

void roll_use(struct roll *roll)
{
	used = roll;
}

void roll_add(const struct plugin *plugin)
{
	struct roll_entry *entry = used ? used->entries : NULL;
	while (entry && entry->used)
		if (++entry == used->entries + ROLL_PLUGINS)
			entry = NULL;
	if (!entry)
		return;
	struct code_range code = plugin_code(plugin);
	snprintf(entry->name, sizeof(entry->name), "%s", plugin->protocol.head.name);
	snprintf(entry->file, sizeof(entry->file), "%s", plugin->file);
	entry->size = plugin->size;
	entry->begin = code.begin;
	entry->end = code.end;
	for (size_t i = 0; i < COUNT; i++) {
		uintptr_t address;
		memcpy(&address, (const char *)&plugin->protocol + callbacks[i].offset, sizeof(address));
		entry->callbacks[i] = address;
	}
	entry->used = 1;
}

void roll_remove(const struct plugin *plugin)
{
	if (!used || !plugin->handle)
		return;
	struct code_range code = plugin_code(plugin);
	for (unsigned i = 0; i < ROLL_PLUGINS; i++)
		if (used->entries[i].used && used->entries[i].begin == code.begin)
			used->entries[i].used = 0;
}

const char *roll_callback_name(unsigned number)
{
	return number < COUNT ? callbacks[number].name : NULL;
}
