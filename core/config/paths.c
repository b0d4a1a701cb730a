/* Finds the paths by walking the option tables: a setting that names a file and is added later is found without anybody
 * thinking of it. */
#include "core/config/paths.h"

#include <string.h>

#include "core/base/option_arena.h"

static void walk(const struct plait_option *table, const void *object, config_path_fn *fn, void *arg)
{
	for (const struct plait_option *row = table; row->type != PLAIT_OPTION_TYPE_END; row++) {
		const char *member = (const char *)object + row->offset;
		if (row->type == PLAIT_OPTION_TYPE_PATH) {
			const char *path;
			memcpy(&path, member, sizeof(path));
			if (path)
				fn(path, arg);
		} else if (row->type == PLAIT_OPTION_TYPE_OBJECT) {
			walk(row->table, member, fn, arg);
		} else if (row->type == PLAIT_OPTION_TYPE_LIST || row->type == PLAIT_OPTION_TYPE_MAP) {
			struct plait_list list;
			memcpy(&list, member, sizeof(list));
			for (size_t i = 0; i < list.count; i++)
				walk(row->table, (const char *)list.items + i * row->table_size, fn, arg);
		}
	}
}

static void walk_options(const struct plait_protocol *protocol, const void *options, config_path_fn *fn,
			 void *arg)
{
	if (protocol && protocol->options && options)
		walk(protocol->options, options, fn, arg);
}

/* "file:PATH", relative or not, is no option of the kind that paths are. */
static void walk_entries(const struct config *config, const struct plait_strings *entries, config_path_fn *fn,
			 void *arg)
{
	static const char prefix[] = "file:";
	for (size_t i = 0; i < entries->count; i++)
		if (strncmp(entries->items[i], prefix, strlen(prefix)) == 0)
			fn(option_arena_path(config->arena, config->folder,
					     entries->items[i] + strlen(prefix)),
			   arg);
}

void config_each_path(const struct config *config, config_path_fn *fn, void *arg)
{
	const struct listener_config *listeners = config->listeners.items;
	walk(config_table, config, fn, arg);
	for (size_t i = 0; i < config->listeners.count; i++) {
		const struct alpn_config *alpn = listeners[i].alpn.items;
		walk_entries(config, &listeners[i].allow, fn, arg);
		walk_entries(config, &listeners[i].deny, fn, arg);
		walk_options(listeners[i].speaks, listeners[i].options, fn, arg);
		walk_options(listeners[i].overflow.speaks, listeners[i].overflow.options, fn, arg);
		for (size_t j = 0; j < listeners[i].alpn.count; j++)
			walk_options(alpn[j].speaks, alpn[j].options, fn, arg);
	}
}
