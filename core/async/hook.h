/* Shutdown hooks from the inside: those of one loop. */
#ifndef ASYNC_HOOK_H
#define ASYNC_HOOK_H

#include <plait/hook.h>

#include "core/base/code_range.h"

/* On the loop: calls those of a phase that are there now, and then answer(arg), soon or when the Deferreds that they
 * returned have fired or were cancelled after timeout_ms. One phase of a loop at a time. */
void hooks_run(struct plait_loop *loop, enum plait_shutdown_phase phase, uint64_t timeout_ms,
	       plait_call_fn *answer, void *arg);

/* Whether one leads into that code. On the loop. */
bool hooks_need(const struct plait_loop *loop, struct code_range code);

/* After the loop's thread has ended: cancels what is still waited for, without an answer, and forgets the rest. */
void hooks_free(struct plait_loop *loop);

#endif
