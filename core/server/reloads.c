/* Reloads, one after another. */
#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/server/gather.h"
#include "core/server/parts.h"
#include "core/server/reload.h"

struct reload_order {
	struct reload_order *next;
	struct server *server;
	reload_done_fn *done; /* NULL: nobody waits for it but the log */
	void *arg;
	struct reload_outcome outcome;
};

static void end_first(struct server *server)
{
	struct reload_order *order = server->orders;
	server->orders = order->next;
	if (order->done)
		order->done(&order->outcome, order->arg);
	changes_fini(&order->outcome.changes);
	problems_fini(&order->outcome.problems);
	free(order);
}

static void carry_out(struct server *server);

static void on_served(struct gather *gather, void *arg)
{
	struct reload_order *order = arg;
	struct server *server = order->server;
	order->outcome.loops_missing = gather_missing(gather);
	end_first(server);
	carry_out(server);
}

const char *server_ends(const struct server *server)
{
	if (server->reactor->shutdown)
		return "the server is stopping";
	return server->retired ? "another worker serves, this one ends with its last connection" : NULL;
}

static int reload(struct reload_order *order)
{
	struct reload_outcome *outcome = &order->outcome;
	const char *why = server_ends(order->server);
	if (!why)
		return server_reload_logged(order->server, &outcome->problems, &outcome->changes);
	problems_add(&outcome->problems, NULL, "%s", why);
	return -1;
}

/* Until there is one whose way through the loops the others wait for. */
static void carry_out(struct server *server)
{
	while (server->orders) {
		struct reload_order *order = server->orders;
		order->outcome.result = reload(order);
		if (order->outcome.result == 0) {
			gather_begin(server->reactor, &(struct gathering){ .done = on_served }, order);
			return;
		}
		end_first(server);
	}
}

void server_order_reload(struct server *server, reload_done_fn *done, void *arg)
{
	bool idle = !server->orders;
	struct reload_order *order = NULL, **end = idle ? &server->orders : &server->orders->next;
	for (; *end; end = &(*end)->next)
		if (!done && !(*end)->done) /* it will read what there is to read */
			return;
	order = alloc_zeroed(sizeof(*order), "a reload");
	order->server = server;
	order->done = done;
	order->arg = arg;
	problems_init(&order->outcome.problems);
	changes_init(&order->outcome.changes);
	*end = order;
	if (idle)
		carry_out(server);
}
