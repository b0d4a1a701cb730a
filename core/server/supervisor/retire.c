/* From the last connection that a worker accepts to its end. */
#include "core/server/supervisor/retire.h"

#include "core/base/log.h"
#include "core/loop/loop.h"
#include "core/server/control/control.h"
#include "core/server/parts.h"
#include "core/server/round.h"

#define LOOK_MS 50

static bool has_connections(const struct plait_reactor *reactor)
{
	for (unsigned i = 0; i < plait_reactor_loops(reactor); i++)
		if (atomic_load(&plait_reactor_loop(reactor, i)->load) > 0)
			return true;
	return false;
}

static void look(void *arg)
{
	struct server *server = arg;
	struct plait_reactor *reactor = server->reactor;
	if (reactor->shutdown) /* it was told to stop meanwhile */
		return;
	if (!has_connections(reactor) || loop_now(reactor->boss) >= server->retire_ms)
		reactor_stop(reactor, false);
	else
		plait_call_later(reactor->boss, LOOK_MS, look, server);
}

void retire_begin(struct server *server)
{
	struct plait_reactor *reactor = server->reactor;
	if (reactor->shutdown || server->retired)
		return;
	log_answer(PLAIT_LOG_INFO, NULL, "another worker serves: ending with the last connection");
	server->retired = true;
	server->retire_ms = loop_now(reactor->boss) + reactor->drain_timeout_ms;
	if (server->control)
		control_hand_over(server->control);
	reactor_stop_listeners(reactor);
	/* When all loops have heard of it, nobody comes any more. */
	round_begin(reactor, NULL, look, server);
}
