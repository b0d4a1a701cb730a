/* A datagram port: a udp:// socket on one loop, of a configured listener or opened by a program or plugin. All calls
 * belong on the port's loop, and are good from the port_started callback, or from plait_port_open, until the
 * port_stopped callback has returned. */
#ifndef PLAIT_PORT_H
#define PLAIT_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/abi.h>
#include <plait/addr.h>
#include <plait/error.h>
#include <plait/loop.h>

struct plait_port;
struct plait_factory;
struct plait_protocol;

/* How to open a port; zeroed members are the defaults. */
struct plait_port_settings {
	const void *options; /* what the protocol's option table would fill, borrowed; NULL: its defaults */
	/* Other sockets, of this program or of others that say so, too, may be bound to the same address and port. What is
	 * sent to a group reaches each of them that joined it, anything else one of them. */
	bool shared;
	bool v6only; /* a port on [::] leaves IPv4 out */
};

/* Opens a port of the caller's own. endpoint: "udp://127.0.0.1:0", "udp://[::]:5353" (which takes IPv4, too), or
 * with "*" as the host for every address; a name is refused, for to resolve it would block the loop. protocol has its head from
 * PLAIT_PROTOCOL_HEAD and a datagram callback, and lives as long as the port. The port has a factory of its own: factory_start is called from inside, and factory_stop
 * at the end, both on the loop. settings may be NULL. Before anything else port_started is called, not from inside.
 * When the server stops, ports
 * are closed after the last connection of their loop. NULL, with error (which may be NULL) filled. */
PLAIT_EXPORT struct plait_port *plait_port_open(struct plait_loop *loop, const char *endpoint,
						const struct plait_protocol *protocol,
						const struct plait_port_settings *settings,
						struct plait_error *error);

/* Sends what was sent; nothing more is delivered, and sending is refused. port_stopped comes later. A listener's port
 * can be closed, too: then this loop's part of it is gone until the server starts again. Leaves *port NULL. */
PLAIT_EXPORT void plait_port_close(struct plait_port **port);

/* Sends one datagram; data is copied. to NULL: the peer of a connected port. Datagrams of one callback leave together,
 * in order, from the address the one being answered came to. Returns 0; PLAIT_ERROR_INVALID when it is too long for a
 * datagram, the address is of another family, or not the peer of a connected port, or NULL without a peer;
 * PLAIT_ERROR_REFUSED when it is a broadcast address and plait_port_set_broadcast was not called; or
 * PLAIT_ERROR_CLOSING when the port is closed. A datagram that the kernel refuses or that gets lost later is not
 * reported, only counted. */
PLAIT_EXPORT int plait_send(struct plait_port *port, const struct plait_addr *to, const void *data,
			    size_t len);

/* From now on the port sends to this peer and hears it only. When datagrams are refused because nothing listens there,
 * the refused callback says so, once for each refusal that the peer's host sends; the port stays open, and works when
 * the peer comes up. Once a port. 0, or a negative code with error (which may be NULL) filled. */
PLAIT_EXPORT int plait_port_connect(struct plait_port *port, const struct plait_addr *peer,
				    struct plait_error *error);

/* Allows sending to broadcast addresses. 0, or PLAIT_ERROR_CLOSING when the port is closed. */
PLAIT_EXPORT int plait_port_set_broadcast(struct plait_port *port, bool allowed);
PLAIT_EXPORT bool plait_port_broadcast(const struct plait_port *port);

/* port_size zeroed bytes of the protocol's, freed after port_stopped; NULL when port_size is 0. */
PLAIT_EXPORT void *plait_port_state(struct plait_port *port);

PLAIT_EXPORT struct plait_factory *plait_port_factory(const struct plait_port *port);
PLAIT_EXPORT const void *plait_port_options(const struct plait_port *port);
PLAIT_EXPORT struct plait_loop *plait_port_loop(const struct plait_port *port);
PLAIT_EXPORT const struct plait_addr *plait_port_local(const struct plait_port *port);
PLAIT_EXPORT const struct plait_addr *plait_port_peer(
	const struct plait_port *port); /* NULL: not connected */

#endif
