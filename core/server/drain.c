/* The drain: first all loops stop accepting, then all close their connections, and each says when it has none left. */
#include "core/server/drain.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/log.h"
#include "core/base/units.h"
#include "core/net/net.h"
#include "core/server/parts.h"

struct drain {
	struct server *server;
	unsigned waiting; /* loops that have not answered to the current step */
	bool clean;
	struct plait_timer deadline;
};

/* Posted to each loop; answers go to the boss. */
struct step {
	struct drain *drain;
	struct plait_loop *loop;
	plait_call_fn *answer;
};

static void post_step(struct drain *drain, plait_call_fn *fn, plait_call_fn *answer)
{
	struct workers *reactor = drain->server->reactor;
	drain->waiting = workers_count(reactor);
	for (unsigned i = 0; i < workers_count(reactor); i++) {
		struct step *step = malloc(sizeof(*step));
		if (!step) {
			fputs("plait: no memory to drain\n", stderr);
			abort();
		}
		*step = (struct step){ .drain = drain, .loop = workers_loop(reactor, i), .answer = answer };
		plait_post(step->loop, fn, step);
	}
}

/* On a loop: the step is done there. */
static void answer(void *arg)
{
	struct step *step = arg;
	struct drain *drain = step->drain;
	plait_call_fn *fn = step->answer;
	free(step);
	plait_post(drain->server->boss, fn, drain);
}

static void drain_loop(void *arg)
{
	struct step *step = arg;
	net_drain(step->loop->net, answer, step);
}

static void on_loop_empty(void *arg)
{
	struct drain *drain = arg;
	if (--drain->waiting > 0)
		return;
	drain->clean = true;
	plait_timer_cancel(&drain->deadline);
	loop_stop(drain->server->boss);
}

/* What accepting loops handed to others was posted before their answer, so nothing comes after the next step. */
static void on_loop_stopped_accepting(void *arg)
{
	struct drain *drain = arg;
	if (--drain->waiting == 0)
		post_step(drain, drain_loop, on_loop_empty);
}

static void on_deadline(void *arg)
{
	struct drain *drain = arg;
	char text[32];
	log_write(PLAIT_LOG_WARNING, NULL,
		  "draining took longer than drain_timeout (%s): aborting what is left",
		  units_format_duration(text, sizeof(text), drain->server->config->drain_timeout_ms));
	drain_give_up(drain);
}

struct drain *drain_begin(struct server *server)
{
	struct drain *drain = calloc(1, sizeof(*drain));
	if (!drain)
		return NULL;
	drain->server = server;
	for (size_t i = 0; i < server->listener_count; i++)
		listener_stop(&server->listeners[i]);
	drain->deadline = plait_call_later(server->boss, server->config->drain_timeout_ms, on_deadline,
					   drain);
	post_step(drain, answer, on_loop_stopped_accepting);
	return drain;
}

void drain_give_up(struct drain *drain)
{
	plait_timer_cancel(&drain->deadline);
	loop_stop(drain->server->boss);
}

bool drain_was_clean(const struct drain *drain)
{
	return drain->clean;
}

void drain_free(struct drain **drain)
{
	free(*drain);
	*drain = NULL;
}
