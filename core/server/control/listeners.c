/* The command listeners, and finding one by its name. */
#include <string.h>

#include "core/base/escape.h"
#include "core/base/suggest.h"
#include "core/server/control/request.h"
#include "core/server/gather.h"

struct plait_listener *request_find_listener(struct request *request, const char *name)
{
	const struct server *server = request->server;
	struct suggest best = { 0 };
	char found[256];
	for (size_t i = 0; i < server->listener_count; i++) {
		struct plait_listener *listener = server->listeners[i];
		if (strcmp(listener->name, name) == 0)
			return listener;
		suggest_offer(&best, name, listener->name);
	}
	escape_text(found, sizeof(found), name, strlen(name));
	request_refuse(request, "not-found", json_pack("{s:s}", "path", "listener"),
		       "no listener \"%s\"%s%s%s", found, best.word ? ", did you mean \"" : "",
		       best.word ? best.word : "", best.word ? "\"?" : "");
	return NULL;
}

static const char *state_of(const struct plait_listener *listener)
{
	static const char *const services[] = {
		[SERVICE_ON] = "accepting",
		[SERVICE_PAUSED] = "paused",
		[SERVICE_DRAINED] = "drained",
	};
	return listener->leaving ? "leaving" : listener->stopped ? "stopped" : services[listener->service];
}

static json_t *tell_versions(const struct plait_listener *listener)
{
	json_t *versions = json_array();
	for (const struct listener_version *version = listener->versions; version; version = version->next)
		json_array_append_new(versions,
				      json_pack("{s:b, s:s, s:I}", "newest", version == listener->versions,
						"protocol", version->config->protocol, "connections",
						(json_int_t)listener_version_connections(version)));
	return versions;
}

static json_t *tell(const struct plait_listener *listener)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:o}", "name", listener->name, "address",
			 request_text(listener->address), "protocol", listener->config->protocol, "state",
			 state_of(listener), "connections", (json_int_t)limits_count(listener->limits),
			 "handshakes", (json_int_t)limits_handshakes(listener->limits), "versions",
			 tell_versions(listener));
}

/* By now the loops have come to all that they were told before. */
static void answer(struct gather *gather, void *arg)
{
	struct request *request = arg;
	struct plait_reactor *reactor = request->server->reactor;
	json_t *list = json_array();
	pthread_mutex_lock(&reactor->lock);
	for (const struct plait_listener *listener = reactor->first; listener; listener = listener->next)
		/* A plugin's own is its own affair; one without a version is gone, and its configuration with it. */
		if (!listener->own_config && listener->versions)
			json_array_append_new(list, tell(listener));
	pthread_mutex_unlock(&reactor->lock);
	request_answer(request, json_pack("{s:i, s:o}", "loops_missing", (int)gather_missing(gather),
					  "listeners", list));
}

void listeners_command(struct request *request)
{
	gather_begin(request->server->reactor, &(struct gathering){ .done = answer }, request);
}
