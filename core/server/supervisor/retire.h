/* A worker whose place another one has taken. */
#ifndef SERVER_SUPERVISOR_RETIRE_H
#define SERVER_SUPERVISOR_RETIRE_H

struct server;

/* It accepts nobody any more, and ends with its last connection; those that are left after drain_timeout are told to end, as
 * when a server stops: for one that has just been accepted cannot tell that from a failure. On the boss loop. */
void retire_begin(struct server *server);

#endif
