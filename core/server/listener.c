/* Listeners: which sockets and transport a scheme stands for, and their way from bound to closed. */
#include "core/server/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/net/datagram/multicast.h"

/* What a scheme stands for. */
struct listener_kind {
	int type;
	const struct transport_ops *transport; /* of the stream kinds */
	bool inet;
	int (*open)(struct plait_listener *listener, struct workers *workers, bool keep_on_loop);
	int (*add)(struct plait_listener *listener, struct plait_loop *loop, int fd, bool first,
		   struct plait_error *error); /* first: of its address */
	void (*start)(struct plait_listener *listener);
	void (*stop)(struct plait_listener *listener);
	void (*close)(struct plait_listener *listener);
};

static int stream_open(struct plait_listener *listener, struct workers *workers, bool keep_on_loop)
{
	struct stream_listener_options options = {
		.workers = workers,
		.factory = listener->factory,
		.overflow = listener->overflow,
		.transport = listener->kind->transport,
		.transport_context = listener->tls ? tls_server_role(listener->tls) : NULL,
		.admission = limits_admission(listener->limits),
		.keep_on_loop = keep_on_loop,
	};
	listener->stream = stream_listener_new(&options);
	return listener->stream ? 0 : -1;
}

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
}

static int stream_add(struct plait_listener *listener, struct plait_loop *loop, int fd, bool first,
		      struct plait_error *error)
{
	(void)first;
	return stream_listener_add(listener->stream, loop, fd) < 0 ? no_memory(error) : 0;
}

static void stream_start(struct plait_listener *listener)
{
	stream_listener_start(listener->stream);
}

static void stream_stop(struct plait_listener *listener)
{
	stream_listener_stop(listener->stream);
}

static void stream_close(struct plait_listener *listener)
{
	stream_listener_free(&listener->stream);
}

static int datagram_open(struct plait_listener *listener, struct workers *workers, bool keep_on_loop)
{
	(void)keep_on_loop;
	listener->ports = calloc((size_t)workers_count(workers) * listener->addresses.count,
				 sizeof(struct plait_port *));
	return listener->ports ? 0 : -1;
}

/* Of several sockets on one address one joins the groups, or each datagram would come to all of them. */
static int datagram_add(struct plait_listener *listener, struct plait_loop *loop, int fd, bool first,
			struct plait_error *error)
{
	const struct socket_settings *settings = &listener->config->net.socket;
	struct plait_port *port = port_new(loop, listener->factory, fd);
	if (!port)
		return no_memory(error);
	listener->ports[listener->port_count++] = port;
	if (settings->broadcast && port_set_broadcast(port, true) < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot allow broadcast: %s",
				       strerror(errno));
	return multicast_configure(port, &settings->multicast, first, error);
}

static void port_start_posted(void *arg)
{
	port_start(arg);
}

static void port_stop_posted(void *arg)
{
	port_stop(arg);
}

static void on_each_port(struct plait_listener *listener, plait_call_fn *fn)
{
	for (unsigned i = 0; i < listener->port_count; i++)
		plait_post(plait_port_loop(listener->ports[i]), fn, listener->ports[i]);
}

static void datagram_start(struct plait_listener *listener)
{
	on_each_port(listener, port_start_posted);
}

static void datagram_stop(struct plait_listener *listener)
{
	on_each_port(listener, port_stop_posted);
}

static void datagram_close(struct plait_listener *listener)
{
	for (unsigned i = 0; i < listener->port_count; i++)
		port_free(&listener->ports[i]);
	free(listener->ports);
	listener->ports = NULL;
	listener->port_count = 0;
}

#define STREAM                                                                                               \
	.type = SOCK_STREAM, .open = stream_open, .add = stream_add, .start = stream_start,                  \
	.stop = stream_stop, .close = stream_close

static const struct listener_kind kinds[] = {
	[ENDPOINT_TCP] = { STREAM, .transport = &transport_plain, .inet = true },
	[ENDPOINT_TLS] = { STREAM, .transport = &transport_tls, .inet = true },
	[ENDPOINT_UNIX] = { STREAM, .transport = &transport_plain },
	[ENDPOINT_UDP] = { .type = SOCK_DGRAM,
			   .inet = true,
			   .open = datagram_open,
			   .add = datagram_add,
			   .start = datagram_start,
			   .stop = datagram_stop,
			   .close = datagram_close },
};

struct plait_listener *listener_new(const struct listener_config *config, struct tls_context *context)
{
	struct plait_listener *listener = alloc_zeroed(sizeof(*listener), "a listener");
	size_t names = config->server_names.count;
	if (names > 0)
		listener->name_contexts = alloc_zeroed(names * sizeof(struct tls_context *), "a listener");
	listener->config = config;
	listener->kind = &kinds[config->endpoint.scheme];
	listener->context = context;
	return listener;
}

void own_protocols_free(struct own_protocols *protocols)
{
	free(protocols->main);
	free(protocols->overflow);
	for (size_t i = 0; protocols->alpn && protocols->alpn[i]; i++)
		free(protocols->alpn[i]);
	free(protocols->alpn);
	*protocols = (struct own_protocols){ 0 };
}

int listener_resolve(struct plait_listener *listener, struct plait_error *error)
{
	return socket_resolve(&listener->config->endpoint, &listener->addresses, error);
}

static int make_policies(struct plait_listener *listener)
{
	const struct limit_settings *settings = &listener->config->net.limits;
	listener->limits = limits_new(settings);
	if (throttle_needed(settings))
		listener->throttle = throttle_new(settings);
	return listener->limits && (listener->throttle || !throttle_needed(settings)) ? 0 : -1;
}

static int make_tls(struct plait_listener *listener, struct plait_error *error)
{
	const struct listener_config *config = listener->config;
	struct tls_server_settings settings = {
		.context = listener->context,
		.names = config->server_names.names,
		.contexts = listener->name_contexts,
		.name_count = config->server_names.count,
		.strict = config->strict_sni,
		.alpn = config->alpn.names,
		.alpn_count = config->alpn.count,
	};
	listener->tls = tls_server_new(&settings, error);
	return listener->tls ? 0 : PLAIT_ERROR_INVALID;
}

static struct plait_factory *make_factory(struct plait_listener *listener, struct plait_reactor *reactor,
					  const struct plait_protocol *protocol, const void *options,
					  struct plait_error *error)
{
	const struct listener_config *config = listener->config;
	struct plait_factory *factory = factory_allocate(reactor, config->name, protocol, options,
							 &config->net, error);
	if (!factory)
		return NULL;
	if (listener->throttle)
		factory->traffic = throttle_traffic(listener->throttle);
	factory->tls.role = listener->tls ? tls_server_role(listener->tls) : NULL;
	factory->directory = listener->directory;
	if (factory_begin(factory, error) < 0)
		factory_free(&factory);
	return factory;
}

static int make_alpn(struct plait_listener *listener, struct plait_reactor *reactor,
		     struct plait_error *error)
{
	const struct plait_list *list = &listener->config->alpn;
	const struct alpn_config *entries = list->items;
	if (list->count == 0)
		return 0;
	listener->alpn = calloc(list->count, sizeof(struct plait_factory *));
	if (!listener->alpn)
		return no_memory(error);
	listener->choices = (struct factory_choices){ .count = list->count, .items = listener->alpn };
	for (size_t i = 0; i < list->count; i++) {
		listener->alpn[i] = make_factory(listener, reactor, entries[i].speaks, entries[i].options,
						 error);
		if (!listener->alpn[i])
			return PLAIT_ERROR_REFUSED;
	}
	listener->factory->choices = &listener->choices;
	return 0;
}

static void free_factories(struct plait_listener *listener)
{
	factory_free(&listener->factory);
	factory_free(&listener->overflow);
	for (size_t i = 0; listener->alpn && i < listener->choices.count; i++)
		factory_free(&listener->alpn[i]);
	free(listener->alpn);
}

int listener_prepare(struct plait_listener *listener, struct plait_reactor *reactor,
		     struct plait_error *error)
{
	const struct listener_config *config = listener->config;
	if (make_policies(listener) < 0)
		return no_memory(error);
	if (listener->context && make_tls(listener, error) < 0)
		return PLAIT_ERROR_INVALID;
	listener->factory = make_factory(listener, reactor, config->speaks, config->options, error);
	if (!listener->factory || make_alpn(listener, reactor, error) < 0)
		return PLAIT_ERROR_REFUSED;
	if (!config->overflow.speaks)
		return 0;
	listener->overflow = make_factory(listener, reactor, config->overflow.speaks,
					  config->overflow.options, error);
	return listener->overflow ? 0 : PLAIT_ERROR_REFUSED;
}

/* Among sockets that share their address the kernel would also let in another server's of the same user, and give it
 * some of the connections. */
static int refuse_sharing(const struct plait_listener *listener, const struct sockaddr_storage *sa,
			  socklen_t len, struct plait_error *error)
{
	int fd = socket_bind(listener->kind->type, (const struct sockaddr *)sa, len,
			     &listener->config->net.socket, false, error);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int listener_bind(struct plait_listener *listener, struct plait_reactor *reactor,
		  enum config_accept accept_mode, unsigned first, struct plait_error *error)
{
	struct workers *workers = reactor->workers;
	bool share = accept_mode == CONFIG_ACCEPT_REUSEPORT && listener->kind->inet;
	unsigned loops = workers_count(workers);
	unsigned sockets = share ? loops : 1;

	if (listener->kind->open(listener, workers, share) < 0)
		return no_memory(error);
	for (unsigned i = 0; i < listener->addresses.count; i++) {
		struct sockaddr_storage *sa = &listener->addresses.items[i].sa;
		socklen_t len = listener->addresses.items[i].len;
		int result = share && !listener->config->net.socket.shared
				     ? refuse_sharing(listener, sa, len, error)
				     : 0;
		if (result < 0)
			return result;
		for (unsigned k = 0; k < sockets; k++) {
			struct plait_loop *loop = workers_loop(workers, (first + k) % loops);
			int fd = socket_bind(listener->kind->type, (struct sockaddr *)sa, len,
					     &listener->config->net.socket, share, error);
			if (fd < 0)
				return fd;
			/* The port the system chose for the first is everyone's. */
			for (unsigned j = i; j < listener->addresses.count && k == 0; j++)
				socket_set_port(&listener->addresses.items[j].sa, socket_port(fd));
			unix_path_remember(fd, &listener->path);
			if (k == 0)
				listener->bound[i] = fd;
			result = listener->kind->add(listener, loop, fd, k == 0, error);
			if (result < 0)
				return result;
		}
	}
	socket_describe(listener->config->endpoint.scheme, listener->bound[0], listener->address,
			sizeof(listener->address));
	return 0;
}

void listener_announce(const struct plait_listener *listener)
{
	struct log_subject subject = { .listener = listener->config->name };
	char text[256];
	for (unsigned i = 0; i < listener->addresses.count; i++)
		log_write(PLAIT_LOG_INFO, &subject, "listening on %s",
			  socket_describe(listener->config->endpoint.scheme, listener->bound[i], text,
					  sizeof(text)));
}

void listener_start(struct plait_listener *listener)
{
	if (!listener->stopped)
		listener->kind->start(listener);
}

void listener_stop(struct plait_listener *listener)
{
	if (listener->stopped)
		return;
	listener->stopped = true;
	listener->kind->stop(listener);
	unix_path_remove(&listener->path);
}

void listener_close(struct plait_listener *listener)
{
	listener->stopped = true;
	listener->kind->close(listener);
	unix_path_remove(&listener->path);
}

void listener_free(struct plait_listener **listener_at)
{
	struct plait_listener *listener = *listener_at;
	*listener_at = NULL;
	if (!listener)
		return;
	listener_close(listener);
	free_factories(listener);
	throttle_free(&listener->throttle);
	limits_free(&listener->limits);
	tls_server_free(&listener->tls);
	free(listener->name_contexts);
	tls_context_free(&listener->own_context);
	config_free(&listener->own_config);
	own_protocols_free(&listener->own_protocols);
	free(listener);
}
