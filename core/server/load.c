/* From a file to everything that can be known to be right before anything is bound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/json_path.h"
#include "core/base/log.h"
#include "core/server/parts.h"
#include "core/server/renew.h"

/* The folders of the configuration, then the default ones. NULL-terminated; the caller frees it. */
static const char **plugin_folders(const struct config *config)
{
	const char *const *defaults = plugin_default_path();
	size_t count = config->plugin_path.count, extra = 0;
	while (defaults[extra])
		extra++;
	const char **folders = calloc(count + extra + 1, sizeof(*folders));
	if (!folders)
		return NULL;
	for (size_t i = 0; i < count; i++)
		folders[i] = config->plugin_path.items[i];
	for (size_t i = 0; i < extra; i++)
		folders[count + i] = defaults[i];
	return folders;
}

/* Where a problem belongs, and what it is about when that is not the place itself. */
static void add(struct problems *problems, const char *path, const struct plait_error *error)
{
	if (error->path[0])
		problems_add(problems, path, "%s: %s", error->path, error->text);
	else
		problems_add(problems, path, "%s", error->text);
}

static void load_plugins(struct server *server, struct problems *problems)
{
	const struct config *config = server->config;
	const char **folders = plugin_folders(config);
	for (size_t i = 0; i < config->plugins.count; i++) {
		struct plait_error error = { .text = "no memory" };
		char path[64];
		if (folders &&
		    registry_load(server->registry, config->plugins.items[i], folders, &error) == 0)
			continue;
		snprintf(path, sizeof(path), "plugins[%zu]", i);
		add(problems, path, &error);
	}
	free(folders);
}

static void load_tls(struct server *server, struct problems *problems)
{
	const struct plait_list *list = &server->config->tls;
	const struct tls_config *contexts = list->items;
	server->tls = calloc(list->count + 1, sizeof(struct tls_context *));
	if (!server->tls) {
		problems_add(problems, "tls", "no memory");
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		char path[JSON_PATH_SIZE];
		json_path_key(path, sizeof(path), "tls", list->names[i], strlen(list->names[i]));
		server->tls[i] = tls_context_new(&contexts[i].settings, path, problems);
	}
}

struct tls_context *server_tls(const struct server *server, const struct tls_config *config)
{
	return config ? server->tls[config - (const struct tls_config *)server->config->tls.items] : NULL;
}

/* On a listener without TLS they are an error. */
static void give_names(const struct server *server, struct plait_listener *listener)
{
	const struct listener_config *config = listener->config;
	for (size_t i = 0; config->name_contexts && i < config->server_names.count; i++)
		listener->name_contexts[i] = server_tls(server, config->name_contexts[i]);
}

/* Finds the addresses. */
static void resolve_listeners(struct server *server, struct problems *problems)
{
	const struct plait_list *list = &server->config->listeners;
	const struct listener_config *configs = list->items;
	server->listeners = calloc(list->count + 1, sizeof(*server->listeners));
	if (!server->listeners) {
		problems_add(problems, "listeners", "no memory");
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct plait_error error = { 0 };
		char path[64];
		server->listener_count = i + 1;
		if (!configs[i].endpoint_known)
			continue;
		server->listeners[i] = listener_new(&configs[i], server_tls(server, configs[i].tls_context));
		give_names(server, server->listeners[i]);
		if (listener_resolve(server->listeners[i], &error) == 0)
			continue;
		snprintf(path, sizeof(path), "listeners[%zu].bind", i);
		add(problems, path, &error);
	}
}

static void name_tls(struct server *server, struct problems *problems)
{
	struct plait_error error = { 0 };
	server->named = named_tls_new(&server->config->tls, server->tls, &error);
	if (!server->named)
		problems_add(problems, "tls", "%s", error.text);
}

/* Starts the factories. */
static void prepare_listeners(struct server *server, struct problems *problems)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		struct plait_error error = { 0 };
		char path[64];
		server->listeners[i]->directory = named_tls_directory(server->named);
		if (listener_prepare(server->listeners[i], server->reactor, &error) == 0)
			continue;
		snprintf(path, sizeof(path), "listeners[%zu]", i);
		add(problems, path, &error);
	}
}

/* A server is limited by its configuration, not by a shell's habit. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Its threads come with the run. */
static void make_reactor(struct server *server, struct problems *problems)
{
	struct plait_error error = { 0 };
	struct reactor_settings settings = {
		.loops = (unsigned)server->config->threads,
		.drain_timeout_ms = server->config->drain_timeout_ms,
		.renew_on_hangup = true,
	};
	raise_descriptor_limit();
	server->reactor = reactor_new(&settings, &error);
	if (!server->reactor)
		problems_add(problems, "threads", "%s", error.text);
	for (size_t i = 0; server->reactor && i < server->config->tls.count; i++)
		renewal_add(server->reactor->renewal, server->tls[i]);
}

struct server *server_load(const char *file, struct problems *problems)
{
	struct server *server = calloc(1, sizeof(*server));
	size_t errors = problems->errors;
	if (!server) {
		problems_add(problems, NULL, "no memory");
		return NULL;
	}
	server->config = config_load(file, problems);
	server->registry = registry_new();
	if (!server->config || !server->registry)
		goto fail;
	log_configure((enum plait_log_level)server->config->log.level,
		      (enum log_format)server->config->log.format);
	/* Each step does what it can whatever the others found: all errors are told at once. */
	load_plugins(server, problems);
	load_tls(server, problems);
	config_bind_protocols(server->config, server->registry,
			      registry_count(server->registry) == server->config->plugins.count, problems);
	resolve_listeners(server, problems);
	if (problems->errors > errors)
		goto fail;
	/* Only here do plugins run with their options. */
	make_reactor(server, problems);
	name_tls(server, problems);
	if (server->reactor && server->named)
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
	return registry_count(server->registry);
}

void server_free(struct server **server_at)
{
	struct server *server = *server_at;
	*server_at = NULL;
	if (!server)
		return;
	for (size_t i = 0; i < server->listener_count; i++)
		listener_free(&server->listeners[i]);
	free(server->listeners);
	plait_reactor_free(&server->reactor);
	named_tls_free(&server->named);
	for (size_t i = 0; server->tls && i < server->config->tls.count; i++)
		tls_context_free(&server->tls[i]);
	free(server->tls);
	if (server->registry)
		registry_free(&server->registry);
	config_free(&server->config);
	free(server);
}
