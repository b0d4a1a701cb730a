/* Rounds through the loops. */
#include "core/server/round.h"

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/container.h"
#include "core/server/reactor.h"

/* A loop's share. */
struct visit {
	struct round *round;
	struct plait_loop *loop;
	struct task task;
};

struct round {
	struct plait_reactor *reactor;
	round_fn *on_loop;
	plait_call_fn *done;
	void *arg;
	unsigned waiting; /* for so many loops */
	struct visit visits[];
};

static void on_answer(void *arg)
{
	struct round *round = arg;
	if (--round->waiting > 0)
		return;
	round->done(round->arg);
	free(round);
}

static void on_turn_end(struct task *task)
{
	struct round *round = CONTAINER_OF(task, struct visit, task)->round;
	plait_post(round->reactor->boss, on_answer, round);
}

static void on_visit(void *arg)
{
	struct visit *visit = arg;
	struct round *round = visit->round;
	if (round->on_loop)
		round->on_loop(visit->loop, round->arg);
	loop_defer(visit->loop, &visit->task);
}

void round_begin(struct plait_reactor *reactor, round_fn *on_loop, plait_call_fn *done, void *arg)
{
	unsigned count = workers_count(reactor->workers);
	struct round *round = alloc_zeroed(sizeof(*round) + count * sizeof(round->visits[0]),
					   "a round through the loops");
	round->reactor = reactor;
	round->on_loop = on_loop;
	round->done = done;
	round->arg = arg;
	round->waiting = count;
	for (unsigned i = 0; i < count; i++)
		round->visits[i] = (struct visit){ .round = round,
						   .loop = workers_loop(reactor->workers, i) };
	for (unsigned i = 0; i < count; i++)
		task_init(&round->visits[i].task, on_turn_end);
	for (unsigned i = 0; i < count; i++)
		plait_post(round->visits[i].loop, on_visit, &round->visits[i]);
}
