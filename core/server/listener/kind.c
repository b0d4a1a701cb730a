/* The kinds of listeners: streams, whose connections keep a version each, and datagrams, whose ports have one at a time. */
#include "core/server/listener/kind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/system_text.h"
#include "core/base/units.h"
#include "core/net/datagram/multicast.h"
#include "core/server/round.h"

static int no_memory(struct plait_error *error)
{
	return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a listener");
}

/* ---- streams ---- */

static int stream_open(struct plait_listener *listener, struct workers *workers, bool keep_on_loop)
{
	struct stream_listener_options options = {
		.workers = workers,
		.transport = listener->kind->transport,
		.keep_on_loop = keep_on_loop,
	};
	listener->stream = stream_listener_new(&options, &listener->versions->reception);
	return listener->stream ? 0 : -1;
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

static void stream_adopt(struct plait_listener *listener)
{
	stream_listener_receive(listener->stream, &listener->versions->reception);
}

static void on_passed(void *arg)
{
	struct plait_listener *listener = arg;
	listener->rounds--;
	listener_go_if_unused(listener);
}

static void pass(struct plait_listener *listener, round_fn *on_loop)
{
	listener->rounds++;
	round_begin(listener->reactor, on_loop, on_passed, listener);
}

static void drain_on_loop(struct plait_loop *loop, void *arg)
{
	const struct plait_listener *listener = arg;
	stream_listener_drain(listener->stream, loop);
}

static void abort_on_loop(struct plait_loop *loop, void *arg)
{
	const struct plait_listener *listener = arg;
	stream_listener_abort(listener->stream, loop);
}

static void on_deadline(void *arg)
{
	struct plait_listener *listener = arg;
	struct log_subject subject = { .listener = listener->name };
	char text[32];
	if (limits_count(listener->limits) == 0)
		return;
	log_write(PLAIT_LOG_WARNING, &subject,
		  "draining took longer than drain_timeout (%s): aborting what is left",
		  units_format_duration(text, sizeof(text), listener->reactor->drain_timeout_ms));
	pass(listener, abort_on_loop);
}

static void end_connections(struct plait_listener *listener)
{
	struct plait_reactor *reactor = listener->reactor;
	plait_timer_cancel(&listener->deadline);
	listener->deadline = plait_call_later(reactor->boss, reactor->drain_timeout_ms, on_deadline,
					      listener);
	pass(listener, drain_on_loop);
}

static void stream_leave(struct plait_listener *listener, bool drain)
{
	if (drain)
		end_connections(listener);
	else /* the turns in which the sockets were closed are to end */
		pass(listener, NULL);
}

static void stream_serve(struct plait_listener *listener, enum listener_service service)
{
	static const enum stream_door doors[] = {
		[SERVICE_ON] = STREAM_OPEN,
		[SERVICE_PAUSED] = STREAM_HELD,
		[SERVICE_DRAINED] = STREAM_SHUT,
	};
	stream_listener_set_door(listener->stream, doors[service]);
	if (service == SERVICE_DRAINED)
		end_connections(listener);
	else
		plait_timer_cancel(&listener->deadline);
}

static void stream_close(struct plait_listener *listener)
{
	stream_listener_free(&listener->stream);
}

static int nothing_to_prepare(struct plait_listener *listener)
{
	(void)listener;
	return 0;
}

static void nothing_to_discard(struct plait_listener *listener)
{
	(void)listener;
}

/* ---- datagrams ---- */

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
	struct plait_port *port = port_new(loop, listener->versions->factory, fd);
	if (!port)
		return no_memory(error);
	listener->ports[listener->port_count++] = port;
	if (settings->broadcast && port_set_broadcast(port, true) < 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "cannot allow broadcast: %s",
				       system_text(errno));
	return multicast_configure(port, &settings->multicast, first, error);
}

static void start_port(void *arg)
{
	port_start(arg);
}

static void stop_port(void *arg)
{
	port_stop(arg);
}

static void hold_port(void *arg)
{
	port_hold(arg, true);
}

static void release_port(void *arg)
{
	port_hold(arg, false);
}

static void on_each_port(struct plait_listener *listener, plait_call_fn *fn)
{
	for (unsigned i = 0; i < listener->port_count; i++)
		plait_post(plait_port_loop(listener->ports[i]), fn, listener->ports[i]);
}

static void datagram_start(struct plait_listener *listener)
{
	on_each_port(listener, start_port);
}

static void datagram_stop(struct plait_listener *listener)
{
	on_each_port(listener, stop_port);
}

static void datagram_serve(struct plait_listener *listener, enum listener_service service)
{
	on_each_port(listener, service == SERVICE_ON ? release_port : hold_port);
}

static void free_ports(struct plait_port ***ports_at, unsigned count)
{
	struct plait_port **ports = *ports_at;
	*ports_at = NULL;
	for (unsigned i = 0; ports && i < count; i++)
		port_free(&ports[i]);
	free(ports);
}

static void datagram_discard(struct plait_listener *listener)
{
	free_ports(&listener->successors, listener->port_count);
}

static int datagram_prepare(struct plait_listener *listener)
{
	if (listener->port_count == 0) /* the first version: the ports come with it */
		return 0;
	listener->successors = calloc(listener->port_count, sizeof(struct plait_port *));
	for (unsigned i = 0; listener->successors && i < listener->port_count; i++) {
		listener->successors[i] = port_successor(listener->ports[i], listener->fresh->factory);
		if (!listener->successors[i]) {
			datagram_discard(listener);
			break;
		}
	}
	return listener->successors ? 0 : -1;
}

/* A port and its former on their loop. */
struct succession {
	struct plait_port *port, *former;
};

static void succeed(void *arg)
{
	struct succession *succession = arg;
	port_succeed(succession->port, succession->former);
	free(succession);
}

static void post_succession(struct plait_port *port, struct plait_port *former)
{
	struct succession *succession = alloc_zeroed(sizeof(*succession), "a change of a listener");
	*succession = (struct succession){ .port = port, .former = former };
	plait_post(plait_port_loop(port), succeed, succession);
}

/* What goes when all ports have been succeeded. */
struct formers {
	struct plait_listener *listener;
	struct listener_version *version;
	struct plait_port **ports;
};

static void on_succeeded(void *arg)
{
	struct formers *formers = arg;
	struct plait_listener *listener = formers->listener;
	free_ports(&formers->ports, listener->port_count);
	listener_drop_version(listener, formers->version);
	free(formers);
	on_passed(listener);
}

static void datagram_adopt(struct plait_listener *listener)
{
	struct formers *formers = alloc_zeroed(sizeof(*formers), "a change of a listener");
	*formers = (struct formers){ .listener = listener,
				     .version = listener->versions->next,
				     .ports = listener->ports };
	listener->ports = listener->successors;
	listener->successors = NULL;
	for (unsigned i = 0; i < listener->port_count; i++)
		post_succession(listener->ports[i], formers->ports[i]);
	listener->rounds++;
	round_begin(listener->reactor, NULL, on_succeeded, formers);
}

static void on_stopped(void *arg)
{
	struct plait_listener *listener = arg;
	while (listener->versions)
		listener_drop_version(listener, listener->versions);
	on_passed(listener);
}

static void datagram_leave(struct plait_listener *listener, bool drain)
{
	(void)drain;
	listener->rounds++;
	round_begin(listener->reactor, NULL, on_stopped, listener);
}

static void datagram_close(struct plait_listener *listener)
{
	free_ports(&listener->ports, listener->port_count);
	free_ports(&listener->successors, listener->port_count);
	listener->port_count = 0;
}

#define STREAM                                                                                               \
	.type = SOCK_STREAM, .open = stream_open, .add = stream_add, .start = stream_start,                  \
	.stop = stream_stop, .serve = stream_serve, .prepare = nothing_to_prepare, .adopt = stream_adopt,    \
	.discard = nothing_to_discard, .leave = stream_leave, .close = stream_close

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
			   .serve = datagram_serve,
			   .prepare = datagram_prepare,
			   .adopt = datagram_adopt,
			   .discard = datagram_discard,
			   .leave = datagram_leave,
			   .close = datagram_close },
};

const struct listener_kind *listener_kind(enum endpoint_scheme scheme)
{
	return &kinds[scheme];
}
