/* plait_listen: a listener of a program's own, made as the configured ones are. */
#include <stdio.h>
#include <stdlib.h>

#include "core/plugin/descriptor.h"
#include "core/server/listener.h"

#define THE_PROGRAM "the program's protocol"

/* The program may be older than this library: its descriptor is widened, as a plugin's. The caller owns it. */
static struct plait_protocol *read_protocol(const struct plait_protocol *given, struct plait_error *error)
{
	if (given->head.magic != PLAIT_MAGIC) {
		plait_error_set(error, PLAIT_ERROR_INVALID, THE_PROGRAM,
				"has no head: begin it with PLAIT_PROTOCOL_HEAD(\"NAME\")");
		return NULL;
	}
	struct plait_protocol *protocol = calloc(1, sizeof(*protocol));
	if (!protocol) {
		plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a protocol");
		return NULL;
	}
	if (descriptor_check_head(THE_PROGRAM, given->head.size, given, sizeof(given->head), error) < 0 ||
	    descriptor_read(THE_PROGRAM, given, protocol, error) < 0) {
		free(protocol);
		return NULL;
	}
	return protocol;
}

static int make_context(struct plait_listener *listener, struct plait_error *error)
{
	struct problems problems;
	problems_init(&problems);
	listener->own_context = listener->context = tls_context_new(&listener->config->tls_context->settings,
								    "", &problems);
	for (size_t i = 0; i < problems.count && !listener->context; i++)
		if (!problems.items[i].warning)
			plait_error_set(error, PLAIT_ERROR_INVALID, "tls", "%s", problems.items[i].text);
	problems_fini(&problems);
	return listener->context ? 0 : PLAIT_ERROR_INVALID;
}

static struct plait_listener *make(const char *endpoint, const struct plait_protocol *given,
				   const struct plait_listen_options *options, struct plait_error *error)
{
	struct plait_listen_options read = options ? *options : (struct plait_listen_options){ 0 };
	struct plait_protocol *protocol = read_protocol(given, error), *overflow = NULL;
	struct config *config = NULL;
	bool good = protocol != NULL;
	if (good && read.overflow) {
		read.overflow = overflow = read_protocol(read.overflow, error);
		good = overflow != NULL;
	}
	if (good)
		config = config_for_program(endpoint, protocol, &read, error);
	if (!config) {
		free(protocol);
		free(overflow);
		return NULL;
	}
	const struct listener_config *listener_config = config->listeners.items;
	struct plait_listener *listener = listener_new(listener_config, NULL);
	listener->own_protocol = protocol;
	listener->own_overflow = overflow;
	listener->own_config = config;
	if (listener_config->tls_context && make_context(listener, error) < 0)
		listener_free(&listener);
	return listener;
}

/* Each listener begins with another loop, for sockets that cannot share their work. */
static unsigned next_loop(struct plait_reactor *reactor)
{
	return atomic_fetch_add(&reactor->listened, 1) % workers_count(reactor->workers);
}

static int open_listener(struct plait_reactor *reactor, struct plait_listener *listener,
			 struct plait_error *error)
{
	int result = listener_resolve(listener, error);
	if (result == 0)
		result = listener_prepare(listener, reactor, error);
	if (result == 0)
		result = listener_bind(listener, reactor, CONFIG_ACCEPT_LEAST_LOADED, next_loop(reactor),
				       error);
	return result < 0 ? result : reactor_add_listener(reactor, listener, error);
}

struct plait_listener *plait_listen(struct plait_reactor *reactor, const char *endpoint,
				    const struct plait_protocol *protocol,
				    const struct plait_listen_options *options, struct plait_error *error)
{
	if (reactor_expect_listener(reactor, error) < 0)
		return NULL;
	struct plait_listener *listener = make(endpoint, protocol, options, error);
	if (listener && open_listener(reactor, listener, error) < 0)
		listener_free(&listener);
	return listener;
}

const char *plait_listener_address(const struct plait_listener *listener)
{
	return listener->address;
}
