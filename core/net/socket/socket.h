/* Sockets for listeners: names to addresses, and addresses to bound sockets. */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <plait/addr.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/endpoint.h"
#include "core/net/settings.h"

#define SOCKET_ADDRESSES_MAX 16

/* Where an endpoint is to be bound: a name may have several addresses. */
struct socket_addresses {
	unsigned count;
	struct {
		struct sockaddr_storage sa;
		socklen_t len;
	} items[SOCKET_ADDRESSES_MAX];
};

/* May ask the resolver, and wait for it. 0, or a negative code with error filled. */
int socket_resolve(const struct endpoint *endpoint, struct socket_addresses *out, struct plait_error *error);

/* A bound, non-blocking socket; listening when type is SOCK_STREAM. Returns the descriptor, or a negative code with
 * error filled. share: several sockets on one address, among which the kernel spreads what comes. */
int socket_bind(int type, const struct sockaddr *sa, socklen_t len, const struct socket_settings *settings,
		bool share, struct plait_error *error);

/* Whether what is bound by one can serve by the other: all but the family of addresses, who shares them, and what of
 * datagrams is set for good. 0, or a negative code with error filled. */
int socket_adjustable(const struct socket_settings *was, const struct socket_settings *is,
		      struct plait_error *error);

/* What is bound serves by these settings from here on; what it accepted stays as it was. Under that condition. Failures do
 * not matter. */
void socket_adjust(int fd, const struct socket_settings *settings);

/* Addresses of sockets, by what tells them apart. */
bool socket_same_address(const struct sockaddr_storage *a, socklen_t a_len, const struct sockaddr_storage *b,
			 socklen_t b_len);

/* What somebody else bound serves by these settings; type: SOCK_STREAM or SOCK_DGRAM. */
void socket_adopt(int fd, int type, const struct socket_settings *settings);

/* Whether the system chooses the port; not of UNIX addresses. */
bool socket_any_port(const struct sockaddr_storage *sa);

/* The port a socket was bound to; 0 for UNIX. socket_set_port changes the one in an address. */
uint16_t socket_port(int fd);
void socket_set_port(struct sockaddr_storage *sa, uint16_t port);

/* Fills in who is at the other end of a UNIX socket, where the kernel knows. */
void socket_peer_process(int fd, struct plait_addr *addr);

/* TCP_NODELAY and keepalive; failures do not matter. */
void socket_tune(int fd, const struct socket_settings *settings);

/* "tcp://127.0.0.1:7007": the endpoint as it came to be. Returns out. */
const char *socket_describe(enum endpoint_scheme scheme, int fd, char *out, size_t size);

#endif
