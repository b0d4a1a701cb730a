/* The capabilities of root, and the ways back to them. */
#ifndef SERVER_PRIVILEGE_CAPABILITIES_H
#define SERVER_PRIVILEGE_CAPABILITIES_H

#include <plait/error.h>

/* Empties the bounding and the ambient set of this thread and those it will start: no program that is run can have any
 * again. Does nothing when this thread may not. 0, or a negative code with error filled. */
int capabilities_bound(struct plait_error *error);

/* Empties the sets of this thread that say what it may do. 0, or a negative code with error filled. */
int capabilities_drop(struct plait_error *error);

#endif
