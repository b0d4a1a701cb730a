/* What all plays share: the steps of a script, what is seen of a play, and the judgement. */
#ifndef TESTS_CONFORMANCE_SCRIPT_H
#define TESTS_CONFORMANCE_SCRIPT_H

#include "core/base/buffer.h"
#include "tests/conformance/play.h"

/* Something that expectations name. see returns a new reference. A table of these ends with a NULL name. */
struct fact {
	const char *name;
	json_t *(*see)(void *play);
};

/* Something that scripts do. do_step returns NULL, or what is wrong with the step. A table of these ends with a NULL
 * name. */
struct op {
	const char *name;
	const char *(*do_step)(void *play, const json_t *step);
};

/* Why the case cannot be played; the first stays. */
void outcome_fault(struct outcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes the steps one by one. A new array: for each step, the facts that the same place of `after_step` in expect names;
 * null where it names none. An op or a fact that is not in the tables is the outcome's fault. */
json_t *script_play(const json_t *script, const json_t *expect, const struct op *ops,
		    const struct fact *facts, void *play, struct outcome *outcome);

/* Counts the play, and compares what is seen of it with all that expect names. */
bool script_judge(const json_t *expect, const struct fact *facts, void *play, struct outcome *outcome);

/* The bytes as a JSON string of hexadecimal digits: a new reference. */
json_t *script_hex(const struct buffer *bytes);

#endif
