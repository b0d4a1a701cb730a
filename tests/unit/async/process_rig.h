/* Children on a loop of their own: what is heard of each is written down. */
#ifndef TESTS_UNIT_ASYNC_PROCESS_RIG_H
#define TESTS_UNIT_ASYNC_PROCESS_RIG_H

#include <plait/process.h>

#include "core/base/buffer.h"
#include "core/loop/loop.h"

#define HEARD_FDS 8

/* What was heard of one child. */
struct heard {
	struct plait_process *process; /* NULL once it has ended */
	struct buffer from[HEARD_FDS]; /* by the child's descriptor */
	char events[256];              /* "closed(0) exited(0) ended(0)"; without data */
	struct plait_exit exit;
	unsigned exited, ended, closed[HEARD_FDS], drained;
	bool bad_order;
	void (*on_data)(struct heard *heard, int child_fd); /* after it was written down; may be NULL */
	void (*on_drained)(struct heard *heard);
	void (*on_exited)(struct heard *heard);
	void (*on_ended)(struct heard *heard);
	void *arg;
};

extern struct plait_loop *loop;
extern const struct plait_process_callbacks heard_callbacks;

/* Of the process at this moment; remembers, for rig_close, what must be left at the end. */
void rig_open(void);

/* What is called when it has run for the last time; rig_close may follow. */
void end_loop(void);

/* Ends the loop; asserts that there are as many descriptors as before, and no child, dead or alive. */
void rig_close(void);

/* Spawns with those callbacks; the test fails when it does not. */
void spawn(struct heard *heard, struct plait_spawn_options options);
void spawn_shell(struct heard *heard, const char *script); /* /bin/sh -c */
void forget(struct heard *heard);

/* Turns the loop until it is true. */
#define RUN_UNTIL(condition)                                                                                 \
	do                                                                                                   \
		loop_turn(loop, !(condition));                                                               \
	while (!(condition))

void run_to_end(struct heard *heard);
bool heard_text(const struct heard *heard, int child_fd, const char *text);

unsigned count_fds(void);
unsigned count_children(void); /* zombies, too */

#endif
