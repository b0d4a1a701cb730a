/* What listeners say about TLS: their contexts, by name too, and their protocols. */
#include <string.h>

#include "core/base/escape.h"
#include "core/base/json_path.h"
#include "core/base/option_arena.h"
#include "core/base/suggest.h"
#include "core/base/text.h"
#include "core/config/check.h"
#include "core/net/tls/names.h"

#define ALPN_NAME_MAX 255 /* of the protocol */

/* A listener and where it stands. */
struct subject {
	const struct config *config;
	struct listener_config *listener;
	const json_t *given;
	struct problems *problems;
	char path[32];
};

static const char *child(const struct subject *subject, const char *key, char *out, size_t size)
{
	snprintf(out, size, "%s.%s", subject->path, key);
	return out;
}

/* The path of a name under the listener's key. */
static const char *grandchild(const struct subject *subject, const char *key, const char *name, char *out,
			      size_t size)
{
	char parent[64];

	json_path_key(out, size, child(subject, key, parent, sizeof(parent)), name, strlen(name));
	return out;
}

static const struct tls_config *find_context(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->tls.count; i++)
		if (strcmp(config->tls.names[i], name) == 0)
			return (const struct tls_config *)config->tls.items + i;
	return NULL;
}

static void context_names(const struct config *config, const char *found, struct suggest *best, char *out,
			  size_t size)
{
	*out = '\0';
	for (size_t i = 0; i < config->tls.count; i++) {
		char name[128];

		if (found)
			suggest_offer(best, found, config->tls.names[i]);
		escape_text(name, sizeof(name), config->tls.names[i], strlen(config->tls.names[i]));
		text_append_word(out, size, name, i == 0);
	}
}

/* name: what was found at path; NULL: nothing was, and there is no default. */
static void report_unknown(const struct subject *subject, const char *path, const char *name)
{
	char found[128] = "", names[512];
	struct suggest best = { 0 };

	context_names(subject->config, name, &best, names, sizeof(names));
	if (name)
		escape_text(found, sizeof(found), name, strlen(name));
	if (subject->config->tls.count == 0)
		problems_add(subject->problems, path,
			     "%s; add one to the top level: \"tls\": {\"%s\": {\"certificate\": \"FILE\", "
			     "\"key\": \"FILE\"}}",
			     name ? "there is no TLS context" : "a tls:// listener needs a TLS context",
			     name ? found : "default");
	else if (!name)
		problems_add(
			subject->problems, path,
			"a tls:// listener names its TLS context unless one is called \"default\"; expected \"tls\" "
			"to be one of %s",
			names);
	else if (best.word)
		problems_add(subject->problems, path, "found \"%s\"; did you mean \"%s\"? Expected one of %s",
			     found, best.word, names);
	else
		problems_add(subject->problems, path, "found \"%s\"; expected one of %s", found, names);
}

static void check_context(const struct subject *subject)
{
	struct listener_config *listener = subject->listener;
	char path[64];

	listener->tls_context = find_context(subject->config, listener->tls ? listener->tls : "default");
	if (!listener->tls_context)
		report_unknown(subject, child(subject, "tls", path, sizeof(path)), listener->tls);
}

static void check_names(const struct subject *subject)
{
	struct listener_config *listener = subject->listener;
	const struct plait_texts *given = &listener->server_names;
	struct tls_names *names = tls_names_new();

	listener->name_contexts = option_arena_alloc(subject->config->arena,
						     given->count * sizeof(*listener->name_contexts));
	for (size_t i = 0; i < given->count; i++) {
		struct plait_error error;
		char path[JSON_PATH_SIZE];

		grandchild(subject, "server_names", given->names[i], path, sizeof(path));
		if (tls_names_add(names, given->names[i], (unsigned)i, &error) < 0)
			problems_add_key(subject->problems, path, "%s", error.text);
		listener->name_contexts[i] = find_context(subject->config, given->items[i]);
		if (!listener->name_contexts[i])
			report_unknown(subject, path, given->items[i]);
	}
	tls_names_free(&names);
}

static void check_strictness(const struct subject *subject)
{
	char path[64];

	if (subject->listener->strict_sni && !json_object_get(subject->given, "server_names"))
		problems_add_key(
			subject->problems, child(subject, "strict_sni", path, sizeof(path)),
			"without \"server_names\" nobody could connect; add the names that are served");
}

static void check_alpn(const struct subject *subject)
{
	const struct plait_list *alpn = &subject->listener->alpn;

	for (size_t i = 0; i < alpn->count; i++) {
		char path[JSON_PATH_SIZE];
		size_t len = strlen(alpn->names[i]);

		if (len > ALPN_NAME_MAX)
			problems_add_key(
				subject->problems,
				grandchild(subject, "alpn", alpn->names[i], path, sizeof(path)),
				"found a name of %zu bytes; expected one of 1 to %d bytes, such as \"h2\"",
				len, ALPN_NAME_MAX);
	}
}

static bool starts_tls(const struct plait_protocol *protocol)
{
	return protocol && protocol->starts_tls;
}

/* Connections whose protocol begins TLS have it: too late to choose another by ALPN. */
static void refuse_alpn(const struct subject *subject)
{
	char path[64];

	if (subject->listener->alpn.count > 0)
		problems_add_key(subject->problems, child(subject, "alpn", path, sizeof(path)),
				 "where TLS begins later, connections have their protocol already; take "
				 "\"alpn\" out, or bind it to tls://");
}

static void refuse_tls(const struct subject *subject)
{
	const struct listener_config *listener = subject->listener;
	const struct {
		const char *key;
		bool there;
	} keys[] = {
		{ "tls", listener->tls != NULL },
		{ "server_names", listener->server_names.count > 0 },
		{ "strict_sni", listener->strict_sni },
		{ "alpn", listener->alpn.count > 0 },
	};
	char path[64];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].there)
			problems_add_key(subject->problems, child(subject, keys[i].key, path, sizeof(path)),
					 "a %s listener has no TLS; take \"%s\" out, or bind it to tls://",
					 endpoint_scheme_name(listener->endpoint.scheme), keys[i].key);
}

static struct subject subject_at(const struct config *config, size_t index, struct problems *problems)
{
	struct subject subject = {
		.config = config,
		.listener = (struct listener_config *)config->listeners.items + index,
		.given = json_array_get(json_object_get(config->root, "listeners"), index),
		.problems = problems,
	};

	snprintf(subject.path, sizeof(subject.path), "listeners[%zu]", index);
	return subject;
}

void config_check_upgrade(const struct config *config, size_t index, struct problems *problems)
{
	struct subject subject = subject_at(config, index, problems);
	const struct listener_config *listener = subject.listener;
	enum endpoint_scheme scheme = listener->endpoint.scheme;

	if (!listener->endpoint_known || !listener->speaks || scheme == ENDPOINT_TLS)
		return;
	if (scheme != ENDPOINT_UDP && listener->tls &&
	    (starts_tls(listener->speaks) || starts_tls(listener->overflow.speaks)))
		refuse_alpn(&subject);
	else
		refuse_tls(&subject);
}

void config_check_tls(struct config *config, size_t index, struct problems *problems)
{
	struct subject subject = subject_at(config, index, problems);

	/* Others may have none; a context that they name must be there. */
	if (subject.listener->endpoint.scheme != ENDPOINT_TLS && !subject.listener->tls)
		return;
	check_context(&subject);
	check_names(&subject);
	check_strictness(&subject);
	check_alpn(&subject);
}
