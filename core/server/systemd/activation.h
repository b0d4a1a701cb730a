/* Sockets that the service manager has bound: systemd's socket activation. A listener takes those that have its name
 * (FileDescriptorName=). */
#ifndef SERVER_SYSTEMD_ACTIVATION_H
#define SERVER_SYSTEMD_ACTIVATION_H

#include "core/server/broker.h"

/* Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, and the sockets from it. Once, before any
 * descriptor is opened that could be taken for one. */
void activation_open(void);

/* Warns of sockets that have no listener's name. */
struct config;
void activation_check(const struct config *config);

/* A duplicate of the one that is wanted; PLAIT_ERROR_MISSING, without error: there is none of that name; another negative code
 * with error filled: there is, and it does not fit. */
int activation_find(const struct broker_socket *wanted, struct plait_error *error);

/* Whether it is one of them, or a duplicate: its file is the manager's to take away. */
bool activation_has(int fd);

#endif
