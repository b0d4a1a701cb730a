/* From a file to everything that can be known to be right before anything is bound. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/loop/signals.h"
#include "core/net/net.h"
#include "core/server/parts.h"

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

static int load_plugins(struct server *server, struct problems *problems)
{
	const struct config *config = server->config;
	const char **folders = plugin_folders(config);
	int result = 0;
	for (size_t i = 0; i < config->plugins.count; i++) {
		struct plait_error error = { .text = "no memory" };
		char path[64];
		if (folders &&
		    registry_load(server->registry, config->plugins.items[i], folders, &error) == 0)
			continue;
		snprintf(path, sizeof(path), "plugins[%zu]", i);
		add(problems, path, &error);
		result = -1;
	}
	free(folders);
	return result;
}

static int load_tls(struct server *server, struct problems *problems)
{
	const struct plait_list *list = &server->config->tls;
	const struct tls_config *contexts = list->items;
	int result = 0;
	server->tls = calloc(list->count + 1, sizeof(struct tls_context *));
	if (!server->tls) {
		problems_add(problems, "tls", "no memory");
		return -1;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct plait_error error = { 0 };
		char path[256];
		server->tls[i] = tls_context_new(contexts[i].certificate, contexts[i].key, &error);
		if (server->tls[i])
			continue;
		snprintf(path, sizeof(path), "tls.%s", list->names[i]);
		add(problems, path, &error);
		result = -1;
	}
	return result;
}

struct tls_context *server_tls(const struct server *server, const struct tls_config *config)
{
	return config ? server->tls[config - (const struct tls_config *)server->config->tls.items] : NULL;
}

static int init_listeners(struct server *server, struct problems *problems)
{
	const struct plait_list *list = &server->config->listeners;
	const struct listener_config *configs = list->items;
	int result = 0;
	server->listeners = calloc(list->count + 1, sizeof(struct listener));
	if (!server->listeners) {
		problems_add(problems, "listeners", "no memory");
		return -1;
	}
	for (size_t i = 0; i < list->count; i++) {
		struct listener *listener = &server->listeners[i];
		struct plait_error error = { 0 };
		char path[64];
		server->listener_count = i + 1;
		listener_init(listener, &configs[i], server_tls(server, configs[i].tls_context));
		if (listener_resolve(listener, &error) < 0)
			snprintf(path, sizeof(path), "listeners[%zu].bind", i);
		else if (listener_prepare(listener, &error) < 0)
			snprintf(path, sizeof(path), "listeners[%zu]", i);
		else
			continue;
		add(problems, path, &error);
		result = -1;
	}
	return result;
}

struct server *server_load(const char *file, struct problems *problems)
{
	struct server *server = calloc(1, sizeof(*server));
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
	/* Each step reports all it finds; the next one needs it whole. */
	int plugins = load_plugins(server, problems);
	int tls = load_tls(server, problems);
	if (plugins < 0 || tls < 0)
		goto fail;
	if (config_bind_protocols(server->config, server->registry, problems) < 0)
		goto fail;
	if (init_listeners(server, problems) < 0)
		goto fail;
	return server;
fail:
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

/* What factories posted when they stopped still needs the loops' parts. */
static void free_loops(struct server *server)
{
	if (!server->reactor)
		return;
	reactor_settle(server->reactor);
	for (unsigned i = 0; i < reactor_count(server->reactor); i++)
		net_free(reactor_loop(server->reactor, i));
	reactor_free(&server->reactor);
}

void server_free(struct server **server_at)
{
	struct server *server = *server_at;
	*server_at = NULL;
	if (!server)
		return;
	for (size_t i = 0; i < server->listener_count; i++)
		listener_fini(&server->listeners[i]);
	free(server->listeners);
	free_loops(server);
	signals_free(&server->signals);
	loop_free(&server->boss);
	for (size_t i = 0; server->tls && i < server->config->tls.count; i++)
		tls_context_free(&server->tls[i]);
	free(server->tls);
	if (server->registry)
		registry_free(&server->registry);
	config_free(&server->config);
	free(server);
}
