/* The files that a configuration names. */
#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H

#include "core/config/config.h"

typedef void config_path_fn(const char *path, void *arg);

/* Calls fn for every absolute path among the settings, in whichever table, those of protocols whose options are known included;
 * not for plugins, UNIX sockets, and what the sandbox is told. */
void config_each_path(const struct config *config, config_path_fn *fn, void *arg);

#endif
