/* A program that is one function: plait_react. */
#include <plait/hook.h>
#include <plait/log.h>
#include <plait/reactor.h>

#include <stdlib.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/loop/loop.h"
#include "core/server/reactor.h"

struct react {
	struct plait_reactor *reactor;
	plait_react_fn *fn;
	void *arg;
	struct plait_hook hook;      /* none, once the reactor stops */
	struct plait_deferred *done; /* NULL: there is none, it has its result, or nobody waits for that */
	int code;                    /* of its failure */
	bool coming;                 /* end is still to be called */
	bool over;                   /* plait_react has returned, and end has the rest */
};

static struct plait_result end(struct plait_result result, void *arg)
{
	struct react *react = arg;
	if (react->over) {
		free(react);
		return result;
	}
	react->coming = false;
	if (result.failure) {
		react->code = result.failure->code;
		/* Called off by the end of the reactor, it has not failed. */
		if (react->code == PLAIT_ERROR_CANCELLED && react->hook.id == 0)
			react->code = 0;
		else
			plait_log(PLAIT_LOG_ERROR, "%s", result.failure->text);
	}
	plait_result_drop(&result);
	plait_deferred_unref(&react->done);
	if (plait_remove_hook(&react->hook) == 0)
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
	react->coming = true;
	react->hook = plait_add_hook(loop, PLAIT_BEFORE_SHUTDOWN, call_off, react);
	plait_add_both(plait_deferred_ref(done), end, react);
	plait_deferred_unref(&done);
}

/* Its loops have ended, and nothing that runs on them will give the Deferred its result. */
static void stop_waiting(struct react *react)
{
	struct plait_loop *before = plait_loop_current();
	react->hook = (struct plait_hook){ 0 };
	loop_enter(plait_reactor_loop(react->reactor, 0));
	plait_deferred_unref(&react->done);
	loop_enter(before);
}

int plait_react(const struct plait_reactor_options *options, plait_react_fn *fn, void *arg)
{
	struct plait_error error;
	struct react *react = alloc_zeroed(sizeof(*react), "a program");
	*react = (struct react){ .reactor = plait_reactor_new(options, &error), .fn = fn, .arg = arg };
	if (!react->reactor) {
		plait_log(PLAIT_LOG_ERROR, "%s", error.text);
		log_flush();
		free(react);
		return 1;
	}
	plait_call_when_running(plait_reactor_loop(react->reactor, 0), begin, react);
	int result = plait_reactor_run(react->reactor);
	if (react->reactor->stuck) /* one of its threads may still want all of this */
		return 1;
	stop_waiting(react);
	plait_reactor_free(&react->reactor);
	log_flush();
	int status = result < 0 || react->code < 0;
	react->over = true;
	if (!react->coming)
		free(react);
	return status;
}
