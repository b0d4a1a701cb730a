/* The shutdown in phases: each is posted to all loops, and the next begins when they all have answered. */
#include "core/server/shutdown.h"

#include <stdlib.h>

#include "core/async/hook.h"
#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "core/net/net.h"
#include "core/server/reactor.h"

/* What runs on a loop beyond its time is stuck. */
#define PATIENCE_MS 2000

struct shutdown {
	struct plait_reactor *reactor;
	const struct phase *phase;
	unsigned waiting; /* answers of the loops that are still to come in this phase */
	bool clean, over;
	struct plait_timer deadline;
	struct step *steps; /* one a loop */
};

/* A loop's share of whichever phase it is. */
struct step {
	struct shutdown *shutdown;
	struct plait_loop *loop;
};

struct phase {
	plait_call_fn *on_loop; /* with the loop's step */
	unsigned answers;       /* of each loop */
	void (*begin)(struct shutdown *shutdown);
};

/* ---- on the loops ---- */

static void on_answer(void *arg);

static void answer(void *arg)
{
	struct step *step = arg;
	plait_post(step->shutdown->reactor->boss, on_answer, step->shutdown);
}

static void run_hooks(struct step *step, enum plait_shutdown_phase phase)
{
	hooks_run(step->loop, phase, step->shutdown->reactor->drain_timeout_ms, answer, step);
}

static void run_before(void *arg)
{
	run_hooks(arg, PLAIT_BEFORE_SHUTDOWN);
}

static void drain(void *arg)
{
	struct step *step = arg;
	run_hooks(step, PLAIT_DURING_SHUTDOWN);
	net_drain(step->loop->net, answer, step);
}

static void run_after(void *arg)
{
	run_hooks(arg, PLAIT_AFTER_SHUTDOWN);
}

static void abort_connections(void *arg)
{
	struct step *step = arg;
	atomic_fetch_add(&step->shutdown->reactor->owed, net_abort_all(step->loop->net));
}

/* ---- on the boss loop ---- */

static void on_each_loop(struct shutdown *shutdown, plait_call_fn *fn)
{
	unsigned count = workers_count(shutdown->reactor->workers);
	for (unsigned i = 0; i < count; i++)
		plait_post(shutdown->steps[i].loop, fn, &shutdown->steps[i]);
}

static void set_deadline(struct shutdown *shutdown, uint64_t delay_ms, plait_call_fn *fn)
{
	plait_timer_cancel(&shutdown->deadline);
	shutdown->deadline = plait_call_later(shutdown->reactor->boss, delay_ms, fn, shutdown);
}

static void on_stuck(void *arg)
{
	struct shutdown *shutdown = arg;
	log_write(PLAIT_LOG_WARNING, NULL, "the shutdown does not come to its end: stopping now");
	shutdown_give_up(shutdown);
}

/* The loops have their own clocks for the hooks' Deferreds; this is for a loop that is stuck. */
static void expect_hooks(struct shutdown *shutdown)
{
	uint64_t hooks_ms = shutdown->reactor->drain_timeout_ms;
	set_deadline(shutdown, hooks_ms < UINT64_MAX - PATIENCE_MS ? hooks_ms + PATIENCE_MS : UINT64_MAX,
		     on_stuck);
}

static void on_drain_deadline(void *arg)
{
	struct shutdown *shutdown = arg;
	char text[32];
	log_write(PLAIT_LOG_WARNING, NULL,
		  "draining took longer than drain_timeout (%s): aborting what is left",
		  units_format_duration(text, sizeof(text), shutdown->reactor->drain_timeout_ms));
	shutdown->clean = false;
	on_each_loop(shutdown, abort_connections);
	set_deadline(shutdown, PATIENCE_MS, on_stuck);
}

static void stop_listening(struct shutdown *shutdown)
{
	reactor_stop_listeners(shutdown->reactor);
	shutdown->clean = true;
	set_deadline(shutdown, shutdown->reactor->drain_timeout_ms, on_drain_deadline);
}

static const struct phase phases[] = {
	{ .on_loop = run_before, .answers = 1, .begin = expect_hooks },
	/* What accepting loops handed to others was posted before their answer, so nothing comes after this phase. */
	{ .on_loop = answer, .answers = 1, .begin = stop_listening },
	{ .on_loop = drain, .answers = 2 },
	{ .on_loop = run_after, .answers = 1, .begin = expect_hooks },
	{ 0 },
};

static void begin_phase(struct shutdown *shutdown)
{
	const struct phase *phase = shutdown->phase;
	if (!phase->on_loop) {
		shutdown_give_up(shutdown);
		return;
	}
	shutdown->waiting = phase->answers * workers_count(shutdown->reactor->workers);
	if (phase->begin)
		phase->begin(shutdown);
	on_each_loop(shutdown, phase->on_loop);
}

static void on_answer(void *arg)
{
	struct shutdown *shutdown = arg;
	if (shutdown->over || --shutdown->waiting > 0)
		return;
	shutdown->phase++;
	begin_phase(shutdown);
}

struct shutdown *shutdown_begin(struct plait_reactor *reactor)
{
	unsigned count = workers_count(reactor->workers);
	struct shutdown *shutdown = alloc_zeroed(sizeof(*shutdown), "the end");
	shutdown->steps = alloc_zeroed(count * sizeof(*shutdown->steps), "the end");
	shutdown->reactor = reactor;
	for (unsigned i = 0; i < count; i++)
		shutdown->steps[i] = (struct step){ .shutdown = shutdown,
						    .loop = workers_loop(reactor->workers, i) };
	shutdown->phase = phases;
	begin_phase(shutdown);
	return shutdown;
}

void shutdown_give_up(struct shutdown *shutdown)
{
	shutdown->over = true;
	plait_timer_cancel(&shutdown->deadline);
	loop_stop(shutdown->reactor->boss);
}

bool shutdown_was_clean(const struct shutdown *shutdown)
{
	return shutdown->clean && !shutdown->phase->on_loop;
}

void shutdown_free(struct shutdown **shutdown_at)
{
	struct shutdown *shutdown = *shutdown_at;
	*shutdown_at = NULL;
	if (!shutdown)
		return;
	free(shutdown->steps);
	free(shutdown);
}
