/* Saying farewell to plugins: the loops are asked, again and again, whether they need one's code. */
#include "core/server/farewell.h"

#include <stdlib.h>

#include "core/async/hook.h"
#include "core/async/process.h"
#include "core/async/threads.h"
#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/base/log.h"
#include "core/net/conn/conn.h"
#include "core/net/net.h"
#include "core/net/own_protocol.h"
#include "core/server/reactor.h"
#include "core/server/round.h"

#define RETRY_MS 1000

/* What was on its way from one place to another while they were looked at is found by the second look. */
#define LOOKS 2

/* The looks at one plugin. */
struct look {
	struct look *next;
	struct farewell *farewell;
	struct plugin *plugin;
	struct code_range code;
	unsigned clean; /* looks in a row */
	atomic_bool needed;
	bool told;
};

struct farewell {
	struct plugin_keeper keeper;
	struct plait_reactor *reactor; /* NULL: none runs */
	struct look *first;
};

/* On which loops can be asked. */
static struct plait_reactor *running(const struct farewell *farewell)
{
	struct plait_reactor *reactor = farewell->reactor;
	return reactor && reactor_runs(reactor) ? reactor : NULL;
}

static bool conns_need(const struct net *net, struct code_range code)
{
	for (const struct plait_conn *conn = net->conns; conn; conn = conn->next)
		if (code_range_has(code, (uintptr_t)conn->factory->protocol->head.name))
			return true;
	return false;
}

static void look_on_loop(struct plait_loop *loop, void *arg)
{
	struct look *look = arg;
	if (loop_needs(loop, look->code) || hooks_need(loop, look->code) ||
	    processes_need(loop, look->code) || conns_need(loop->net, look->code))
		atomic_store(&look->needed, true);
}

static void look_again(void *arg);

static void end(struct look *look)
{
	struct look **at = &look->farewell->first;
	while (*at != look)
		at = &(*at)->next;
	*at = look->next;
	log_write(PLAIT_LOG_DEBUG, NULL, "%s: its former code is unloaded", look->plugin->file);
	plugin_free(&look->plugin);
	free(look);
}

static void wait_for(struct look *look)
{
	if (!look->told)
		log_write(PLAIT_LOG_INFO, NULL,
			  "%s: its former code stays until what it has begun, such as a timer, has ended",
			  look->plugin->file);
	look->told = true;
	look->clean = 0;
	plait_call_later(look->farewell->reactor->boss, RETRY_MS, look_again, look);
}

static void on_looked(void *arg)
{
	struct look *look = arg;
	struct plait_reactor *reactor = running(look->farewell);
	if (!reactor)
		return;
	bool needed = atomic_load(&look->needed) || threads_need(reactor->threads, look->code) ||
		      own_protocols_need(look->code) || loop_needs(reactor->boss, look->code);
	if (needed)
		wait_for(look);
	else if (++look->clean < LOOKS)
		look_again(look);
	else
		end(look);
}

static void look_again(void *arg)
{
	struct look *look = arg;
	struct plait_reactor *reactor = running(look->farewell);
	if (!reactor)
		return;
	atomic_store(&look->needed, false);
	round_begin(reactor, look_on_loop, on_looked, look);
}

static void on_unused(struct plugin_keeper *keeper, struct plugin *plugin)
{
	struct farewell *farewell = CONTAINER_OF(keeper, struct farewell, keeper);
	struct look *look = alloc_zeroed(sizeof(*look), "a plugin's farewell"), **at = &farewell->first;
	look->farewell = farewell;
	look->plugin = plugin;
	look->code = plugin_code(plugin);
	while (*at)
		at = &(*at)->next;
	*at = look;
	look_again(look);
}

struct farewell *farewell_new(void)
{
	struct farewell *farewell = alloc_zeroed(sizeof(*farewell), "plugins' farewell");
	farewell->keeper.unused = on_unused;
	return farewell;
}

void farewell_attach(struct farewell *farewell, struct plait_reactor *reactor)
{
	farewell->reactor = reactor;
}

void farewell_free(struct farewell **farewell_at)
{
	struct farewell *farewell = *farewell_at;
	*farewell_at = NULL;
	while (farewell && farewell->first) {
		struct look *look = farewell->first;
		farewell->first = look->next;
		plugin_free(&look->plugin);
		free(look);
	}
	free(farewell);
}

void farewell_each(const struct farewell *farewell, void (*fn)(const struct plugin *plugin, void *arg),
		   void *arg)
{
	for (const struct look *look = farewell->first; look; look = look->next)
		fn(look->plugin, arg);
}

struct plugin_keeper *farewell_keeper(struct farewell *farewell)
{
	return &farewell->keeper;
}
