/* plait_listen: a listener of a program's own, made as the configured ones are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/plugin/descriptor.h"
#include "core/server/listener/listener.h"
#include "core/server/renew.h"

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

/* The first error, and every warning: nobody else would read those. name: the context's path; the program knows it as its
 * option "tls". */
static void report(const struct problems *problems, const char *name, const char *endpoint, bool failed,
		   struct plait_error *error)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i];
		const char *path = problem->path ? problem->path : "";
		if (strncmp(path, name, strlen(name)) == 0)
			path += strlen(name);
		if (problem->warning) {
			plait_log_warning("%s: tls%s: %s", endpoint, path, problem->text);
		} else if (failed) {
			plait_error_set(error, PLAIT_ERROR_INVALID, endpoint, "tls%s: %s", path,
					problem->text);
			failed = false;
		}
	}
}

static int make_context(struct plait_listener *listener, const char *endpoint, struct plait_error *error)
{
	struct problems problems;
	problems_init(&problems);
	listener->own_context = tls_context_new(&listener->config->tls_context->settings,
						listener->config->name, &problems);
	report(&problems, listener->config->name, endpoint, !listener->own_context, error);
	problems_fini(&problems);
	return listener->own_context ? 0 : PLAIT_ERROR_INVALID;
}

static int read_alpn(const struct plait_listen_alpn *alpn, struct plait_protocol ***out,
		     struct plait_error *error)
{
	size_t count = 0;
	while (alpn[count].name)
		count++;
	*out = calloc(count + 1, sizeof(struct plait_protocol *));
	if (!*out)
		return plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a protocol");
	for (size_t i = 0; i < count; i++) {
		if (!alpn[i].protocol)
			return plait_error_set(error, PLAIT_ERROR_INVALID, "alpn",
					       "a name has no protocol; say which one it stands for");
		(*out)[i] = read_protocol(alpn[i].protocol, error);
		if (!(*out)[i])
			return PLAIT_ERROR_INVALID;
	}
	return 0;
}

/* Fills what it can: all of that is to be freed. */
static int read_protocols(const struct plait_protocol *given, const struct plait_listen_options *options,
			  struct own_protocols *out, struct plait_error *error)
{
	out->main = read_protocol(given, error);
	if (!out->main)
		return PLAIT_ERROR_INVALID;
	if (options && options->overflow)
		out->overflow = read_protocol(options->overflow, error);
	if (options && options->overflow && !out->overflow)
		return PLAIT_ERROR_INVALID;
	return options && options->alpn ? read_alpn(options->alpn, &out->alpn, error) : 0;
}

static struct plait_listener *make(const char *endpoint, const struct plait_protocol *given,
				   const struct plait_listen_options *options, struct plait_error *error)
{
	struct own_protocols own = { 0 };
	struct config *config = NULL;
	if (read_protocols(given, options, &own, error) == 0) {
		struct config_protocols protocols = {
			.main = own.main,
			.options = options ? options->options : NULL,
			.overflow = own.overflow,
			.alpn = options ? options->alpn : NULL,
			.alpn_protocols = own.alpn,
		};
		config = config_for_program(endpoint, &protocols, options, error);
	}
	if (!config) {
		own_protocols_free(&own);
		return NULL;
	}
	const struct listener_config *listener_config = config->listeners.items;
	struct plait_listener *listener = listener_new(listener_config);
	listener->own_protocols = own;
	listener->own_config = config;
	if (listener_config->tls_context && make_context(listener, endpoint, error) < 0)
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
	struct version_parts parts = { .config = listener->config, .context = listener->own_context };
	struct listener_binding binding = { .accept_mode = CONFIG_ACCEPT_LEAST_LOADED,
					    .first = next_loop(reactor),
					    .broker = broker_local() };
	int result = listener_resolve(listener, error);
	if (result == 0)
		result = listener_prepare(listener, &parts, reactor, error);
	if (result == 0)
		result = listener_bind(listener, reactor, &binding, error);
	if (result == 0)
		result = reactor_add_listener(reactor, listener, error);
	/* From here on the listener lasts as long as the reactor. */
	if (result == 0 && listener->own_context)
		renewal_add(reactor->renewal, listener->own_context);
	return result;
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

int plait_listener_renew(struct plait_listener *listener, struct plait_error *error)
{
	if (listener->own_context)
		return renewal_one(listener->reactor->renewal, listener->own_context, error);
	return plait_error_set(error, PLAIT_ERROR_INVALID, listener->address,
			       "has nothing to renew: it has no certificate; tls:// endpoints have one");
}

const char *plait_listener_address(const struct plait_listener *listener)
{
	return listener->address;
}
