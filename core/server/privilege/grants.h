/* Which files a sandboxed server reaches. */
#ifndef SERVER_PRIVILEGE_GRANTS_H
#define SERVER_PRIVILEGE_GRANTS_H

#include "core/config/config.h"

/* Enters Landlock with what config names, where the registry's plugins are, and what every program needs. 0, or a negative code with error filled. */
int grants_enter(const struct config *config, const struct registry *registry, struct plait_error *error);

#endif
