/* Thousands of random operations on Deferreds, each compared with what a simple model says. A single episode is played
 * by its number: PLAIT_MODEL_SEED=123. */
#include <plait/deferred_list.h>

#include <stdio.h>
#include <stdlib.h>

#include "core/async/failure.h"
#include "core/base/log.h"
#include "tests/unit/async/fixture.h"
#include "tests/unit/async/model.h"
#include "tests/unit/rig.h"
#include "tests/unit/suite.h"

#define EPISODES 3000
#define OPERATIONS 120

static struct rig rig;
static struct plait_deferred *real[MODEL_DEFERREDS];
static int position;
static bool wrong;
static unsigned long calls;

static void operate_really(void);

/* The next that the model has done. */
static const struct model_step *next_step(void)
{
	static const struct model_step none = { .kind = MODEL_ADVANCE };
	if (position < model_step_count)
		return &model_steps[position++];
	wrong = true;
	return &none;
}

static void operations(const struct model_step *step)
{
	for (int i = 0; i < step->operations && !wrong; i++)
		operate_really();
}

static struct plait_result result_of(int number)
{
	return number > 0 ? value(number) : plait_failed(failure_of(number));
}

static int seen(struct plait_result result)
{
	return result.failure ? result.failure->code : number_of(result);
}

static struct plait_result called(struct plait_result result, void *arg)
{
	const struct model_step *step = next_step();
	calls++;
	if (step->kind != MODEL_CALLED || step->deferred != (int)(intptr_t)arg ||
	    step->number != seen(result)) {
		wrong = true;
		return result;
	}
	operations(step);
	if (step->answer == MODEL_PASS)
		return result;
	plait_result_drop(&result);
	switch (step->answer) {
	case MODEL_LATER: return plait_later(plait_deferred_ref(real[step->target]));
	case MODEL_SUCCEEDED: return plait_later(plait_succeed(value(step->answer_number)));
	case MODEL_NOBODY: return plait_later(plait_deferred_new(NULL, NULL));
	default: return result_of(step->answer_number);
	}
}

static void canceller(struct plait_deferred *deferred, void *arg)
{
	const struct model_step *step = next_step();
	if (step->kind != MODEL_CANCELLER || step->deferred != (int)(intptr_t)arg ||
	    deferred != real[step->deferred]) {
		wrong = true;
		return;
	}
	operations(step);
	if (step->answer == MODEL_NUMBER)
		plait_deferred_callback(deferred, result_of(step->answer_number));
}

static struct plait_result flatten(struct plait_result result, void *arg)
{
	const struct plait_outcomes *outcomes = result.value;
	unsigned sum = (unsigned)outcomes->index;
	(void)arg;
	for (size_t i = 0; i < outcomes->count; i++)
		sum = sum * 31 + outcomes->items[i].done * 7u + (unsigned)seen(outcomes->items[i].result);
	plait_result_drop(&result);
	return value((int)(sum % (MODEL_OUTCOMES / 2)) + MODEL_OUTCOMES / 2);
}

static void make_list(const struct model_step *step)
{
	struct plait_deferred *inputs[MODEL_INPUTS];
	size_t count = (size_t)step->input_count;
	for (size_t i = 0; i < count; i++)
		inputs[i] = real[step->inputs[i]];
	struct plait_deferred **list = &real[step->deferred];
	if (step->kind == MODEL_RACE) {
		*list = plait_race(inputs, count);
		return;
	}
	*list = step->kind == MODEL_GATHER ? plait_gather(inputs, count)
					   : plait_deferred_list(inputs, count, (unsigned)step->number);
	plait_add_callback(*list, flatten, NULL);
}

static void operate_really(void)
{
	const struct model_step *step = next_step();
	struct plait_deferred *deferred = real[step->deferred];
	void *callback = (void *)(intptr_t)step->number;
	switch (step->kind) {
	case MODEL_NEW:
		real[step->deferred] = plait_deferred_new(step->number ? canceller : NULL,
							  (void *)(intptr_t)step->deferred);
		break;
	case MODEL_REF: plait_deferred_ref(deferred); break;
	case MODEL_UNREF: plait_deferred_unref(&deferred); break;
	case MODEL_FIRE:
		if (plait_deferred_callback(deferred,
					    step->target >= 0
						    ? plait_later(plait_deferred_ref(real[step->target]))
						    : result_of(step->number)) != step->returns)
			wrong = true;
		break;
	case MODEL_ADD:
		plait_add_callbacks(deferred, step->mask & 1 ? called : NULL, step->mask & 2 ? called : NULL,
				    callback);
		break;
	case MODEL_PAUSE: plait_deferred_pause(deferred); break;
	case MODEL_UNPAUSE: plait_deferred_unpause(deferred); break;
	case MODEL_CANCEL: plait_deferred_cancel(deferred); break;
	case MODEL_TIMEOUT: plait_add_timeout(deferred, rig.loop, (uint64_t)step->number); break;
	case MODEL_ADVANCE: rig_advance(&rig, (uint64_t)step->number); break;
	case MODEL_LIST:
	case MODEL_GATHER:
	case MODEL_RACE: make_list(step); break;
	default: wrong = true;
	}
}

/* Does what the model did, and compares. */
static bool follow(unsigned long unhandled_before)
{
	position = 0;
	while (position < model_step_count && !wrong)
		operate_really();
	for (int d = 0; d < model_deferred_count() && !wrong; d++) {
		if (model_is_held(d) && plait_deferred_called(real[d]) != model_has_result(d)) {
			printf("# Deferred %d should%s have a result\n", d,
			       model_has_result(d) ? "" : " not");
			wrong = true;
		}
	}
	unsigned long unhandled = failures_unhandled() - unhandled_before;
	if (values_alive != model_values_alive || unhandled != (unsigned long)model_unhandled) {
		printf("# %d values instead of %d are alive, %lu failures instead of %d unhandled\n",
		       values_alive, model_values_alive, unhandled, model_unhandled);
		wrong = true;
	}
	return !wrong;
}

static void explain(uint32_t seed)
{
	printf("# episode %u goes wrong at step %d of %d\n", seed, position, model_step_count);
	for (int i = 0; i < model_step_count && i < position + 3; i++) {
		const struct model_step *step = &model_steps[i];
		printf("#   %d: kind %d, deferred %d, number %d, target %d, answer %d %d, %d inside\n", i,
		       (int)step->kind, step->deferred, step->number, step->target, (int)step->answer,
		       step->answer_number, step->operations);
	}
}

static bool play(uint32_t seed)
{
	unsigned long unhandled_before = failures_unhandled();
	rig_init(&rig);
	model_begin(seed);
	for (int i = 0; i < OPERATIONS && model_operate(); i++) {
		if (!follow(unhandled_before)) {
			explain(seed);
			return false;
		}
	}
	while (model_operate_end()) {
		if (!follow(unhandled_before)) {
			explain(seed);
			return false;
		}
	}
	rig_fini(&rig);
	return model_left() == 0 && values_alive == 0;
}

static void real_ones_do_as_the_model(void)
{
	const char *chosen = getenv("PLAIT_MODEL_SEED");
	uint32_t first = chosen ? (uint32_t)strtoul(chosen, NULL, 10) : 1, last = chosen ? first : EPISODES;
	log_configure(PLAIT_LOG_ERROR, LOG_HUMAN);
	for (uint32_t seed = first; seed <= last; seed++) {
		bool right = play(seed);
		CU_ASSERT_TRUE(right);
		if (!right) {
			printf("# episode %u: %d Deferreds and %d values are left\n", seed, model_left(),
			       values_alive);
			break;
		}
	}
	printf("# %lu callbacks were called\n", calls);
	CU_ASSERT_TRUE(chosen || calls > 10 * EPISODES);
}

SUITE_MAIN("deferred_model", SUITE_TEST(real_ones_do_as_the_model))
