/* The model of Deferreds: what each operation does. */
#include "tests/unit/async/model_parts.h"

#include <stdlib.h>
#include <string.h>

#include <plait/deferred_list.h>

int model_values_alive, model_unhandled, model_all_count, model_deadline_count, model_number_count;
struct model_deferred model_all[MODEL_DEFERREDS];
struct deadline model_deadlines[STEPS];
uint64_t model_now;
bool model_full;

/* ---- results ---- */

int model_new_value(void)
{
	model_values_alive++;
	return ++model_number_count;
}

int model_new_failure(void)
{
	return -100 - ++model_number_count;
}

void model_drop(int result)
{
	if (result >= MODEL_OUTCOMES) {
		struct model_deferred *list = &model_all[result - MODEL_OUTCOMES];
		for (int i = 0; i < list->input_count; i++) {
			model_drop(list->results[i]);
			list->results[i] = 0;
		}
	} else if (result > 0) {
		model_values_alive--;
	}
}

void model_set(int d, int result)
{
	model_all[d].result = result;
	model_all[d].has = true;
}

int model_take(int d)
{
	int result = model_all[d].result;
	model_all[d].result = 0;
	return result;
}

void model_add(int d, struct doing_step step)
{
	if (model_all[d].count >= STEPS)
		abort();
	model_all[d].steps[model_all[d].count++] = step;
	if (model_all[d].count > STEPS - 100)
		model_full = true;
}

static bool has_steps(int d)
{
	return model_all[d].first < model_all[d].count;
}

static bool is_ready(int d)
{
	return model_all[d].has && model_all[d].pauses == 0;
}

bool model_depends(int a, int b, bool through_lists)
{
	if (a == b)
		return true;
	if (model_all[a].waiting >= 0)
		return model_depends(model_all[a].waiting, b, through_lists);
	for (int i = 0;
	     through_lists && model_all[a].list && !model_all[a].called && i < model_all[a].input_count;
	     i++) {
		if (!model_all[a].input_done[i] && model_depends(model_all[a].inputs[i], b, true))
			return true;
	}
	return false;
}

void model_wait_for(int d, int inner)
{
	if (model_depends(inner, d, false)) {
		model_set(d, PLAIT_ERROR_INVALID);
	} else if (is_ready(inner) && !model_all[inner].running) {
		model_set(d, model_take(inner));
	} else {
		model_all[d].waiting = inner;
		model_all[d].refs++;
		model_add(inner, (struct doing_step){ .doing = WAIT, .which = d });
	}
	model_unref(inner);
}

int model_new_deferred(void)
{
	int d = model_all_count++;
	memset(&model_all[d], 0, sizeof(model_all[d]));
	model_all[d].made = true;
	model_all[d].refs = 1;
	model_all[d].waiting = -1;
	return d;
}

int model_fire(int d, int result, int later)
{
	if (model_all[d].called) {
		bool late = model_all[d].late;
		model_all[d].late = false;
		model_drop(result);
		if (later >= 0)
			model_unref(later);
		return late ? 0 : PLAIT_ERROR_INVALID;
	}
	model_all[d].called = true;
	model_all[d].refs++;
	if (later >= 0)
		model_wait_for(d, later);
	else
		model_set(d, result);
	model_run(d);
	model_unref(d);
	return 0;
}

/* ---- lists ---- */

void model_cancel_inputs(int l)
{
	for (int i = 0; i < model_all[l].input_count; i++) {
		int d = model_all[l].inputs[i];
		if (d < 0 || model_all[l].input_done[i])
			continue;
		model_all[d].refs++;
		model_cancel(d);
		model_unref(d);
	}
}

void model_fire_list(int l, int failure)
{
	model_all[l].decided = true;
	if (failure)
		model_drop(MODEL_OUTCOMES + l);
	if (model_all[l].flags & RACE)
		model_cancel_inputs(l);
	model_fire(l, failure ? failure : MODEL_OUTCOMES + l, -1);
	model_unref(l);
}

static int end_entry(int l, int i, int result)
{
	struct model_deferred *list = &model_all[l];
	list->input_done[i] = true;
	bool consume = list->flags & PLAIT_CONSUME_ERRORS && result < 0;
	if (!list->decided) {
		list->results[i] = result;
		list->recorded[i] = true;
		list->done++;
		if (result < 0 && list->flags & PLAIT_FIRE_ON_ONE_ERRBACK) {
			model_fire_list(l, result);
		} else if (result >= 0 && list->flags & PLAIT_FIRE_ON_ONE_CALLBACK) {
			list->winner = i;
			model_fire_list(l, 0);
		} else if (list->done == list->input_count) {
			model_fire_list(l, 0);
		}
		if (result >= 0)
			return 0;
	}
	return consume ? 0 : result;
}

/* What a test makes of the outcomes: a value of its own, by which all can be told. */
static int flatten(int l)
{
	unsigned sum = (unsigned)model_all[l].winner;
	for (int i = 0; i < model_all[l].input_count; i++)
		sum = sum * 31 + (unsigned)model_all[l].recorded[i] * 7 + (unsigned)model_all[l].results[i];
	model_drop(MODEL_OUTCOMES + l);
	model_values_alive++;
	return (int)(sum % (MODEL_OUTCOMES / 2)) + MODEL_OUTCOMES / 2;
}

static int pick_winner(int l)
{
	if (model_all[l].input_count == 0)
		return PLAIT_ERROR_INVALID;
	if (model_all[l].winner == model_all[l].input_count)
		return model_all[l].results[0];
	int result = model_all[l].results[model_all[l].winner];
	model_all[l].results[model_all[l].winner] = 0;
	model_drop(MODEL_OUTCOMES + l);
	return result;
}

/* ---- running ---- */

static int end_deadline(int which, int result)
{
	struct deadline *deadline = &model_deadlines[which];
	deadline->active = false;
	return deadline->expired && result == PLAIT_ERROR_CANCELLED ? PLAIT_ERROR_TIMEOUT : result;
}

static void do_step(int d, struct doing_step step)
{
	int waiter = step.which, result = model_all[d].result;
	switch (step.doing) {
	case WAIT:
		model_all[waiter].waiting = -1;
		model_set(waiter, model_take(d));
		model_run(waiter);
		model_unref(waiter);
		return;
	case CALL:
		if (!(step.mask & (result < 0 ? 2 : 1)))
			return;
		model_all[d].has = false;
		model_answer(d, step.which, model_take(d));
		return;
	case ENTRY:
		model_all[d].has = false;
		model_set(d, end_entry(step.which, step.mask, model_take(d)));
		return;
	case FLATTEN:
	case PICK:
		if (result >= 0)
			model_set(d, step.doing == FLATTEN ? flatten(d) : pick_winner(d));
		return;
	default: model_all[d].has = false; model_set(d, end_deadline(step.which, model_take(d)));
	}
}

void model_run(int d)
{
	if (model_all[d].running)
		return;
	model_all[d].running = true;
	model_all[d].refs++;
	while (is_ready(d) && has_steps(d))
		do_step(d, model_all[d].steps[model_all[d].first++]);
	model_all[d].running = false;
	model_unref(d);
}

void model_unref(int d)
{
	if (model_all[d].refs <= 0)
		abort();
	if (--model_all[d].refs > 0)
		return;
	if (!has_steps(d)) {
		model_all[d].gone = true;
		if (model_all[d].result < 0)
			model_unhandled++;
		model_drop(model_take(d));
		return;
	}
	model_all[d].refs++;
	model_all[d].pauses = 0;
	if (!model_all[d].called) {
		model_all[d].called = true;
		model_set(d, PLAIT_ERROR_GONE);
	}
	model_run(d);
	model_unref(d);
}

void model_cancel(int d)
{
	while (model_all[d].waiting >= 0)
		d = model_all[d].waiting;
	if (model_all[d].called || model_all[d].cancelling)
		return;
	model_all[d].refs++;
	model_all[d].cancelling = true;
	if (model_all[d].list) {
		model_cancel_inputs(d);
		if (!model_all[d].decided)
			model_fire_list(d, PLAIT_ERROR_CANCELLED);
	} else if (model_all[d].canceller) {
		model_call_canceller(d);
	} else {
		model_all[d].late = true;
	}
	model_all[d].cancelling = false;
	if (!model_all[d].called)
		model_fire(d, PLAIT_ERROR_CANCELLED, -1);
	model_unref(d);
}

void model_advance(int ms)
{
	model_now += (uint64_t)ms;
	for (;;) {
		struct deadline *next = NULL;
		for (int i = 0; i < model_deadline_count; i++) {
			struct deadline *deadline = &model_deadlines[i];
			if (deadline->active && deadline->due <= model_now &&
			    (!next || deadline->due < next->due))
				next = deadline;
		}
		if (!next)
			return;
		next->active = false;
		next->expired = true;
		int d = next->deferred;
		model_all[d].refs++;
		model_cancel(d);
		model_unref(d);
	}
}
