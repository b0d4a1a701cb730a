/* The two halves of plugin_load, for who wants to look at a plugin before its init is called. */
#ifndef PLUGIN_LOADER_H
#define PLUGIN_LOADER_H

#include "core/plugin/plugin.h"

/* Everything plugin_load does before init. plugin_unref does not call fini unless init was called and
 * succeeded. */
struct plugin *plugin_open(const char *name, const char *const *search, struct plait_error *error);

/* 0, or a negative code with error. Once. */
int plugin_init(struct plugin *plugin, struct plait_error *error);

#endif
