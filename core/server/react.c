/* A program that is one function: plait_react. */
#include <plait/hook.h>
#include <plait/log.h>
#include <plait/reactor.h>

#include <stddef.h>

#include "core/base/log.h"

struct react {
	struct plait_reactor *reactor;
	plait_react_fn *fn;
	void *arg;
	struct plait_hook hook;
	struct plait_deferred *done; /* NULL: there is none, or it has its result */
	int code;                    /* of its failure */
};

static struct plait_result end(struct plait_result result, void *arg)
{
	struct react *react = arg;
	struct plait_deferred *done = react->done;
	react->done = NULL;
	if (result.failure) {
		react->code = result.failure->code;
		/* Called off by the end of the reactor, it has not failed. */
		if (react->code == PLAIT_ERROR_CANCELLED && react->hook.id == 0)
			react->code = 0;
		else
			plait_log(PLAIT_LOG_ERROR, "%s", result.failure->text);
	}
	plait_result_drop(&result);
	plait_deferred_unref(&done);
	plait_remove_hook(&react->hook);
	plait_reactor_stop(react->reactor);
	return plait_value(NULL);
}

/* The reactor stops before the function's Deferred has its result. */
static struct plait_deferred *call_off(void *arg)
{
	struct react *react = arg;
	react->hook = (struct plait_hook){ 0 };
	if (react->done) {
		struct plait_deferred *done = plait_deferred_ref(react->done);
		plait_deferred_cancel(done);
		plait_deferred_unref(&done);
	}
	return NULL;
}

static void begin(void *arg)
{
	struct react *react = arg;
	struct plait_loop *loop = plait_loop_current();
	struct plait_deferred *done = react->fn(loop, react->arg);
	if (!done)
		return;
	react->done = done;
	react->hook = plait_add_hook(loop, PLAIT_BEFORE_SHUTDOWN, call_off, react);
	plait_add_both(plait_deferred_ref(done), end, react);
	plait_deferred_unref(&done);
}

int plait_react(const struct plait_reactor_options *options, plait_react_fn *fn, void *arg)
{
	struct plait_error error;
	struct react react = { .fn = fn, .arg = arg };
	react.reactor = plait_reactor_new(options, &error);
	if (!react.reactor) {
		plait_log(PLAIT_LOG_ERROR, "%s", error.text);
		log_flush();
		return 1;
	}
	plait_call_when_running(plait_reactor_loop(react.reactor, 0), begin, &react);
	int result = plait_reactor_run(react.reactor);
	plait_reactor_free(&react.reactor);
	log_flush();
	return result < 0 || react.code < 0;
}
