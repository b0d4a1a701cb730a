/* A loop with a pool of threads, both run by the test. */
#include "tests/unit/async/pooled.h"

#include <stdlib.h>

struct plait_loop *loop;

void pooled_open(void)
{
	loop = loop_new(0, 1);
	if (!loop)
		abort();
	loop->threads = pool_new();
	loop_enter(loop);
}

bool pooled_close(void)
{
	struct threads *threads = loop->threads;
	bool all = threads_stop(threads);
	if (!all)
		return false;
	loop_free(&loop);
	threads_free(&threads);
	return true;
}

struct plait_result pooled_keep(struct plait_result result, void *arg)
{
	struct plait_result *kept = arg;
	*kept = result;
	return plait_value(NULL);
}

bool pooled_kept(const struct plait_result *result)
{
	return result->value || result->failure;
}

void pooled_wait(const struct plait_result *result)
{
	while (!pooled_kept(result))
		loop_turn(loop, true);
}
