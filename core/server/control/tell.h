/* Parts of the answer to the command status. */
#ifndef SERVER_CONTROL_TELL_H
#define SERVER_CONTROL_TELL_H

#include "core/base/option.h"

struct server;

/* The caller owns it. On the boss loop. */
json_t *tell_privilege(const struct server *server);

#endif
