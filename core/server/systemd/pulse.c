/* The boss goes round all loops, and says that all is well when each has come to the end of a turn: one that is held by a
 * callback keeps the manager from hearing it. */
#include "core/server/systemd/pulse.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/server/parts.h"
#include "core/server/round.h"
#include "core/server/systemd/notify.h"

#define STATUS_EVERY_MS 10000

struct pulse {
	struct server *server;
	uint64_t every_ms;
	bool under_way;  /* a round */
	char status[96]; /* that was told last */
};

/* It lives as long as the process: a round of it may be under way to the end. */
static struct pulse pulse;

static void on_round(void *arg)
{
	(void)arg;
	pulse.under_way = false;
	notify_send("WATCHDOG=1");
}

static void on_beat(void *arg)
{
	struct plait_reactor *reactor = pulse.server->reactor;
	(void)arg;
	if (!pulse.under_way) {
		pulse.under_way = true;
		round_begin(reactor, NULL, on_round, NULL);
	}
	plait_call_later(reactor->boss, pulse.every_ms, on_beat, NULL);
}

static void tell_status(void *arg)
{
	const struct server *server = pulse.server;
	struct plait_reactor *reactor = server->reactor;
	char text[sizeof(pulse.status)];
	unsigned connections = 0;
	(void)arg;
	for (unsigned i = 0; i < plait_reactor_loops(reactor); i++)
		connections += atomic_load_explicit(&plait_reactor_loop(reactor, i)->load,
						    memory_order_relaxed);
	snprintf(text, sizeof(text), "%s: listeners %zu, connections %u",
		 reactor->shutdown ? "draining" : "serving", server->listener_count, connections);
	if (strcmp(text, pulse.status) != 0)
		notify_send("STATUS=%s", text);
	memcpy(pulse.status, text, sizeof(text));
	plait_call_later(reactor->boss, STATUS_EVERY_MS, tell_status, NULL);
}

void pulse_start(struct server *server)
{
	if (!notify_wanted())
		return;
	pulse = (struct pulse){ .server = server, .every_ms = notify_watchdog_ms() / 2 };
	notify_send("READY=1");
	tell_status(NULL);
	if (notify_watchdog_ms() == 0)
		return;
	if (pulse.every_ms == 0)
		pulse.every_ms = 1;
	on_beat(NULL);
}
