/* Multicast from the inside. */
#ifndef NET_MULTICAST_H
#define NET_MULTICAST_H

#include <plait/multicast.h>

/* A bound socket hears the groups it joined; without this, those that any program did. */
void multicast_init(int fd);

/* 0 when text is a group, with or without an interface behind it, else a negative code with error filled. Whether there is
 * such an interface is not asked. Any thread. */
int multicast_check_group(const char *text, struct plait_error *error);

#endif
