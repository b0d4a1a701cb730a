/* Rounds through the loops that wait for nobody. */
#include "core/server/gather.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/alloc.h"
#include "core/server/reactor.h"
#include "core/server/round.h"

#define PATIENCE_MS 1000

struct gather {
	struct plait_reactor *reactor;
	struct gathering gathering;
	void *arg;
	void *question;
	struct plait_timer patience;
	bool told;
	size_t stride; /* of parts */
	char *parts;
	atomic_bool answered[];
};

static void tell(struct gather *gather)
{
	if (gather->told)
		return;
	gather->told = true;
	plait_timer_cancel(&gather->patience);
	gather->gathering.done(gather, gather->arg);
}

static void on_impatient(void *arg)
{
	tell(arg);
}

static void *part_at(const struct gather *gather, unsigned loop)
{
	return gather->parts + loop * gather->stride;
}

static void on_loop(struct plait_loop *loop, void *arg)
{
	struct gather *gather = arg;
	if (gather->gathering.on_loop)
		gather->gathering.on_loop(loop, part_at(gather, loop->index), gather->question);
	atomic_store_explicit(&gather->answered[loop->index], true, memory_order_release);
}

static void on_all(void *arg)
{
	struct gather *gather = arg;
	tell(gather);
	for (unsigned i = 0; gather->gathering.fini && i < gather_loops(gather); i++)
		gather->gathering.fini(part_at(gather, i));
	free(gather->parts);
	free(gather->question);
	free(gather);
}

void gather_begin(struct plait_reactor *reactor, const struct gathering *gathering, void *arg)
{
	static const size_t align = _Alignof(max_align_t);
	unsigned loops = workers_count(reactor->workers);
	struct gather *gather = alloc_zeroed(sizeof(*gather) + loops * sizeof(gather->answered[0]),
					     "a question to the loops");
	gather->reactor = reactor;
	gather->gathering = *gathering;
	gather->arg = arg;
	gather->stride = (gathering->part_size + align - 1) / align * align;
	gather->parts = alloc_zeroed(loops * gather->stride + 1, "the loops' answers");
	gather->question = alloc_zeroed(gathering->question_size + 1, "a question to the loops");
	if (gathering->question_size > 0)
		memcpy(gather->question, gathering->question, gathering->question_size);
	gather->patience = plait_call_later(reactor->boss, PATIENCE_MS, on_impatient, gather);
	round_begin(reactor, on_loop, on_all, gather);
}

bool gather_answered(const struct gather *gather, unsigned loop)
{
	return atomic_load_explicit(&gather->answered[loop], memory_order_acquire);
}

void *gather_part(struct gather *gather, unsigned loop)
{
	return gather_answered(gather, loop) ? part_at(gather, loop) : NULL;
}

unsigned gather_loops(const struct gather *gather)
{
	return workers_count(gather->reactor->workers);
}

unsigned gather_missing(const struct gather *gather)
{
	unsigned missing = 0;
	for (unsigned i = 0; i < gather_loops(gather); i++)
		missing += !gather_answered(gather, i);
	return missing;
}
