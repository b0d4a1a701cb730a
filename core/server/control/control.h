/* The control socket: a UNIX socket on the boss loop, where root and the server's own user give commands. It has no part in
 * the work of the loops that serve, so no load of theirs keeps it from answering. */
#ifndef SERVER_CONTROL_H
#define SERVER_CONTROL_H

#include <sys/types.h>

#include <plait/error.h>

struct control;
struct server;

/* Binds it; nobody is answered yet. On the main thread. NULL with error filled. */
struct control *control_open(struct server *server, const char *path, struct plait_error *error);

/* Its file's, as for unix_path_give. 0, or -1 with errno. */
int control_give(struct control *control, uid_t uid, gid_t gid);

/* On the boss loop. */
void control_start(struct control *control);

/* The socket that listens. */
int control_socket(const struct control *control);

/* Another process serves the socket from here on; those who are connected stay. On the boss loop. */
void control_hand_over(struct control *control);

/* What came of an upgrade that was asked for; NULL: all went well. On the boss loop. */
void upgrade_answer(struct server *server, const struct plait_error *error);

/* Ends its connections and removes the socket. When the boss loop does not run, or on it. NULL is allowed. */
void control_close(struct control **control);

#endif
