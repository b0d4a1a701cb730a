/* Ports that programs and plugins open: from an endpoint to a socket, and their end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/container.h"
#include "core/base/escape.h"
#include "core/base/system_text.h"
#include "core/net/datagram/port.h"
#include "core/net/famine.h"
#include "core/net/own_protocol.h"
#include "core/net/socket/socket.h"

static int find_address(const char *endpoint, struct socket_addresses *addresses, struct plait_error *error)
{
	struct endpoint parsed;
	struct plait_addr addr;
	char found[300];
	int result = endpoint_parse(endpoint, NULL, &parsed, error);
	if (result < 0)
		return result;
	escape_text(found, sizeof(found), endpoint, strlen(endpoint));
	if (parsed.scheme != ENDPOINT_UDP)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL,
				       "found \"%s\"; expected \"udp://ADDRESS:PORT\"", found);
	if (strcmp(parsed.host, "*") != 0 && addr_from_host(parsed.host, &addr) < 0)
		return plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"found \"%s\"; expected an address of this machine, \"0.0.0.0\", \"[::]\" or \"*\" before the "
			"port: to resolve a name would block the loop",
			found);
	return socket_resolve(&parsed, addresses, error);
}

static int bind_address(const char *endpoint, const struct plait_port_settings *settings,
			struct plait_error *error)
{
	struct socket_addresses addresses;
	struct socket_settings socket = { .v6only = settings->v6only, .shared = settings->shared };
	int result = find_address(endpoint, &addresses, error);
	if (result < 0)
		return result;
	return socket_bind(SOCK_DGRAM, (const struct sockaddr *)&addresses.items[0].sa,
			   addresses.items[0].len, &socket, false, error);
}

static void own_free(struct own_protocol *own)
{
	own_protocol_fini(own);
	free(own);
}

/* What a listener has from elsewhere. */
static struct own_protocol *own_new(const struct plait_protocol *protocol, const void *options,
				    struct plait_error *error)
{
	struct own_protocol *own = malloc(sizeof(*own));
	if (!own) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a port");
		return NULL;
	}
	int result = own_protocol_init(own, protocol, options, error);
	if (result == 0 && !own->protocol.datagram)
		result = plait_error_set(
			error, PLAIT_ERROR_INVALID, NULL,
			"the protocol \"%s\" has no datagram callback; a port needs one, if only to drop what comes",
			protocol->head.name);
	if (result == 0)
		return own;
	own_free(own);
	return NULL;
}

static void add(struct net *net, struct plait_port *port)
{
	port->next = net->ports;
	if (port->next)
		port->next->previous = port;
	net->ports = port;
}

static void remove_port(struct net *net, struct plait_port *port)
{
	if (port->next)
		port->next->previous = port->previous;
	if (port->previous)
		port->previous->next = port->next;
	else
		net->ports = port->next;
}

/* Takes fd over, also when it fails. */
static struct plait_port *make(struct plait_loop *loop, struct plait_factory *factory, int fd,
			       struct plait_error *error)
{
	struct plait_port *port = port_new(loop, factory, fd);
	if (port && port_wait(port) == 0)
		return port;
	plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot wait for datagrams: %s", system_text(errno));
	port_free(&port);
	return NULL;
}

static struct plait_port *open_port(struct plait_loop *loop, const char *endpoint, struct own_protocol *own,
				    const struct plait_port_settings *settings, struct plait_error *error)
{
	int fd = bind_address(endpoint, settings, error);
	if (fd < 0)
		return NULL;
	struct plait_factory *factory = factory_new(loop->reactor, endpoint, &own->protocol, own->options,
						    net_settings_default(), error);
	if (!factory) {
		famine_close(fd);
		return NULL;
	}
	struct plait_port *port = make(loop, factory, fd, error);
	if (!port) {
		factory_free(&factory);
		return NULL;
	}
	port->own = own;
	return port;
}

struct plait_port *plait_port_open(struct plait_loop *loop, const char *endpoint,
				   const struct plait_protocol *protocol,
				   const struct plait_port_settings *settings, struct plait_error *error)
{
	static const struct plait_port_settings defaults;
	loop_assert_here(loop);
	if (!settings)
		settings = &defaults;
	struct own_protocol *own = own_new(protocol, settings->options, error);
	if (!own)
		return NULL;
	struct plait_port *port = open_port(loop, endpoint, own, settings, error);
	if (!port) {
		own_free(own);
		return NULL;
	}
	add(loop->net, port);
	loop_defer(loop, &port->task);
	return port;
}

void port_settle(struct task *task)
{
	struct plait_port *port = CONTAINER_OF(task, struct plait_port, task);
	if (port->socket.fd >= 0) {
		port_tell_started(port);
		return;
	}
	port_tell_stopped(port);
	if (!port->own)
		return;
	struct plait_factory *factory = port->factory;
	struct own_protocol *own = port->own;
	struct net *net = port->loop->net;
	remove_port(net, port);
	port_free(&port);
	factory_free(&factory);
	own_free(own);
	net_tell_empty(net);
}

static void close_port(struct plait_port *port)
{
	if (port->socket.fd < 0)
		return;
	port_shut(port);
	loop_defer(port->loop, &port->task);
}

void plait_port_close(struct plait_port **port_at)
{
	struct plait_port *port = *port_at;
	*port_at = NULL;
	if (!port)
		return;
	loop_assert_here(port->loop);
	close_port(port);
}

void port_close_all(struct net *net)
{
	for (struct plait_port *port = net->ports; port; port = port->next)
		close_port(port);
}
