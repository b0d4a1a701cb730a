/* Multicast on a datagram port: which groups it hears, and how it sends to groups. All on the port's loop. Each call
 * returns 0 or a negative code, with error (which may be NULL) filled. */
#ifndef PLAIT_MULTICAST_H
#define PLAIT_MULTICAST_H

#include <stdbool.h>

#include <plait/abi.h>
#include <plait/error.h>
#include <plait/port.h>

/* Joins and leaves a group, "239.1.2.3" or "ff02::123", on one interface: its name, its number, or an address of it;
 * NULL or "": the one that the routing table says. It may also stand behind the group: "ff02::123%eth0". A port hears the groups
 * that it joined, whatever other programs did; and it hears them only when it is bound to the group's address or to that
 * of everybody, "udp://0.0.0.0:PORT" or "udp://[::]:PORT". A group is left by itself when the port closes. */
PLAIT_EXPORT int plait_port_join(struct plait_port *port, const char *group, const char *interface,
				 struct plait_error *error);
PLAIT_EXPORT int plait_port_leave(struct plait_port *port, const char *group, const char *interface,
				  struct plait_error *error);

/* The same, but what others than source, an address, send to the group is not heard, not even when the group was joined
 * before. To hear several sources, join each. */
PLAIT_EXPORT int plait_port_join_source(struct plait_port *port, const char *group, const char *source,
					const char *interface, struct plait_error *error);
PLAIT_EXPORT int plait_port_leave_source(struct plait_port *port, const char *group, const char *source,
					 const char *interface, struct plait_error *error);

/* How many routers a datagram to a group may pass, plus one: 0 stays on this host, 1 (the default) on this network;
 * at most 255. */
PLAIT_EXPORT int plait_port_set_multicast_ttl(struct plait_port *port, unsigned ttl,
					      struct plait_error *error);
PLAIT_EXPORT int plait_port_multicast_ttl(const struct plait_port *port); /* negative: the port is closed */

/* Whether ports of this host that joined, this one too, hear what it sends to a group. On at first. */
PLAIT_EXPORT int plait_port_set_multicast_loopback(struct plait_port *port, bool on,
						   struct plait_error *error);
PLAIT_EXPORT bool plait_port_multicast_loopback(const struct plait_port *port);

/* Through which interface datagrams to groups leave: its name, its number, or an address of it; NULL or "": the one
 * that the routing table says. */
PLAIT_EXPORT int plait_port_set_multicast_interface(struct plait_port *port, const char *interface,
						    struct plait_error *error);
PLAIT_EXPORT unsigned plait_port_multicast_interface(
	const struct plait_port *port); /* its number; 0: the routing table says */

#endif
