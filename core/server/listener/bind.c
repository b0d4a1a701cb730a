/* From addresses to bound sockets: new ones, or those of a listener that leaves. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/system_text.h"

#include "core/server/listener/kind.h"
#include "core/server/systemd/activation.h"

/* A socket that another listener has on that address, the number-th one there. NULL: there is none, or it has been taken. */
static struct bound_socket *find_socket(const struct plait_listener *listener,
					const struct sockaddr_storage *sa, socklen_t len, unsigned number)
{
	for (unsigned i = 0; i < listener->socket_count; i++) {
		struct bound_socket *found = &listener->sockets[i];
		const struct sockaddr_storage *its = &listener->addresses.items[found->address].sa;
		if (!socket_same_address(its, listener->addresses.items[found->address].len, sa, len))
			continue;
		if (number-- == 0)
			return found->taken ? NULL : found;
	}
	return NULL;
}

/* A descriptor of its own. -1: nobody who leaves has that socket, or it cannot be had; then error is filled. */
static int inherit(const struct plait_listener *listener, const struct listener_binding *binding,
		   const struct sockaddr_storage *sa, socklen_t len, unsigned number,
		   struct plait_error *error)
{
	struct plait_listener *const *leaving = binding->leaving;
	for (; leaving && *leaving; leaving++) {
		if ((*leaving)->kind->type != listener->kind->type)
			continue;
		struct bound_socket *found = find_socket(*leaving, sa, len, number);
		if (!found)
			continue;
		if (socket_adjustable(&(*leaving)->config->net.socket, &listener->config->net.socket, error) <
		    0)
			return -1;
		int fd = fcntl(found->fd, F_DUPFD_CLOEXEC, 3);
		found->taken = fd >= 0;
		if (fd < 0)
			plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot take a socket over: %s",
					system_text(errno));
		return fd;
	}
	return -1;
}

struct order {
	struct plait_listener *listener;
	const struct listener_binding *binding;
	struct workers *workers;
	bool share; /* one address, several sockets */
	unsigned address;
};

/* One socket of an address; number: which of those. A descriptor, or a negative code with error filled. */
static int get_socket(const struct order *order, unsigned number, struct plait_error *error)
{
	struct plait_listener *listener = order->listener;
	const struct sockaddr_storage *sa = &listener->addresses.items[order->address].sa;
	socklen_t len = listener->addresses.items[order->address].len;
	error->code = 0;
	int fd = inherit(listener, order->binding, sa, len, number, error);
	if (fd >= 0)
		listener->inherited = true;
	if (fd >= 0 || error->code < 0)
		return fd >= 0 ? fd : error->code;
	struct broker *broker = order->binding->broker;
	struct broker_socket wanted = {
		.name = listener->name,
		.type = listener->kind->type,
		.sa = sa,
		.len = len,
		.settings = &listener->config->net.socket,
		.share = order->share,
		.number = number,
	};
	return broker->ops->bind(broker, &wanted, error);
}

/* The port the system chose for the first is everyone's. */
static void share_port(struct plait_listener *listener, unsigned address, int fd)
{
	for (unsigned i = address; i < listener->addresses.count; i++)
		socket_set_port(&listener->addresses.items[i].sa, socket_port(fd));
}

static int bind_address(const struct order *order, struct plait_error *error)
{
	struct plait_listener *listener = order->listener;
	unsigned loops = workers_count(order->workers), sockets = order->share ? loops : 1;
	for (unsigned i = 0; i < sockets; i++) {
		struct plait_loop *loop = workers_loop(order->workers, (order->binding->first + i) % loops);
		int fd = get_socket(order, i, error);
		if (fd < 0)
			return fd;
		if (i == 0)
			share_port(listener, order->address, fd);
		if (order->binding->broker->ops->own_paths && !activation_has(fd))
			unix_path_remember(fd, &listener->path);
		listener->sockets[listener->socket_count++] =
			(struct bound_socket){ .fd = fd, .address = order->address };
		int result = listener->kind->add(listener, loop, fd, i == 0, error);
		if (result < 0)
			return result;
	}
	return 0;
}

int listener_bind(struct plait_listener *listener, struct plait_reactor *reactor,
		  const struct listener_binding *binding, struct plait_error *error)
{
	struct plait_error unused;
	struct order order = {
		.listener = listener,
		.binding = binding,
		.workers = reactor->workers,
		.share = binding->accept_mode == CONFIG_ACCEPT_REUSEPORT && listener->kind->inet,
	};
	size_t most = (size_t)workers_count(reactor->workers) * listener->addresses.count;
	listener->versions = listener->fresh;
	listener->fresh = NULL;
	listener->sockets = calloc(most + 1, sizeof(listener->sockets[0]));
	if (!listener->sockets || listener->kind->open(listener, reactor->workers, order.share) < 0)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
	for (; order.address < listener->addresses.count; order.address++) {
		int result = bind_address(&order, error ? error : &unused);
		if (result < 0)
			return result;
	}
	socket_describe(listener->config->endpoint.scheme, listener->sockets[0].fd, listener->address,
			sizeof(listener->address));
	return 0;
}
