/* From the birth of a child to its program: what is done in between, and how the parent learns what failed. */
#ifndef ASYNC_PROCESS_CHILD_H
#define ASYNC_PROCESS_CHILD_H

#include <plait/process.h>

/* The child's descriptor target is to be our source. */
struct child_fd {
	int target, source;
};

/* All that the child needs, made by the parent: the child has no memory to ask for. */
struct child_plan {
	const char *const
		*candidates; /* paths of the program, ended by NULL; the first that is there is run */
	const char *const *argv, *const *env;
	const char *cwd; /* NULL: ours */
	const struct plait_process_user *user;
	struct child_fd *fds; /* by rising targets; the child may change them */
	size_t fd_count;
	bool new_group, new_session;
	bool terminal; /* 0 is to be the controlling one */
};

enum child_step {
	CHILD_STEP_NONE,
	CHILD_STEP_FD, /* detail: the target */
	CHILD_STEP_SESSION,
	CHILD_STEP_TERMINAL,
	CHILD_STEP_GROUPS,
	CHILD_STEP_GID,
	CHILD_STEP_UID,
	CHILD_STEP_CWD,
	CHILD_STEP_EXEC,
};

struct child_failure {
	enum child_step step;
	int error, detail;
};

/* The child's number, whose program runs; or -1 with errno, when failure->step is CHILD_STEP_NONE because there was no
 * child, else because of failure->error; then nothing is left of the child. Any thread. */
pid_t child_start(struct child_plan *plan, struct child_failure *failure);

/* For tests: a kernel without close_range. */
extern bool child_without_close_range;

#endif
