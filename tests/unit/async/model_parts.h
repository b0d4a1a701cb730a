/* What the two halves of the model share: what it knows of each Deferred, and what can be done to one. */
#ifndef TESTS_UNIT_ASYNC_MODEL_PARTS_H
#define TESTS_UNIT_ASYNC_MODEL_PARTS_H

#include "tests/unit/async/model.h"

#define STEPS 400
#define RACE 0x100 /* beside enum plait_list_flags */

/* What is to be done with a result. */
enum doing { CALL, WAIT, ENTRY, FLATTEN, PICK, DEADLINE };
struct doing_step {
	enum doing doing;
	int which; /* the callback, the waiter, the list, the deadline */
	int mask;  /* of CALL; of ENTRY: the index */
};

struct model_deferred {
	int refs, handles, pauses;
	bool made, called, has, running, cancelling, late, gone, canceller;
	int result;
	int waiting; /* -1: for none */
	struct doing_step steps[STEPS];
	int first, count;
	/* Of a list: */
	bool list;
	int flags, inputs[MODEL_INPUTS], results[MODEL_INPUTS], input_count, done, winner;
	bool input_done[MODEL_INPUTS], recorded[MODEL_INPUTS];
	bool decided;
};

struct deadline {
	int deferred;
	uint64_t due;
	bool active, expired;
};

extern struct model_deferred model_all[MODEL_DEFERREDS];
extern struct deadline model_deadlines[STEPS];
extern int model_all_count, model_deadline_count, model_number_count;
extern uint64_t model_now;
extern bool model_full; /* there is no room for more */

int model_new_value(void);
int model_new_failure(void);
void model_drop(int result);

int model_new_deferred(void);
void model_unref(int d);
void model_set(int d, int result);
int model_take(int d);
void model_add(int d, struct doing_step step);
void model_run(int d);
int model_fire(int d, int result, int later); /* later: a Deferred, or -1 */
void model_cancel(int d);
void model_advance(int ms);
void model_wait_for(int d, int inner); /* a reference to inner is taken over */

/* Does a wait for b? through_lists: also as something that is in a list. */
bool model_depends(int a, int b, bool through_lists);

void model_cancel_inputs(int l);
void model_fire_list(int l, int failure); /* with a failure, or with the outcomes */

/* Made up: what a callback does and answers for the Deferred, and what a canceller does. */
void model_answer(int d, int which, int got);
void model_call_canceller(int d);

#endif
