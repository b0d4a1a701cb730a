/* A model of Deferreds: numbers in arrays, nothing freed, no care for the depth of the stack. It makes up random operations,
 * also inside callbacks, does them, and writes down what it did, so that the real ones can do the same. */
#ifndef TESTS_UNIT_ASYNC_MODEL_H
#define TESTS_UNIT_ASYNC_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_DEFERREDS 48
#define MODEL_STEPS 4000 /* of one operation, with all that it leads to */
#define MODEL_INPUTS 4

/* A result: a value above 0, an empty one 0, a failure's code below. OUTCOMES + i: what the list i came to. */
#define MODEL_OUTCOMES (1 << 24)

enum model_kind {
	MODEL_NEW,     /* deferred: its number; number: it has a canceller */
	MODEL_REF,     /* deferred */
	MODEL_UNREF,   /* deferred */
	MODEL_FIRE,    /* deferred, number or target, returns */
	MODEL_ADD,     /* deferred, number: the callback's; mask: 1 for values, 2 for failures */
	MODEL_PAUSE,   /* deferred */
	MODEL_UNPAUSE, /* deferred */
	MODEL_CANCEL,  /* deferred */
	MODEL_TIMEOUT, /* deferred, number: ms */
	MODEL_ADVANCE, /* number: ms */
	MODEL_LIST, /* deferred: its number; number: flags; inputs, of whose references the list takes one each */
	MODEL_GATHER, /* deferred, inputs */
	MODEL_RACE,   /* deferred, inputs */
	MODEL_CALLED, /* the callback `deferred` is called with number; does so many operations and answers */
	MODEL_CANCELLER, /* that of deferred; the same, the answer being what it fires with */
};

enum model_answer {
	MODEL_PASS,      /* with what it got; of a canceller: it does not fire */
	MODEL_NUMBER,    /* with a result of its own */
	MODEL_LATER,     /* with a Deferred, to which it takes a reference */
	MODEL_SUCCEEDED, /* with a Deferred of that value, which nobody else holds */
	MODEL_NOBODY,    /* with one that nobody can fire */
};

struct model_step {
	enum model_kind kind;
	int deferred, number, target, mask, returns;
	int inputs[MODEL_INPUTS], input_count;
	int operations; /* made from inside */
	enum model_answer answer;
	int answer_number;
};

extern struct model_step model_steps[MODEL_STEPS];
extern int model_step_count;

/* What must be true of the real ones after an operation, too. */
extern int model_values_alive, model_unhandled;
bool model_is_held(int deferred); /* by the test */
bool model_has_result(int deferred);
int model_deferred_count(void); /* all so far */
int model_left(void);           /* those that are not freed */

void model_begin(uint32_t seed);

/* Makes up one operation. False: there is no room for more; the episode should end. */
bool model_operate(void);

/* One operation to end with: unpause, cancel or let go. False: nothing is held any more. */
bool model_operate_end(void);

#endif
