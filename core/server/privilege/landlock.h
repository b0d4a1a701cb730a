/* Landlock: of all the files of the system, this process and its children reach those that were granted. */
#ifndef SERVER_PRIVILEGE_LANDLOCK_H
#define SERVER_PRIVILEGE_LANDLOCK_H

#include <stdbool.h>

#include <plait/error.h>

struct landlock;

/* What may be done below a path. */
enum landlock_grant {
	LANDLOCK_READ,    /* files read, folders listed */
	LANDLOCK_RUN,     /* and programs run */
	LANDLOCK_SOCKETS, /* sockets made and removed, folders listed */
	LANDLOCK_WRITE,   /* everything */
};

/* The version that the kernel has; 0: it has none, or it is switched off. */
int landlock_version(void);

/* NULL with error filled: the kernel has none. */
struct landlock *landlock_new(struct plait_error *error);
void landlock_free(struct landlock **landlock); /* NULL is allowed */

/* A path that is not there, or that this process may not come to, is left out. 0, or a negative code with error filled. */
int landlock_grant(struct landlock *landlock, const char *path, enum landlock_grant what,
		   struct plait_error *error);

/* This thread, those it starts, and their children, for ever; they need no_new_privs. 0, or a negative code with error filled. */
int landlock_enter(struct landlock *landlock, struct plait_error *error);

#endif
