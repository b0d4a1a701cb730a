/* The command status. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/net/famine.h"
#include "core/net/net.h"
#include "core/net/shed.h"
#include "core/server/control/request.h"
#include "core/server/control/tell.h"
#include "core/server/gather.h"
#include "core/server/renew.h"
#include "core/server/supervisor/page.h"

/* ---- counters ---- */

static json_int_t sum(const struct plait_reactor *reactor, size_t offset)
{
	unsigned long long total = 0;
	for (unsigned i = 0; i < plait_reactor_loops(reactor); i++) {
		const char *counters = (const char *)&plait_reactor_loop(reactor, i)->net->counters;
		total += atomic_load_explicit((const atomic_ullong *)(const void *)(counters + offset),
					      memory_order_relaxed);
	}
	return (json_int_t)total;
}

#define SUM(member) sum(reactor, offsetof(struct net_counters, member))

/* Those that are not zero. */
static json_t *tell_each(const struct plait_reactor *reactor, size_t offset, unsigned count,
			 const char *(*name)(unsigned number))
{
	json_t *json = json_object();
	for (unsigned i = 0; i < count; i++) {
		json_int_t number = sum(reactor, offset + i * sizeof(atomic_ullong));
		if (number > 0)
			json_object_set_new(json, name(i), json_integer(number));
	}
	return json;
}

static const char *reason_name(unsigned number)
{
	return plait_reason_name((enum plait_reason)number);
}

static const char *failure_name(unsigned number)
{
	return handshake_failure_name((enum handshake_failure)number);
}

static json_t *tell_connections(const struct plait_reactor *reactor)
{
	json_int_t now = 0;
	for (unsigned i = 0; i < plait_reactor_loops(reactor); i++)
		now += atomic_load(&plait_reactor_loop(reactor, i)->load);
	return json_pack("{s:I, s:I, s:o, s:I, s:I}", "now", now, "opened", SUM(opened), "ended",
			 tell_each(reactor, offsetof(struct net_counters, closed), PLAIT_REASON_COUNT_,
				   reason_name),
			 "bytes_in", SUM(bytes_in), "bytes_out", SUM(bytes_out));
}

static json_t *tell_datagrams(const struct plait_reactor *reactor)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "in", SUM(datagrams_in), "out", SUM(datagrams_out),
			 "dropped", SUM(datagrams_dropped), "refused", SUM(datagrams_refused));
}

static json_t *tell_tls(const struct plait_reactor *reactor)
{
	const struct renewal_counters *counters = renewal_counters(reactor->renewal);
	return json_pack("{s:I, s:I, s:o}", "renewals", (json_int_t)atomic_load(&counters->renewals),
			 "renewals_failed", (json_int_t)atomic_load(&counters->failed), "handshakes_failed",
			 tell_each(reactor, offsetof(struct net_counters, handshakes_failed),
				   HANDSHAKE_FAILURE_COUNT, failure_name));
}

static json_t *tell_famine(void)
{
	struct famine_told told;
	famine_tell(&told);
	return json_pack("{s:b, s:I, s:I, s:i}", "now", told.now, "episodes", (json_int_t)told.episodes,
			 "lasted_ms", (json_int_t)told.lasted_ms, "reserve", (int)told.reserve);
}

static json_t *tell_buffered(const struct plait_reactor *reactor)
{
	struct shed_told told;
	shed_tell(reactor->shed, &told);
	return json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)told.bytes, "most", (json_int_t)told.most,
			 "shed", (json_int_t)told.closed);
}

static json_t *tell_loops(struct gather *gather, const struct plait_reactor *reactor)
{
	json_t *loops = json_array();
	for (unsigned i = 0; i < gather_loops(gather); i++)
		json_array_append_new(loops,
				      json_pack("{s:i, s:i, s:b}", "loop", (int)i, "connections",
						(int)atomic_load(&plait_reactor_loop(reactor, i)->load),
						"answers", gather_answered(gather, i)));
	return loops;
}

/* ---- plugins ---- */

/* The editions that are loaded: each file's newest, which the configuration names, those that versions of listeners still have,
 * and those into which something else still leads. */
struct editions {
	json_t *list;
	const struct registry *registry;
	const struct plugin *told[1024]; /* a bound for the answer, not for the server */
	size_t count;
};

static void tell_plugin(struct editions *editions, const struct plugin *plugin)
{
	const struct registry *registry = editions->registry;
	bool current = false;
	for (size_t i = 0; i < editions->count; i++)
		if (editions->told[i] == plugin)
			return;
	if (editions->count == sizeof(editions->told) / sizeof(editions->told[0]))
		return;
	editions->told[editions->count++] = plugin;
	for (size_t i = 0; registry && i < registry_count(registry); i++)
		current = current || registry_at(registry, i) == plugin;
	const char *version = plugin->protocol.version;
	json_array_append_new(editions->list,
			      json_pack("{s:s, s:o, s:o, s:b}", "protocol", plugin->protocol.head.name,
					"version", version ? request_text(version) : json_null(), "file",
					request_text(plugin->file), "current", current));
}

static void tell_protocol(struct editions *editions, const struct plait_protocol *protocol)
{
	if (protocol)
		tell_plugin(editions, plugin_of(protocol));
}

static void tell_version(struct editions *editions, const struct listener_version *version)
{
	const struct listener_config *config = version->config;
	const struct alpn_config *alpn = config->alpn.items;
	if (!version->snapshot)
		return;
	tell_protocol(editions, config->speaks);
	tell_protocol(editions, config->overflow.speaks);
	for (size_t i = 0; i < config->alpn.count; i++)
		tell_protocol(editions, alpn[i].speaks);
}

static void tell_former(const struct plugin *plugin, void *arg)
{
	tell_plugin(arg, plugin);
}

static json_t *tell_plugins(const struct server *server)
{
	struct plait_reactor *reactor = server->reactor;
	struct editions editions = { .list = json_array(), .registry = server->snapshot->registry };
	for (size_t i = 0; editions.registry && i < registry_count(editions.registry); i++)
		tell_plugin(&editions, registry_at(editions.registry, i));
	pthread_mutex_lock(&reactor->lock);
	for (const struct plait_listener *listener = reactor->first; listener; listener = listener->next)
		for (const struct listener_version *version = listener->versions; version;
		     version = version->next)
			tell_version(&editions, version);
	pthread_mutex_unlock(&reactor->lock);
	farewell_each(server->farewell, tell_former, &editions);
	return editions.list;
}

/* ---- all of it ---- */

static json_t *tell_time(time_t when)
{
	char text[32] = "";
	struct tm tm;
	gmtime_r(&when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* null: there is none. */
static json_t *tell_supervisor(const struct server *server)
{
	const struct page_news *news = server->news;
	char text[sizeof(news->last_crash)];
	if (!news)
		return json_null();
	memcpy(text, news->last_crash, sizeof(text));
	text[sizeof(text) - 1] = '\0';
	return json_pack("{s:i, s:i, s:i, s:o}", "pid", atomic_load(&news->pid), "workers_started",
			 (int)atomic_load(&news->started), "crashes", (int)atomic_load(&news->crashes),
			 "last_crash", text[0] ? request_text(text) : json_null());
}

static void answer(struct gather *gather, void *arg)
{
	struct request *request = arg;
	const struct server *server = request->server;
	const struct plait_reactor *reactor = server->reactor;
	json_t *body = json_pack("{s:s, s:i, s:s, s:o, s:I, s:o}", "version", plait_version(), "pid",
				 (int)getpid(), "state", reactor->shutdown ? "stopping" : "serving", "since",
				 tell_time(server->since), "uptime", (json_int_t)(time(NULL) - server->since),
				 "file", request_text(server->file));
	json_object_set_new(body, "supervisor", tell_supervisor(server));
	json_object_set_new(body, "log_level", json_string(log_level_name(log_level())));
	json_object_set_new(body, "listeners", json_integer((json_int_t)server->listener_count));
	json_object_set_new(body, "threads", json_integer((json_int_t)gather_loops(gather)));
	json_object_set_new(body, "loops_missing", json_integer((json_int_t)gather_missing(gather)));
	json_object_set_new(body, "loops", tell_loops(gather, reactor));
	json_object_set_new(body, "connections", tell_connections(reactor));
	json_object_set_new(body, "datagrams", tell_datagrams(reactor));
	json_object_set_new(body, "buffered", tell_buffered(reactor));
	json_object_set_new(body, "famine", tell_famine());
	json_object_set_new(body, "tls", tell_tls(reactor));
	json_object_set_new(body, "plugins", tell_plugins(server));
	json_object_set_new(body, "privilege", tell_privilege(server));
	request_answer(request, body);
}

void status_command(struct request *request)
{
	gather_begin(request->server->reactor, &(struct gathering){ .done = answer }, request);
}
