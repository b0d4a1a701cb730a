/* The shutdown: from the first signal to the last connection, and the hooks before, during and after that. */
#ifndef SERVER_SHUTDOWN_H
#define SERVER_SHUTDOWN_H

#include <stdbool.h>

struct plait_reactor;
struct shutdown;

/* Ends by stopping the boss loop. On the boss loop. */
struct shutdown *shutdown_begin(struct plait_reactor *reactor);

/* No more patience: stops the boss loop now. */
void shutdown_give_up(struct shutdown *shutdown);

/* True when every connection ended by itself. After the boss loop has stopped. */
bool shutdown_was_clean(const struct shutdown *shutdown);

/* After all loops are gone, which may owe it an answer. */
void shutdown_free(struct shutdown **shutdown);

#endif
