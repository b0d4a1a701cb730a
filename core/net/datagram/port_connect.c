/* Connected ports: one peer, and what its host says about datagrams that nobody there wants. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/errqueue.h> /* behind time.h */

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/base/system_text.h"
#include "core/net/datagram/port.h"

/* Told for one event, before the loop's others have their turn. */
#define REFUSALS_PER_EVENT 64

/* Room for an error and for what else may come with a datagram. */
union error_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6)) +
		   CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct in_pktinfo)) +
		   CMSG_SPACE(sizeof(int))];
};

/* The error of a datagram sent earlier; 0: it tells none. */
static int error_in(struct msghdr *message)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		bool told = (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
			    (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
		struct sock_extended_err what;
		if (!told || header->cmsg_len < CMSG_LEN(sizeof(what)))
			continue;
		memcpy(&what, CMSG_DATA(header), sizeof(what));
		return (int)what.ee_errno;
	}
	return 0;
}

/* Takes one error from the socket's queue. False when it has none. */
static bool take_error(int fd, int *code)
{
	union error_control control;
	struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof(control) };
	if (recvmsg(fd, &message, MSG_ERRQUEUE) < 0)
		return false;
	*code = error_in(&message);
	return true;
}

static void tell_refusals(struct plait_port *port)
{
	const struct plait_protocol *protocol = port->factory->protocol;
	int code;
	port->socket.failed = false;
	for (unsigned i = 0; i < REFUSALS_PER_EVENT && port->socket.fd >= 0; i++) {
		if (!take_error(port->socket.fd, &code))
			return;
		if (code == ECONNREFUSED && protocol->refused)
			protocol->refused(port, &port->peer);
	}
}

/* An error wakes us until it is taken. Where there are datagrams, too, it waits for a moment without, so that they do not
 * pay for asking; but not when it has kept one from being sent. */
void port_connected_ready(struct watch *watch, unsigned ready)
{
	struct plait_port *port = CONTAINER_OF(watch, struct plait_port, watch);
	(void)ready;
	bool any = port_receive(port);
	if (port->socket.fd >= 0 && (!any || port->socket.failed))
		tell_refusals(port);
}

/* The kernel keeps each refusal for us, where else it would keep the last. */
static void keep_errors(const struct plait_port *port, int on)
{
	if (port->family == AF_INET6)
		(void)setsockopt(port->socket.fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	(void)setsockopt(port->socket.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
}

static int check_peer(const struct plait_port *port, const struct plait_addr *peer, struct plait_error *error)
{
	char text[PLAIT_ADDR_TEXT];
	if (port->socket.fd < 0)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the port is closed");
	if (port->socket.connected)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "the port is connected to %s; open another for another peer",
				       plait_addr_format(&port->peer, text, sizeof(text)));
	if (peer->port == 0)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "cannot connect to %s: it has no port; expected an address with one",
				       plait_addr_format(peer, text, sizeof(text)));
	return 0;
}

int plait_port_connect(struct plait_port *port, const struct plait_addr *peer, struct plait_error *error)
{
	struct sockaddr_storage sa;
	char text[PLAIT_ADDR_TEXT];
	loop_assert_here(port->loop);
	int result = check_peer(port, peer, error);
	if (result < 0)
		return result;
	socklen_t len = addr_to_sockaddr(peer, port->family, &sa);
	if (len == 0)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"cannot connect to %s from an IPv4 port; open the port on \"udp://[::]:0\"",
			plait_addr_format(peer, text, sizeof(text)));
	port_flush(port);
	keep_errors(port, 1);
	if (connect(port->socket.fd, (struct sockaddr *)&sa, len) < 0) {
		int code = errno;
		keep_errors(port, 0);
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot connect to %s: %s%s",
				       plait_addr_format(peer, text, sizeof(text)), system_text(code),
				       code == EACCES ? "; a broadcast address needs plait_port_set_broadcast"
						      : "");
	}
	port->peer = *peer;
	len = sizeof(sa);
	if (getpeername(port->socket.fd, (struct sockaddr *)&sa, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&sa, len, &port->peer);
	port->socket.connected = true;
	port_locate(port);
	if (port->started)
		port->watch.fn = port_connected_ready;
	return 0;
}
