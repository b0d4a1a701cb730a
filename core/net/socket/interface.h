/* Network interfaces, by whatever a person calls them. */
#ifndef NET_SOCKET_INTERFACE_H
#define NET_SOCKET_INTERFACE_H

#include <plait/addr.h>
#include <plait/error.h>

struct interface {
	unsigned index;         /* 0: none was named */
	struct plait_addr addr; /* when it was named by one of its addresses */
};

/* text: a name, a number, an address of the interface, or NULL or "" for none. 0, or a negative code with error
 * filled. Does not block. */
int interface_find(const char *text, struct interface *out, struct plait_error *error);

#endif
