/* A server from its configuration, up to everything that can be known to be right before anything is bound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/log.h"
#include "core/server/control/control.h"
#include "core/server/parts.h"
#include "core/server/reload.h"
#include "core/server/renew.h"
#include "core/server/systemd/notify.h"

static size_t index_of(const struct snapshot *snapshot, const struct listener_config *config)
{
	return (size_t)(config - (const struct listener_config *)snapshot->config->listeners.items);
}

struct plait_listener *server_make_listener(const struct listener_config *config, size_t index,
					    struct problems *problems)
{
	struct plait_error error = { 0 };
	char path[64];
	if (!config->endpoint_known || !config->name) /* what is wrong with them has been told */
		return NULL;
	struct plait_listener *listener = listener_new(config);
	if (listener_resolve(listener, &error) == 0)
		return listener;
	snprintf(path, sizeof(path), "listeners[%zu].bind", index);
	problems_add_error(problems, path, &error);
	return listener;
}

/* An error's path is below the listener where it is one of its settings, else what it is about. */
static void add_error(struct problems *problems, size_t index, const char *otherwise,
		      struct plait_error *error)
{
	char path[128];
	bool setting = strncmp(error->path, "socket.", 7) == 0;
	const char *key = setting ? error->path : otherwise;
	snprintf(path, sizeof(path), "listeners[%zu]%s%.80s", index, key[0] ? "." : "", key);
	if (setting)
		problems_add(problems, path, "%s", error->text);
	else
		problems_add_error(problems, path, error);
}

int server_prepare_listener(struct server *server, struct snapshot *snapshot,
			    const struct listener_config *config, struct plait_listener *listener,
			    struct problems *problems)
{
	struct plait_error error = { 0 };
	struct version_parts parts;
	snapshot_parts(snapshot, config, &parts);
	int result = listener_prepare(listener, &parts, server->reactor, &error);
	free((void *)parts.name_contexts);
	if (result < 0)
		add_error(problems, index_of(snapshot, config), "", &error);
	return result;
}

int server_bind_listener(struct server *server, struct snapshot *snapshot, struct plait_listener *listener,
			 struct plait_listener *const *leaving, struct problems *problems)
{
	struct plait_error error = { 0 };
	size_t index = index_of(snapshot, listener->config);
	struct listener_binding binding = {
		.accept_mode = (enum config_accept)server->snapshot->config->accept,
		.first = (unsigned)(index % PLAIT_LOOPS_MAX),
		.leaving = leaving,
		.broker = server->broker,
	};
	int result = listener_bind(listener, server->reactor, &binding, &error);
	if (result < 0)
		add_error(problems, index, "bind", &error);
	return result;
}

/* Finds the addresses. */
static void make_listeners(struct server *server, struct problems *problems)
{
	const struct plait_list *list = &server->snapshot->config->listeners;
	const struct listener_config *configs = list->items;
	server->listeners = calloc(list->count + 1, sizeof(*server->listeners));
	if (!server->listeners) {
		problems_add(problems, "listeners", "no memory");
		return;
	}
	server->listener_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		server->listeners[i] = server_make_listener(&configs[i], i, problems);
}

/* Starts the factories. */
static void prepare_listeners(struct server *server, struct problems *problems)
{
	for (size_t i = 0; i < server->listener_count; i++)
		server_prepare_listener(server, server->snapshot, server->listeners[i]->config,
					server->listeners[i], problems);
}

/* Loops, listeners, the control socket, plugins and the log want some as well. */
#define DESCRIPTORS_BESIDES 64

/* A server is limited by its configuration, not by a shell's habit. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Of the listeners that say how many; what is the default says nothing of what is wanted. */
static int64_t connections_wanted(const struct config *config)
{
	const struct listener_config *listeners = config->listeners.items;
	int64_t usual = net_settings_default()->limits.connections, sum = 0;
	if (config->limits.connections > 0)
		return config->limits.connections;
	for (size_t i = 0; i < config->listeners.count; i++) {
		const struct limit_settings *limits = &listeners[i].net.limits;
		if (limits->connections != usual)
			sum += limits->connections + limits->overflow;
	}
	return sum;
}

void server_warn_of_descriptors(const struct config *config)
{
	int64_t wanted = connections_wanted(config);
	struct rlimit limit;
	if (wanted == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	if ((uint64_t)wanted + DESCRIPTORS_BESIDES > limit.rlim_cur)
		log_write(
			PLAIT_LOG_WARNING, NULL,
			"limits.connections allows %lld connections, but there are only %llu descriptors for them and "
			"some %d others: raise ulimit -n, or LimitNOFILE= of the systemd unit",
			(long long)wanted, (unsigned long long)limit.rlim_cur, DESCRIPTORS_BESIDES);
}

static void on_hangup(void *arg)
{
	struct server *server = arg;
	const char *why = server_ends(server);
	if (why)
		log_write(PLAIT_LOG_INFO, NULL, "SIGHUP: %s", why);
	else
		server_order_reload(server, NULL, NULL);
}

static void on_ending(void *arg)
{
	struct server *server = arg;
	if (!server->retired)
		server->broker->ops->end(server->broker);
}

static void on_unlisten(void *arg)
{
	struct server *server = arg;
	if (server->retired)
		return;
	notify_send("STOPPING=1\nSTATUS=draining");
	server->broker->ops->stop(server->broker);
}

/* Its threads come with the run. */
static void make_reactor(struct server *server, struct problems *problems)
{
	const struct config *config = server->snapshot->config;
	struct plait_error error = { 0 };
	struct reactor_settings settings = {
		.loops = (unsigned)config->threads,
		.connections = config->limits.connections,
		.buffered = config->limits.buffered,
		.drain_timeout_ms = config->drain_timeout_ms,
		.on_hangup = on_hangup,
		.on_hangup_arg = server,
		.on_ending = on_ending,
		.on_unlisten = on_unlisten,
		.on_end_arg = server,
	};
	raise_descriptor_limit();
	server_warn_of_descriptors(config);
	server->reactor = reactor_new(&settings, &error);
	if (!server->reactor)
		problems_add(problems, "threads", "%s", error.text);
	farewell_attach(server->farewell, server->reactor);
	for (size_t i = 0; server->reactor && i < config->tls.count; i++)
		renewal_add(server->reactor->renewal, server->snapshot->tls[i].context);
}

struct server *server_load(const struct server_source *source, struct problems *problems)
{
	struct server *server = calloc(1, sizeof(*server));
	size_t errors = problems->errors;
	if (!server) {
		problems_add(problems, NULL, "no memory");
		return NULL;
	}
	server->file = source->file;
	server->on_serving = source->on_serving;
	server->on_serving_arg = source->arg;
	server->broker = source->broker ? source->broker : broker_local();
	server->farewell = farewell_new();
	server->snapshot = snapshot_load(source, NULL, farewell_keeper(server->farewell), problems);
	if (!server->snapshot || !server->snapshot->config)
		goto fail;
	privilege_init(&server->privilege, server->snapshot->config, problems);
	make_listeners(server, problems);
	if (problems->errors > errors)
		goto fail;
	/* Only here do plugins run with their options. */
	make_reactor(server, problems);
	if (server->reactor)
		prepare_listeners(server, problems);
	if (problems->errors > errors)
		goto fail;
	return server;
fail:
	problems->locate = NULL; /* the positions go with the config */
	server_free(&server);
	return NULL;
}

size_t server_listener_count(const struct server *server)
{
	return server->listener_count;
}

size_t server_plugin_count(const struct server *server)
{
	return registry_count(server->snapshot->registry);
}

void server_free(struct server **server_at)
{
	struct server *server = *server_at;
	*server_at = NULL;
	if (!server)
		return;
	for (size_t i = 0; i < server->listener_count; i++)
		if (server->listeners[i] && !server->listeners[i]->reactor)
			listener_free(&server->listeners[i]);
	free(server->listeners);
	control_close(&server->control);
	farewell_attach(server->farewell, NULL);
	plait_reactor_free(&server->reactor);
	snapshot_unref(&server->snapshot);
	privilege_fini(&server->privilege);
	farewell_free(&server->farewell);
	free(server);
}
