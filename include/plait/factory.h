/* A factory: one protocol bound to one listener, with its options and what its connections share. */
#ifndef PLAIT_FACTORY_H
#define PLAIT_FACTORY_H

#include <plait/abi.h>

struct plait_factory;
struct plait_reactor;

/* The parsed options (the struct the protocol's option table fills), or NULL when the protocol has none. Never
 * changes while the factory lives. Any thread. */
PLAIT_EXPORT const void *plait_factory_options(const struct plait_factory *factory);

/* factory_size zeroed bytes, shared by all connections of the listener on all loops: guard what changes. NULL
 * when factory_size is 0. Any thread. */
PLAIT_EXPORT void *plait_factory_state(struct plait_factory *factory);

/* Where it is: factory_start can have calls made on its loops when they run (plait_call_when_running), which never comes
 * to pass under `plait check`. NULL under test. Any thread. */
PLAIT_EXPORT struct plait_reactor *plait_factory_reactor(const struct plait_factory *factory);

/* The listener's name in the configuration. Any thread. */
PLAIT_EXPORT const char *plait_factory_name(const struct plait_factory *factory);

#endif
