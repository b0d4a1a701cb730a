/* Multicast from the inside. */
#ifndef NET_DATAGRAM_MULTICAST_H
#define NET_DATAGRAM_MULTICAST_H

#include <plait/multicast.h>

#include "core/net/settings.h"

/* A bound socket hears the groups it joined; without this, those that any program did. */
void multicast_init(int fd, int family);

/* As plait_port_join, also before the loop runs. */
int multicast_join(struct plait_port *port, const char *group, struct plait_error *error);

/* For a listener's port that has not started: joins the groups, unless another of its ports on the address did, and sets how
 * it sends. 0, or a negative code with error filled, its path a key of the listener. Main thread. */
int multicast_configure(struct plait_port *port, const struct multicast_settings *settings, bool join_groups,
			struct plait_error *error);

/* 0 when text is a group, with or without an interface behind it, else a negative code with error filled. Whether there is
 * such an interface is not asked. Any thread. */
int multicast_check_group(const char *text, struct plait_error *error);

#endif
