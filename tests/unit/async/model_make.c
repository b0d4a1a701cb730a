/* The model of Deferreds: which operations it makes up. */
#include "tests/unit/async/model_parts.h"

#include <plait/deferred_list.h>

struct model_step model_steps[MODEL_STEPS];
int model_step_count;
static int callback_count, depth;
static uint32_t seed;

static void operate(void);

static int pick(int below)
{
	seed = seed * 1664525 + 1013904223;
	return (int)((seed >> 8) % (uint32_t)below);
}

static struct model_step *write_down(enum model_kind kind, int deferred, int number)
{
	struct model_step *step = &model_steps[model_step_count++];
	if (model_step_count > MODEL_STEPS - 300)
		model_full = true;
	*step = (struct model_step){ .kind = kind, .deferred = deferred, .number = number, .target = -1 };
	return step;
}

/* Operations from inside a callback or a canceller. */
static int operations(void)
{
	int made = 0;
	if (depth >= 4 || model_full)
		return 0;
	depth++;
	while (pick(4) == 0 && !model_full) {
		int before = model_step_count;
		operate();
		made += model_step_count > before;
	}
	depth--;
	return made;
}

static int held_one(void)
{
	for (int tries = 0; tries < 10 && model_all_count > 0; tries++) {
		int d = pick(model_all_count);
		if (model_all[d].handles > 0)
			return d;
	}
	return -1;
}

void model_answer(int d, int which, int got)
{
	int at = model_step_count;
	write_down(MODEL_CALLED, which, got);
	int made = operations();
	struct model_step *step = &model_steps[at];
	step->operations = made;
	int later = held_one(), inner;
	switch (pick(8)) {
	case 0:
	case 1:
		if (later < 0 || (model_depends(later, d, true) && !model_depends(later, d, false)))
			break;
		step->answer = MODEL_LATER;
		step->target = later;
		model_all[later].refs++;
		model_drop(got);
		model_wait_for(d, later);
		return;
	case 2:
		if (model_all_count > MODEL_DEFERREDS - 4)
			break;
		step->answer = MODEL_SUCCEEDED;
		inner = model_new_deferred();
		step->answer_number = model_new_value();
		model_fire(inner, step->answer_number, -1);
		model_drop(got);
		model_wait_for(d, inner);
		return;
	case 3:
		if (model_all_count > MODEL_DEFERREDS - 4)
			break;
		step->answer = MODEL_NOBODY;
		model_drop(got);
		model_wait_for(d, model_new_deferred());
		return;
	case 4:
		step->answer = MODEL_NUMBER;
		step->answer_number = model_new_value();
		model_drop(got);
		model_set(d, step->answer_number);
		return;
	case 5:
		step->answer = MODEL_NUMBER;
		step->answer_number = model_new_failure();
		model_drop(got);
		model_set(d, step->answer_number);
		return;
	default: break;
	}
	step->answer = MODEL_PASS;
	model_set(d, got);
}

void model_call_canceller(int d)
{
	int at = model_step_count;
	write_down(MODEL_CANCELLER, d, 0);
	int made = operations();
	struct model_step *step = &model_steps[at];
	step->operations = made;
	int choice = pick(4);
	if (choice > 1)
		return;
	step->answer = MODEL_NUMBER;
	step->answer_number = choice ? model_new_value() : model_new_failure();
	model_fire(d, step->answer_number, -1);
}

static void make_list(enum model_kind kind)
{
	static const int flags_of[] = { [MODEL_GATHER] = PLAIT_FIRE_ON_ONE_ERRBACK | PLAIT_CONSUME_ERRORS,
					[MODEL_RACE] = PLAIT_FIRE_ON_ONE_CALLBACK | PLAIT_CONSUME_ERRORS |
						       RACE };
	int flags = kind == MODEL_LIST ? pick(8) : flags_of[kind], l = model_new_deferred();
	struct model_step *step = write_down(kind, l, flags);
	struct model_deferred *list = &model_all[l];
	int inputs[MODEL_INPUTS], count = 0;
	for (int i = pick(MODEL_INPUTS + 1); i > 0; i--) {
		int d = held_one();
		if (d < 0)
			continue;
		model_all[d].handles--;
		inputs[count] = step->inputs[count] = d;
		count++;
	}
	step->input_count = list->input_count = list->winner = count;
	list->list = true;
	list->flags = flags;
	list->refs = 2; /* the test's and the list's own */
	for (int i = 0; i < count; i++)
		list->inputs[i] = -1;
	for (int i = 0; i < count; i++) {
		list->inputs[i] = inputs[i];
		model_add(inputs[i], (struct doing_step){ .doing = ENTRY, .which = l, .mask = i });
		model_run(inputs[i]);
		model_unref(inputs[i]);
	}
	if (count == 0)
		model_fire_list(l, 0);
	else if (list->decided && flags & RACE)
		model_cancel_inputs(l);
	model_add(l, (struct doing_step){ .doing = kind == MODEL_RACE ? PICK : FLATTEN, .which = l });
	model_run(l);
	list->handles = 1; /* nobody else knows it before */
}

static void make_one(void)
{
	int d = model_new_deferred();
	model_all[d].handles = 1;
	model_all[d].canceller = pick(2);
	write_down(MODEL_NEW, d, model_all[d].canceller);
}

static void fire_one(int d)
{
	int at = model_step_count, later = pick(4) == 0 ? held_one() : -1;
	struct model_step *step = write_down(MODEL_FIRE, d, 0);
	if (later >= 0 &&
	    (model_all[d].called || !model_depends(later, d, true) || model_depends(later, d, false))) {
		step->target = later;
		model_all[later].refs++;
	} else {
		later = -1;
		step->number = pick(3) ? model_new_value() : model_new_failure();
	}
	int returns = model_fire(d, model_steps[at].number, later);
	model_steps[at].returns = returns;
}

static void add_one(int d)
{
	struct model_step *step = write_down(MODEL_ADD, d, ++callback_count);
	step->mask = pick(3) + 1;
	model_add(d, (struct doing_step){ .doing = CALL, .which = step->number, .mask = step->mask });
	model_run(d);
}

static void limit(int d)
{
	int ms = pick(50);
	write_down(MODEL_TIMEOUT, d, ms);
	if (model_deadline_count >= STEPS - 20)
		model_full = true;
	model_deadlines[model_deadline_count] =
		(struct deadline){ .deferred = d, .due = model_now + (uint64_t)ms, .active = true };
	model_add(d, (struct doing_step){ .doing = DEADLINE, .which = model_deadline_count++ });
	model_run(d);
}

static void let_go(int d)
{
	write_down(MODEL_UNREF, d, 0);
	model_all[d].handles--;
	model_unref(d);
}

static void operate(void)
{
	int choice = pick(32), d = held_one();
	if (d < 0 || (choice < 4 && model_all_count <= MODEL_DEFERREDS - 8)) {
		if (model_all_count > MODEL_DEFERREDS - 4)
			model_full = true;
		else
			make_one();
		return;
	}
	if (choice < 8) {
		if (!model_all[d].list) /* which is nobody else's to fire */
			fire_one(d);
	} else if (choice < 18) {
		add_one(d);
	} else if (choice < 19) {
		write_down(MODEL_REF, d, 0);
		model_all[d].handles++;
		model_all[d].refs++;
	} else if (choice < 21) {
		let_go(d);
	} else if (choice < 23) {
		write_down(MODEL_PAUSE, d, 0);
		model_all[d].pauses++;
	} else if (choice < 26) {
		if (model_all[d].pauses == 0)
			return;
		write_down(MODEL_UNPAUSE, d, 0);
		if (--model_all[d].pauses == 0)
			model_run(d);
	} else if (choice < 28) {
		write_down(MODEL_CANCEL, d, 0);
		model_cancel(d);
	} else if (choice < 29) {
		limit(d);
	} else if (choice < 30) {
		/* The loop's timers are not run from inside themselves. */
		if (depth > 0)
			return;
		int ms = pick(40);
		write_down(MODEL_ADVANCE, 0, ms);
		model_advance(ms);
	} else if (model_all_count <= MODEL_DEFERREDS - 8) {
		make_list((enum model_kind)(MODEL_LIST + pick(3)));
	}
}

void model_begin(uint32_t new_seed)
{
	seed = new_seed * 2654435761u + 1;
	model_all_count = model_deadline_count = callback_count = model_number_count = depth = 0;
	model_values_alive = model_unhandled = 0;
	model_full = false;
}

bool model_operate(void)
{
	model_step_count = 0;
	if (model_full)
		return false;
	operate();
	return true;
}

bool model_operate_end(void)
{
	model_step_count = 0;
	model_full = true; /* callbacks only answer */
	for (int d = 0; d < model_all_count; d++) {
		if (model_all[d].handles == 0)
			continue;
		if (pick(3) == 0) {
			write_down(MODEL_CANCEL, d, 0);
			model_cancel(d);
		} else {
			let_go(d);
		}
		return true;
	}
	return false;
}

bool model_is_held(int deferred)
{
	return model_all[deferred].handles > 0;
}

bool model_has_result(int deferred)
{
	return model_all[deferred].has;
}

int model_deferred_count(void)
{
	return model_all_count;
}

int model_left(void)
{
	int left = 0;
	for (int d = 0; d < model_all_count; d++)
		left += !model_all[d].gone;
	return left;
}
