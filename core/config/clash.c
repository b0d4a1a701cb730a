/* Two listeners on one address: the second could not be bound. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "core/config/check.h"

enum cover { ONE_HOST, ALL_IPV4, ALL_IPV6, ALL };

/* The host in one spelling ("::1" for "0:0::1"), and what else it covers. */
struct spot {
	char host[256];
	int family; /* 0: a name, whose addresses are not known here */
	enum cover cover;
};

static void spot_of(const struct listener_config *listener, struct spot *out)
{
	struct in_addr v4;
	struct in6_addr v6;
	const char *host = listener->endpoint.host;

	*out = (struct spot){ .cover = ONE_HOST };
	memcpy(out->host, host, strlen(host) + 1);
	if (strcmp(host, "*") == 0) {
		out->cover = ALL;
	} else if (inet_pton(AF_INET, host, &v4) == 1) {
		out->family = AF_INET;
		out->cover = v4.s_addr == INADDR_ANY ? ALL_IPV4 : ONE_HOST;
	} else if (inet_pton(AF_INET6, host, &v6) == 1) {
		out->family = AF_INET6;
		inet_ntop(AF_INET6, &v6, out->host, sizeof(out->host));
		if (IN6_IS_ADDR_UNSPECIFIED(&v6))
			out->cover = listener->net.socket.v6only ? ALL_IPV6 : ALL;
		if (IN6_IS_ADDR_V4MAPPED(&v6)) {
			out->family = AF_INET;
			inet_ntop(AF_INET, &v6.s6_addr[12], out->host, sizeof(out->host));
		}
	}
}

static bool covers(const struct spot *wide, const struct spot *other)
{
	switch (wide->cover) {
	case ALL: return other->family != 0 || other->cover == ALL;
	case ALL_IPV4: return other->family == AF_INET;
	case ALL_IPV6: return other->family == AF_INET6;
	case ONE_HOST: break;
	}
	return false;
}

static bool clash(const struct listener_config *a, const struct listener_config *b)
{
	struct spot first, second;
	bool a_udp = a->endpoint.scheme == ENDPOINT_UDP, b_udp = b->endpoint.scheme == ENDPOINT_UDP;
	bool a_unix = a->endpoint.scheme == ENDPOINT_UNIX, b_unix = b->endpoint.scheme == ENDPOINT_UNIX;

	if (a_unix || b_unix)
		return a_unix && b_unix && strcmp(a->endpoint.path, b->endpoint.path) == 0;
	if (a_udp != b_udp || a->endpoint.port != b->endpoint.port || a->endpoint.port == 0)
		return false;
	if (a_udp && a->net.socket.shared && b->net.socket.shared)
		return false;
	spot_of(a, &first);
	spot_of(b, &second);
	/* Two spellings of one family's wildcard are the same socket too, v6only or not. */
	return strcasecmp(first.host, second.host) == 0 || covers(&first, &second) || covers(&second, &first);
}

void config_check_clashes(const struct config *config, struct problems *problems)
{
	const struct listener_config *listeners = config->listeners.items;

	for (size_t later = 1; later < config->listeners.count; later++) {
		for (size_t earlier = 0; listeners[later].endpoint_known && earlier < later; earlier++) {
			char path[64];

			if (!listeners[earlier].endpoint_known ||
			    !clash(&listeners[earlier], &listeners[later]))
				continue;
			snprintf(path, sizeof(path), "listeners[%zu].bind", later);
			problems_add(
				problems, path,
				"found \"%s\", which listeners[%zu] has taken with \"%s\"; expected an address of its own",
				listeners[later].bind, earlier, listeners[earlier].bind);
			break;
		}
	}
}
