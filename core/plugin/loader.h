/* The steps of plugin_load, for who wants to look at a plugin in between. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "core/plugin/plugin.h"

/* Finds the file and copies it, and looks at nothing in it. plugin_unref takes it away. */
struct plugin *plugin_copy(const char *name, const char *const *search, struct plait_error *error);

/* Whether both are of one file, with the same bytes in it. */
bool plugin_same(const struct plugin *a, const struct plugin *b);

/* Everything else that plugin_load does before init. 0, or a negative code with error. Once. */
int plugin_open(struct plugin *plugin, struct plait_error *error);

/* plugin_unref does not call fini unless this succeeded. 0, or a negative code with error. Once. */
int plugin_init(struct plugin *plugin, struct plait_error *error);

#endif
