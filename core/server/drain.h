/* Draining: from the first signal to the last connection. */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include <stdbool.h>

struct server;
struct drain;

/* Stops accepting, tells every connection, and stops the boss loop when all have gone, or drain_timeout has passed. On
 * the boss loop. */
struct drain *drain_begin(struct server *server);

/* No more patience: stops the boss loop now. */
void drain_give_up(struct drain *drain);

/* True when every connection ended by itself. After the boss loop has stopped. */
bool drain_was_clean(const struct drain *drain);

void drain_free(struct drain **drain);

#endif
