/* Multicast: joining and leaving groups, and how datagrams to them leave. */
#include "core/net/multicast.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/escape.h"
#include "core/net/interface.h"
#include "core/net/port.h"

/* What a family calls its options. A port on IPv6 has both. */
struct multicast_family {
	int level, ttl, loopback, all;
};

static const struct multicast_family ipv4 = { IPPROTO_IP, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
					      IP_MULTICAST_ALL };
static const struct multicast_family ipv6 = { IPPROTO_IPV6, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP,
					      IPV6_MULTICAST_ALL };

static const struct multicast_family *family_of(const struct plait_port *port)
{
	return port->family == AF_INET6 ? &ipv6 : &ipv4;
}

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int get(int fd, int level, int name)
{
	int value;
	socklen_t len = sizeof(value);
	return fd >= 0 && getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

void multicast_init(int fd)
{
	/* On a socket of IPv4 the other does nothing. */
	(void)set(fd, ipv6.level, ipv6.all, 0);
	(void)set(fd, ipv4.level, ipv4.all, 0);
}

/* A group, who may send to it, and where. */
struct membership {
	struct plait_addr group, source; /* source's family NONE: everybody */
	struct interface interface;
};

static bool is_group(const struct plait_addr *addr)
{
	return addr->family == PLAIT_FAMILY_IPV4 ? (addr->u.bytes[0] & 0xf0) == 0xe0
						 : addr->u.bytes[0] == 0xff;
}

/* Reads "GROUP" or "GROUP%INTERFACE"; *interface is then what stands behind the sign, else NULL. */
static int parse_group(const char *text, struct plait_addr *out, const char **interface,
		       struct plait_error *error)
{
	char bare[INET6_ADDRSTRLEN], found[128];
	size_t len = strcspn(text, "%");
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	*interface = text[len] ? text + len + 1 : NULL;
	memcpy(bare, text, len < sizeof(bare) ? len : 0);
	bare[len < sizeof(bare) ? len : 0] = '\0';
	if (addr_from_host(bare, out) < 0 || (*interface && !**interface))
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"found \"%s\"; expected a multicast address, such as \"239.1.2.3\" or \"ff02::123\", and "
			"behind it perhaps an interface, such as \"%%eth0\"",
			found);
	if (!is_group(out))
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"%s\", which is no multicast address; those are 224.0.0.0 to "
				       "239.255.255.255, and of IPv6 all that begin with ff",
				       found);
	return 0;
}

int multicast_check_group(const char *text, struct plait_error *error)
{
	struct plait_addr addr;
	const char *interface;
	return parse_group(text, &addr, &interface, error);
}

static int parse_source(const char *text, struct membership *out, struct plait_error *error)
{
	char found[128];
	if (addr_from_host(text, &out->source) == 0 && out->source.family == out->group.family &&
	    !is_group(&out->source))
		return 0;
	escape_text(found, sizeof(found), text, strnlen(text, sizeof(found)));
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
			       "found \"%s\" as the source; expected the address of one host, of the same "
			       "family as the group",
			       found);
}

static int parse(const char *group, const char *source, const char *interface, struct membership *out,
		 struct plait_error *error)
{
	const char *behind;
	*out = (struct membership){ 0 };
	int result = parse_group(group, &out->group, &behind, error);
	if (result < 0)
		return result;
	bool named = interface && *interface;
	if (named && behind && strcmp(interface, behind) != 0)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"the group names one interface, and the argument another; expected one");
	if (source && (result = parse_source(source, out, error)) < 0)
		return result;
	return interface_find(named ? interface : behind, &out->interface, error);
}

/* Whether the port can hear the group at all. */
static int check_port(const struct plait_port *port, const struct membership *membership,
		      struct plait_error *error)
{
	char text[PLAIT_ADDR_TEXT];
	bool v6 = membership->group.family == PLAIT_FAMILY_IPV6;
	bool v6only = port->family == AF_INET6 && get(port->socket.fd, IPPROTO_IPV6, IPV6_V6ONLY) > 0;
	if (port->socket.fd < 0)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the port is closed");
	if (v6 ? port->family == AF_INET6 : !v6only)
		return 0;
	return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
			       "a port on %s hears no groups of %s; open it on \"udp://%s:PORT\"",
			       plait_addr_format(&port->local, text, sizeof(text)), v6 ? "IPv6" : "IPv4",
			       v6 ? "[::]" : "0.0.0.0");
}

/* What can be asked of the kernel about a group, and what it means when it says no. */
struct multicast_action {
	const char *verb;
	int plain, of_source; /* socket options */
	struct {
		int code;
		const char *meaning;
	} refusals[4];
};

#define NOWHERE "there is no route to it; name an interface"
#define NO_MULTICAST "that interface is down, or has no multicast"

static const struct multicast_action join = {
	"join",
	MCAST_JOIN_GROUP,
	MCAST_JOIN_SOURCE_GROUP,
	{ { EADDRINUSE, "the port is a member already" },
	  { EADDRNOTAVAIL, "the port hears that source already" },
	  { ENODEV, NOWHERE },
	  { ENOBUFS,
	    "it is in too many groups or hears too many sources; raise net.ipv4.igmp_max_memberships, "
	    "net.ipv4.igmp_max_msf or net.core.optmem_max" } },
};

static const struct multicast_action leave = {
	"leave",
	MCAST_LEAVE_GROUP,
	MCAST_LEAVE_SOURCE_GROUP,
	{ { EADDRNOTAVAIL, "the port is no member there, or not for that source" }, { ENODEV, NOWHERE } },
};

static int refused(const struct multicast_action *action, const struct membership *membership,
		   struct plait_error *error)
{
	int code = errno;
	const char *meaning = strerror(code);
	char text[PLAIT_ADDR_TEXT], name[IF_NAMESIZE] = "";
	for (size_t i = 0; i < sizeof(action->refusals) / sizeof(action->refusals[0]); i++) {
		if (action->refusals[i].code == code)
			meaning = action->refusals[i].meaning;
	}
	if (code == ENODEV && membership->interface.index > 0)
		meaning = NO_MULTICAST;
	plait_addr_format(&membership->group, text, sizeof(text));
	if (membership->interface.index > 0)
		(void)if_indextoname(membership->interface.index, name);
	*strrchr(text, ':') = '\0'; /* a group has no port */
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot %s %s%s%s: %s", action->verb, text,
			       *name ? " on " : "", name, meaning);
}

static int act(struct plait_port *port, const struct multicast_action *action, const char *group,
	       const char *source, const char *interface, struct plait_error *error)
{
	struct membership membership;
	loop_assert_here(port->loop);
	int result = parse(group, source, interface, &membership, error);
	if (result == 0)
		result = check_port(port, &membership, error);
	if (result < 0)
		return result;
	bool v6 = membership.group.family == PLAIT_FAMILY_IPV6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, family = v6 ? AF_INET6 : AF_INET;
	struct group_source_req wanted = { .gsr_interface = membership.interface.index };
	struct group_req plain = { .gr_interface = membership.interface.index };
	addr_to_sockaddr(&membership.group, family, &wanted.gsr_group);
	addr_to_sockaddr(&membership.group, family, &plain.gr_group);
	addr_to_sockaddr(&membership.source, family, &wanted.gsr_source);
	if (source)
		result = setsockopt(port->socket.fd, level, action->of_source, &wanted, sizeof(wanted));
	else
		result = setsockopt(port->socket.fd, level, action->plain, &plain, sizeof(plain));
	return result == 0 ? 0 : refused(action, &membership, error);
}

int plait_port_join(struct plait_port *port, const char *group, const char *interface,
		    struct plait_error *error)
{
	return act(port, &join, group, NULL, interface, error);
}

int plait_port_leave(struct plait_port *port, const char *group, const char *interface,
		     struct plait_error *error)
{
	return act(port, &leave, group, NULL, interface, error);
}

int plait_port_join_source(struct plait_port *port, const char *group, const char *source,
			   const char *interface, struct plait_error *error)
{
	return act(port, &join, group, source, interface, error);
}

int plait_port_leave_source(struct plait_port *port, const char *group, const char *source,
			    const char *interface, struct plait_error *error)
{
	return act(port, &leave, group, source, interface, error);
}

/* Before a setting of the socket changes: what was sent leaves by the old one. */
static int prepare(struct plait_port *port, struct plait_error *error)
{
	loop_assert_here(port->loop);
	if (port->socket.fd < 0)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the port is closed");
	port_flush(port);
	return 0;
}

static int system_error(struct plait_error *error, const char *what)
{
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot set the %s of multicast: %s", what,
			       strerror(errno));
}

int plait_port_set_multicast_ttl(struct plait_port *port, unsigned ttl, struct plait_error *error)
{
	int result = prepare(port, error);
	if (result < 0)
		return result;
	if (ttl > 255)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found %u as the ttl; expected 0 to 255", ttl);
	if (port->family == AF_INET6)
		(void)set(port->socket.fd, ipv4.level, ipv4.ttl, (int)ttl);
	const struct multicast_family *family = family_of(port);
	return set(port->socket.fd, family->level, family->ttl, (int)ttl) == 0 ? 0
									       : system_error(error, "ttl");
}

int plait_port_multicast_ttl(const struct plait_port *port)
{
	loop_assert_here(port->loop);
	return get(port->socket.fd, family_of(port)->level, family_of(port)->ttl);
}

int plait_port_set_multicast_loopback(struct plait_port *port, bool on, struct plait_error *error)
{
	int result = prepare(port, error);
	if (result < 0)
		return result;
	if (port->family == AF_INET6)
		(void)set(port->socket.fd, ipv4.level, ipv4.loopback, on);
	const struct multicast_family *family = family_of(port);
	return set(port->socket.fd, family->level, family->loopback, on) == 0
		       ? 0
		       : system_error(error, "loopback");
}

bool plait_port_multicast_loopback(const struct plait_port *port)
{
	loop_assert_here(port->loop);
	return get(port->socket.fd, family_of(port)->level, family_of(port)->loopback) > 0;
}

/* An address that names the interface is also the one that datagrams leave from. */
static int set_ipv4_interface(int fd, const struct interface *interface)
{
	struct ip_mreqn where = { .imr_ifindex = (int)interface->index };
	if (interface->addr.family == PLAIT_FAMILY_IPV4)
		memcpy(&where.imr_address, interface->addr.u.bytes, sizeof(where.imr_address));
	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof(where));
}

int plait_port_set_multicast_interface(struct plait_port *port, const char *interface,
				       struct plait_error *error)
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
		return system_error(error, "interface");
	port->multicast_interface = found.index;
	return 0;
}

unsigned plait_port_multicast_interface(const struct plait_port *port)
{
	return port->multicast_interface;
}
