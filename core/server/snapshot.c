/* From a file to everything that can be known to be right before anything is bound. */
#include "core/server/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/base/json_path.h"
#include "core/base/log.h"
#include "core/server/broker.h"

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

static void load_plugins(struct snapshot *snapshot, const struct snapshot *before,
			 struct plugin_keeper *keeper, struct problems *problems)
{
	const struct config *config = snapshot->config;
	const struct registry *served = before ? before->registry : NULL;
	const char **folders = plugin_folders(config);
	for (size_t i = 0; i < config->plugins.count; i++) {
		struct plait_error error = { .text = "no memory" };
		char path[64];
		if (folders &&
		    registry_load(snapshot->registry, config->plugins.items[i], folders, served, &error) == 0)
			continue;
		snprintf(path, sizeof(path), "plugins[%zu]", i);
		problems_add_error(problems, path, &error);
	}
	free(folders);
	for (size_t i = 0; i < registry_count(snapshot->registry); i++)
		registry_at(snapshot->registry, i)->keeper = keeper;
}

/* The context of that name that is served, when all that the two configurations say of it is the same. */
static bool share_tls(struct snapshot_tls *tls, const struct config *config, size_t index,
		      struct snapshot *before)
{
	const struct plait_list *list = &before->config->tls;
	for (size_t i = 0; i < list->count; i++) {
		if (!config_same_tls(before->config, i, config, index))
			continue;
		struct snapshot *origin = before->tls[i].origin ? before->tls[i].origin : before;
		*tls = (struct snapshot_tls){ .context = before->tls[i].context,
					      .origin = snapshot_ref(origin) };
		return true;
	}
	return false;
}

static void load_tls(struct snapshot *snapshot, struct snapshot *before, struct problems *problems)
{
	const struct config *config = snapshot->config;
	const struct plait_list *list = &config->tls;
	const struct tls_config *contexts = list->items;
	snapshot->tls = alloc_zeroed((list->count + 1) * sizeof(snapshot->tls[0]), "TLS contexts");
	for (size_t i = 0; i < list->count; i++) {
		char path[JSON_PATH_SIZE];
		if (before && share_tls(&snapshot->tls[i], config, i, before)) {
			snapshot->tls_shared++;
			continue;
		}
		json_path_key(path, sizeof(path), "tls", list->names[i], strlen(list->names[i]));
		snapshot->tls[i].context = tls_context_new(&contexts[i].settings, path, problems);
	}
}

static void name_tls(struct snapshot *snapshot, struct problems *problems)
{
	struct plait_error error = { 0 };
	const struct plait_list *list = &snapshot->config->tls;
	struct tls_context **contexts = calloc(list->count + 1, sizeof(struct tls_context *));
	for (size_t i = 0; contexts && i < list->count; i++)
		contexts[i] = snapshot->tls[i].context;
	if (contexts)
		snapshot->named = named_tls_new(list, contexts, &error);
	else
		plait_error_set(&error, PLAIT_ERROR_MEMORY, NULL, "no memory for TLS");
	free(contexts);
	if (!snapshot->named)
		problems_add(problems, "tls", "%s", error.text);
}

void snapshot_configure_log(const struct snapshot *snapshot)
{
	const struct config *config = snapshot->config;
	log_configure((enum plait_log_level)config->log.level, (enum log_format)config->log.format);
}

static struct config *read_config(const struct server_source *source, struct problems *problems)
{
	size_t len;
	if (source->text)
		return config_load_text(source->file, source->text, source->len, problems);
	problems->file = source->file;
	problems->locate = NULL;
	struct broker *broker = source->broker ? source->broker : broker_local();
	char *text = broker->ops->read(broker, source->file, &len, problems);
	struct config *config = text ? config_load_text(source->file, text, len, problems) : NULL;
	free(text);
	return config;
}

struct snapshot *snapshot_load(const struct server_source *source, struct snapshot *before,
			       struct plugin_keeper *keeper, struct problems *problems)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	size_t errors = problems->errors;
	if (!snapshot) {
		problems_add(problems, NULL, "no memory");
		return NULL;
	}
	snapshot->references = 1;
	snapshot->config = read_config(source, problems);
	snapshot->registry = registry_new();
	if (snapshot->config && !before) /* what follows may log */
		snapshot_configure_log(snapshot);
	if (snapshot->config) {
		/* Each step does what it can whatever the others found: all errors are told at once. */
		load_plugins(snapshot, before, keeper, problems);
		load_tls(snapshot, before, problems);
		config_bind_protocols(snapshot->config, snapshot->registry,
				      registry_count(snapshot->registry) == snapshot->config->plugins.count,
				      problems);
	}
	if (problems->errors == errors)
		name_tls(snapshot, problems);
	return snapshot;
}

void snapshot_retire(struct snapshot *snapshot)
{
	registry_free(&snapshot->registry);
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	snapshot->references++;
	return snapshot;
}

void snapshot_unref(struct snapshot **snapshot_at)
{
	struct snapshot *snapshot = *snapshot_at;
	*snapshot_at = NULL;
	if (!snapshot || --snapshot->references > 0)
		return;
	named_tls_free(&snapshot->named);
	for (size_t i = 0; snapshot->tls && i < snapshot->config->tls.count; i++) {
		if (!snapshot->tls[i].origin)
			tls_context_free(&snapshot->tls[i].context);
		snapshot_unref(&snapshot->tls[i].origin);
	}
	free(snapshot->tls);
	registry_free(&snapshot->registry);
	config_free(&snapshot->config);
	free(snapshot);
}

bool snapshot_has_tls(const struct snapshot *snapshot, const struct tls_context *context)
{
	for (size_t i = 0; snapshot->tls && i < snapshot->config->tls.count; i++)
		if (snapshot->tls[i].context == context)
			return true;
	return false;
}

/* The context a listener's tls name stands for; NULL: none. */
static struct tls_context *context_of(const struct snapshot *snapshot, const struct tls_config *config)
{
	const struct tls_config *first = snapshot->config->tls.items;
	return config ? snapshot->tls[config - first].context : NULL;
}

void snapshot_parts(struct snapshot *snapshot, const struct listener_config *config,
		    struct version_parts *parts)
{
	size_t size = (config->server_names.count + 1) * sizeof(struct tls_context *);
	struct tls_context **names = alloc_zeroed(size, "the names of a listener");
	/* On a listener without TLS they are an error. */
	for (size_t i = 0; config->name_contexts && i < config->server_names.count; i++)
		names[i] = context_of(snapshot, config->name_contexts[i]);
	*parts = (struct version_parts){
		.config = config,
		.snapshot = snapshot,
		.context = context_of(snapshot, config->tls_context),
		.name_contexts = names,
		.directory = named_tls_directory(snapshot->named),
	};
}
