/* Multicast: how datagrams to groups leave, and what a listener's configuration says of it all. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/system_text.h"

#include "core/net/datagram/multicast.h"
#include "core/net/datagram/port.h"
#include "core/net/socket/interface.h"

/* A number the kernel keeps for each family; a port on IPv6 has both. */
struct multicast_setting {
	const char *name;
	int ipv4, ipv6; /* socket options */
};

static const struct multicast_setting ttl_setting = { "ttl", IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS };
static const struct multicast_setting loopback_setting = { "loopback", IP_MULTICAST_LOOP,
							   IPV6_MULTICAST_LOOP };
static const struct multicast_setting all_setting = { "groups", IP_MULTICAST_ALL, IPV6_MULTICAST_ALL };

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int set_both(int fd, int family, const struct multicast_setting *setting, int value)
{
	int result = set(fd, IPPROTO_IP, setting->ipv4, value);
	return family == AF_INET6 ? set(fd, IPPROTO_IPV6, setting->ipv6, value) : result;
}

void multicast_init(int fd, int family)
{
	(void)set_both(fd, family, &all_setting, 0); /* an older kernel does not know it */
}

static int refused(struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot set the %s of multicast: %s", what,
			       system_text(errno));
}

/* What was sent before leaves by the old setting. */
static int prepare(struct plait_port *port, struct plait_error *error)
{
	if (port->socket.fd < 0)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the port is closed");
	port_flush(port);
	return 0;
}

static int change(struct plait_port *port, const struct multicast_setting *setting, int value,
		  struct plait_error *error)
{
	int result = prepare(port, error);
	if (result < 0)
		return result;
	if (set_both(port->socket.fd, port->family, setting, value) < 0)
		return refused(error, setting->name);
	return 0;
}

static int read_back(const struct plait_port *port, const struct multicast_setting *setting)
{
	bool v6 = port->family == AF_INET6;
	int value;
	socklen_t len = sizeof(value);
	int result = getsockopt(port->socket.fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				v6 ? setting->ipv6 : setting->ipv4, &value, &len);
	return result == 0 ? value : -1;
}

int plait_port_set_multicast_ttl(struct plait_port *port, unsigned ttl, struct plait_error *error)
{
	loop_assert_here(port->loop);
	if (ttl > 255)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found %u as the ttl; expected 0 to 255", ttl);
	return change(port, &ttl_setting, (int)ttl, error);
}

int plait_port_multicast_ttl(const struct plait_port *port)
{
	return read_back(port, &ttl_setting);
}

int plait_port_set_multicast_loopback(struct plait_port *port, bool on, struct plait_error *error)
{
	loop_assert_here(port->loop);
	return change(port, &loopback_setting, on, error);
}

bool plait_port_multicast_loopback(const struct plait_port *port)
{
	return read_back(port, &loopback_setting) > 0;
}

/* An address that names the interface is also the one that datagrams leave from. */
static int set_ipv4_interface(int fd, const struct interface *interface)
{
	struct ip_mreqn where = { .imr_ifindex = (int)interface->index };
	if (interface->addr.family == PLAIT_FAMILY_IPV4)
		memcpy(&where.imr_address, interface->addr.u.bytes, sizeof(where.imr_address));
	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof(where));
}

static int set_interface(struct plait_port *port, const char *interface, struct plait_error *error)
{
	struct interface found;
	int result = prepare(port, error);
	if (result == 0)
		result = interface_find(interface, &found, error);
	if (result < 0)
		return result;
	result = set_ipv4_interface(port->socket.fd, &found);
	if (port->family == AF_INET6)
		result = set(port->socket.fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)found.index);
	if (result < 0)
		return refused(error, "interface");
	port->multicast_interface = found.index;
	return 0;
}

int plait_port_set_multicast_interface(struct plait_port *port, const char *interface,
				       struct plait_error *error)
{
	loop_assert_here(port->loop);
	return set_interface(port, interface, error);
}

unsigned plait_port_multicast_interface(const struct plait_port *port)
{
	return port->multicast_interface;
}

static int join_all(struct plait_port *port, const struct plait_strings *groups, struct plait_error *error)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < groups->count; i++) {
		result = multicast_join(port, groups->items[i], error);
		if (result < 0)
			snprintf(error->path, sizeof(error->path), "socket.multicast.groups[%zu]", i);
	}
	return result;
}

int multicast_configure(struct plait_port *port, const struct multicast_settings *settings, bool join_groups,
			struct plait_error *error)
{
	int result = change(port, &ttl_setting, (int)settings->ttl, error);
	if (result == 0)
		result = change(port, &loopback_setting, settings->loopback, error);
	if (result < 0)
		return result;
	result = set_interface(port, settings->interface, error);
	if (result < 0)
		snprintf(error->path, sizeof(error->path), "socket.multicast.interface");
	else if (join_groups)
		result = join_all(port, &settings->groups, error);
	return result;
}
