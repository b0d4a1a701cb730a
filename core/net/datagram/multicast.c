/* Multicast: joining and leaving groups. */
#include "core/net/datagram/multicast.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/addr.h"
#include "core/base/escape.h"
#include "core/net/datagram/port.h"
#include "core/net/socket/interface.h"

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
	int v6only = 0;
	socklen_t len = sizeof(v6only);
	if (port->socket.fd < 0)
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL, "the port is closed");
	if (port->family == AF_INET6)
		(void)getsockopt(port->socket.fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len);
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
	loop_assert_here(port->loop);
	return act(port, &join, group, NULL, interface, error);
}

int plait_port_leave(struct plait_port *port, const char *group, const char *interface,
		     struct plait_error *error)
{
	loop_assert_here(port->loop);
	return act(port, &leave, group, NULL, interface, error);
}

int plait_port_join_source(struct plait_port *port, const char *group, const char *source,
			   const char *interface, struct plait_error *error)
{
	loop_assert_here(port->loop);
	return act(port, &join, group, source, interface, error);
}

int plait_port_leave_source(struct plait_port *port, const char *group, const char *source,
			    const char *interface, struct plait_error *error)
{
	loop_assert_here(port->loop);
	return act(port, &leave, group, source, interface, error);
}

int multicast_join(struct plait_port *port, const char *group, struct plait_error *error)
{
	return act(port, &join, group, NULL, NULL, error);
}
