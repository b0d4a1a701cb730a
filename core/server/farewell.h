/* Plugins that no listener uses any more: their code goes when nothing else leads into it, such as a timer, work on a thread, a
 * client or a child of their own. On the boss loop. */
#ifndef SERVER_FAREWELL_H
#define SERVER_FAREWELL_H

#include "core/plugin/plugin.h"

struct farewell;
struct plait_reactor;

/* Aborts when there is no memory. */
struct farewell *farewell_new(void);

/* The reactor whose loops are asked; NULL: none runs any more, or yet, and plugins stay until farewell_free. */
void farewell_attach(struct farewell *farewell, struct plait_reactor *reactor);

/* All that are still there go, in the order in which they became unused. */
void farewell_free(struct farewell **farewell);

/* Calls fn with each plugin that is still there and that no listener uses. */
void farewell_each(const struct farewell *farewell, void (*fn)(const struct plugin *plugin, void *arg),
		   void *arg);

struct plugin_keeper *farewell_keeper(struct farewell *farewell);

#endif
