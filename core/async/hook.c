/* Shutdown hooks: a list a loop, and the Deferreds that a phase of the shutdown waits for. */
#include "core/async/hook.h"

#include <stdlib.h>

#include <plait/error.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/loop/loop.h"

struct hook {
	struct hook *next;
	enum plait_shutdown_phase phase;
	uint64_t id;
	plait_hook_fn *fn;
	void *arg;
};

/* A hook's Deferred, one reference, until it fires. */
struct pending {
	struct pending *next, **at;
	struct hooks *hooks; /* NULL: it has left them, and nobody waits */
	struct plait_deferred *deferred;
};

struct hooks {
	struct hook *first;
	uint64_t last_id;
	struct pending *pending;
	unsigned waiting; /* what the phase waits for: Deferreds, and its own calling of hooks */
	plait_call_fn *answer;
	void *answer_arg;
	struct plait_loop *loop;
};

struct plait_hook plait_add_hook(struct plait_loop *loop, enum plait_shutdown_phase phase, plait_hook_fn *fn,
				 void *arg)
{
	loop_assert_here(loop);
	if (!loop->hooks) {
		loop->hooks = alloc_zeroed(sizeof(*loop->hooks), "a loop's hooks");
		loop->hooks->loop = loop;
	}
	struct hook *hook = alloc_zeroed(sizeof(*hook), "a hook"), **at = &loop->hooks->first;
	*hook = (struct hook){ .phase = phase, .id = ++loop->hooks->last_id, .fn = fn, .arg = arg };
	while (*at)
		at = &(*at)->next;
	*at = hook;
	return (struct plait_hook){ .loop = loop, .id = hook->id };
}

int plait_remove_hook(struct plait_hook *name)
{
	struct plait_hook wanted = *name;
	*name = (struct plait_hook){ 0 };
	if (!wanted.loop)
		return PLAIT_ERROR_GONE;
	loop_assert_here(wanted.loop);
	if (!wanted.loop->hooks)
		return PLAIT_ERROR_GONE;
	for (struct hook **at = &wanted.loop->hooks->first; *at; at = &(*at)->next) {
		struct hook *hook = *at;
		if (hook->id != wanted.id)
			continue;
		*at = hook->next;
		free(hook);
		return 0;
	}
	return PLAIT_ERROR_GONE;
}

bool hooks_need(const struct plait_loop *loop, struct code_range code)
{
	for (const struct hook *hook = loop->hooks ? loop->hooks->first : NULL; hook; hook = hook->next)
		if (code_range_has(code, (uintptr_t)hook->fn))
			return true;
	return false;
}

/* Takes the first hook of the phase out that was there when the phase began; NULL: there is none left. */
static struct hook *take(struct hooks *hooks, enum plait_shutdown_phase phase, uint64_t last_id)
{
	for (struct hook **at = &hooks->first; *at && (*at)->id <= last_id; at = &(*at)->next) {
		struct hook *hook = *at;
		if (hook->phase != phase)
			continue;
		*at = hook->next;
		return hook;
	}
	return NULL;
}

static void one_less(struct hooks *hooks)
{
	if (--hooks->waiting == 0)
		hooks->answer(hooks->answer_arg);
}

static void leave(struct pending *pending)
{
	*pending->at = pending->next;
	if (pending->next)
		pending->next->at = pending->at;
	pending->hooks = NULL;
}

static struct plait_result on_fired(struct plait_result result, void *arg)
{
	struct pending *pending = arg;
	struct hooks *hooks = pending->hooks;
	if (result.failure)
		log_write(PLAIT_LOG_ERROR, NULL, "a shutdown hook failed: %s (%d), from %s at %s:%d",
			  result.failure->text, result.failure->code, result.failure->function,
			  result.failure->file, result.failure->line);
	plait_result_drop(&result);
	if (hooks)
		leave(pending);
	plait_deferred_unref(&pending->deferred);
	free(pending);
	if (hooks)
		one_less(hooks);
	return plait_value(NULL);
}

static void wait_for(struct hooks *hooks, struct plait_deferred *deferred, uint64_t timeout_ms)
{
	struct pending *pending = alloc_zeroed(sizeof(*pending), "a hook's Deferred");
	pending->hooks = hooks;
	pending->deferred = deferred;
	pending->at = &hooks->pending;
	pending->next = hooks->pending;
	if (pending->next)
		pending->next->at = &pending->next;
	hooks->pending = pending;
	hooks->waiting++;
	plait_deferred_ref(deferred); /* on_fired may come at once */
	plait_add_timeout(deferred, hooks->loop, timeout_ms);
	plait_add_both(deferred, on_fired, pending);
	plait_deferred_unref(&deferred);
}

void hooks_run(struct plait_loop *loop, enum plait_shutdown_phase phase, uint64_t timeout_ms,
	       plait_call_fn *answer, void *arg)
{
	struct hooks *hooks = loop->hooks;
	if (!hooks) {
		answer(arg);
		return;
	}
	uint64_t last_id = hooks->last_id;
	hooks->answer = answer;
	hooks->answer_arg = arg;
	hooks->waiting = 1;
	for (struct hook *hook = take(hooks, phase, last_id); hook; hook = take(hooks, phase, last_id)) {
		struct plait_deferred *deferred = hook->fn(hook->arg);
		free(hook);
		if (deferred)
			wait_for(hooks, deferred, timeout_ms);
	}
	one_less(hooks);
}

void hooks_free(struct plait_loop *loop)
{
	struct hooks *hooks = loop->hooks;
	if (!hooks)
		return;
	loop_enter(loop);
	while (hooks->pending) {
		struct pending *pending = hooks->pending;
		leave(pending); /* now: one that is paused may fire when all is gone */
		plait_deferred_cancel(pending->deferred);
	}
	loop_enter(NULL);
	loop->hooks = NULL;
	while (hooks->first) {
		struct hook *hook = hooks->first;
		hooks->first = hook->next;
		free(hook);
	}
	free(hooks);
}
