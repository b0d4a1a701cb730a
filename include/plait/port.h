/* A datagram port: the socket of a udp:// listener on one loop. */
#ifndef PLAIT_PORT_H
#define PLAIT_PORT_H

#include <stddef.h>

#include <plait/abi.h>
#include <plait/addr.h>
#include <plait/loop.h>

struct plait_port;
struct plait_factory;

/* Sends one datagram; data is copied. Datagrams of one callback leave together, in order, from the address the one
 * being answered came to. Returns 0; PLAIT_ERROR_INVALID when it is too long for a datagram or the address is of
 * another family; or PLAIT_ERROR_CLOSING when the port is closed. A datagram that the kernel refuses or that gets lost
 * later is not reported, only counted. On the port's loop. */
PLAIT_EXPORT int plait_send(struct plait_port *port, const struct plait_addr *to, const void *data,
			    size_t len);

PLAIT_EXPORT struct plait_factory *plait_port_factory(const struct plait_port *port);
PLAIT_EXPORT const void *plait_port_options(const struct plait_port *port);
PLAIT_EXPORT struct plait_loop *plait_port_loop(const struct plait_port *port);
PLAIT_EXPORT const struct plait_addr *plait_port_local(const struct plait_port *port);

#endif
