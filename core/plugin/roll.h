/* The plugins that are loaded, written down where a report about their crash can be made from: which addresses are whose. */
#ifndef PLUGIN_ROLL_H
#define PLUGIN_ROLL_H

#include <stdint.h>

#include "core/plugin/plugin.h"

#define ROLL_PLUGINS 256
#define ROLL_CALLBACKS 24

struct roll_entry {
	uint32_t used;
	char name[64]; /* of the protocol */
	char file[512];
	uint64_t size; /* of the file */
	uint64_t begin, end;
	uint64_t callbacks[ROLL_CALLBACKS]; /* 0: it has none */
};

struct roll {
	struct roll_entry entries[ROLL_PLUGINS]; /* more are not written down */
};

/* Plugins are written down there from here on; NULL: nowhere. Main thread, as all here. */
void roll_use(struct roll *roll);

void roll_add(const struct plugin *plugin);
void roll_remove(const struct plugin *plugin);

/* "data", of one of the callbacks; NULL: there is none of that number. Any process. */
const char *roll_callback_name(unsigned number);

#endif
