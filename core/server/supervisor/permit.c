/* What a worker may have bound: what the configuration names, and nothing else. */
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "core/server/broker.h"
#include "core/server/supervisor/inside.h"

static bool is_control(const struct config *config, const struct channel_bind *bind)
{
	const struct sockaddr_un *sun = (const struct sockaddr_un *)&bind->sa;
	return config->control && bind->type == SOCK_STREAM && bind->sa.ss_family == AF_UNIX &&
	       strncmp(sun->sun_path, config->control, sizeof(sun->sun_path)) == 0;
}

static uint16_t port_of(const struct sockaddr_storage *sa)
{
	return ntohs(sa->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)sa)->sin6_port
					       : ((const struct sockaddr_in *)sa)->sin_port);
}

/* Any that a process without privileges may have, too. */
static bool is_free_port(uint16_t port)
{
	return port >= IPPORT_RESERVED;
}

static bool names(const struct listener_config *listener, const struct channel_bind *bind)
{
	struct socket_addresses addresses;
	struct plait_error unused;
	int type = listener->endpoint.scheme == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM;
	if (!listener->endpoint_known || type != bind->type ||
	    socket_resolve(&listener->endpoint, &addresses, &unused) < 0)
		return false;
	for (unsigned i = 0; i < addresses.count; i++) {
		struct sockaddr_storage *sa = &addresses.items[i].sa;
		if (sa->ss_family != bind->sa.ss_family)
			continue;
		/* Of sockets on one address the first finds a port for all. */
		if (sa->ss_family != AF_UNIX && listener->endpoint.port == 0 &&
		    is_free_port(port_of(&bind->sa)))
			socket_set_port(sa, port_of(&bind->sa));
		if (socket_same_address(sa, addresses.items[i].len, &bind->sa, bind->len))
			return true;
	}
	return false;
}

/* A shorter one would have the kernel bind the beginning of the path. */
static bool is_whole(const struct channel_bind *bind)
{
	const struct sockaddr_un *sun = (const struct sockaddr_un *)&bind->sa;
	return bind->sa.ss_family != AF_UNIX || sun->sun_path[0] == '\0' || bind->len == sizeof(*sun);
}

static bool is_called(const struct listener_config *listener, const char *name)
{
	return listener->name && strcmp(listener->name, name) == 0;
}

bool permit_bind(const struct config *config, const struct channel_bind *bind)
{
	const struct listener_config *listeners = config->listeners.items;
	if (bind->len > sizeof(bind->sa) || bind->len < sizeof(bind->sa.ss_family) ||
	    bind->number >= PLAIT_LOOPS_MAX || !is_whole(bind))
		return false;
	if (strcmp(bind->name, BROKER_CONTROL_NAME) == 0)
		return is_control(config, bind);
	/* To look an address up may take long: only the one that it should be. */
	for (size_t i = 0; i < config->listeners.count; i++)
		if (is_called(&listeners[i], bind->name) && names(&listeners[i], bind))
			return true;
	return false;
}
