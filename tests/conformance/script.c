/* What all plays share: the steps of a script, what is seen of a play, and the judgement. */
#include "tests/conformance/script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/hex.h"

void outcome_fault(struct outcome *outcome, const char *format, ...)
{
	va_list args;

	if (outcome->fault[0])
		return;
	va_start(args, format);
	vsnprintf(outcome->fault, sizeof(outcome->fault), format, args);
	va_end(args);
}

static json_t *see(const struct fact *facts, const char *name, void *play)
{
	for (; facts->name; facts++) {
		if (!strcmp(facts->name, name))
			return facts->see(play);
	}
	return NULL;
}

static json_t *see_all(const json_t *wanted, const struct fact *facts, void *play, struct outcome *outcome)
{
	json_t *got = json_object(), *value;
	const char *name;

	json_object_foreach((json_t *)wanted, name, value)
	{
		json_t *seen = see(facts, name, play);

		if (seen)
			json_object_set_new(got, name, json_deep_copy(seen));
		else
			outcome_fault(outcome, "expects \"%s\", which is unknown", name);
		json_decref(seen);
	}
	return got;
}

static void take_step(const json_t *step, size_t index, const struct op *ops, void *play,
		      struct outcome *outcome)
{
	const char *name = json_string_value(json_object_get(step, "op"));

	for (; ops->name; ops++) {
		if (!name || strcmp(ops->name, name) != 0)
			continue;
		const char *wrong = ops->do_step(play, step);

		if (wrong)
			outcome_fault(outcome, "step %zu (%s) %s", index, name, wrong);
		return;
	}
	outcome_fault(outcome, "step %zu (%s) is unknown", index, name ? name : "without op");
}

json_t *script_play(const json_t *script, const json_t *expect, const struct op *ops,
		    const struct fact *facts, void *play, struct outcome *outcome)
{
	const json_t *after = json_object_get(expect, "after_step");
	json_t *seen = json_array(), *step;
	size_t index;

	json_array_foreach((json_t *)script, index, step)
	{
		const json_t *wanted = json_array_get(after, index);

		take_step(step, index, ops, play, outcome);
		json_array_append_new(seen, json_is_object(wanted) ? see_all(wanted, facts, play, outcome)
								   : json_null());
	}
	return seen;
}

bool script_judge(const json_t *expect, const struct fact *facts, void *play, struct outcome *outcome)
{
	json_t *got = see_all(expect, facts, play, outcome);

	outcome->plays++;
	outcome->good = !outcome->fault[0] && json_object_size(got) > 0 && json_equal(got, expect);
	if (outcome->good)
		json_decref(got);
	else
		outcome->got = got;
	return outcome->good;
}

json_t *script_hex(const struct buffer *bytes)
{
	size_t len = buffer_size(bytes);
	char *text = hex_encode(len ? buffer_data(bytes) : NULL, len);
	json_t *string = json_string(text);

	free(text);
	return string;
}
