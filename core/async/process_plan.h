/* From a program's options to what the child is to have: its descriptors, and the places where its program may be. */
#ifndef ASYNC_PROCESS_PLAN_H
#define ASYNC_PROCESS_PLAN_H

#include "core/async/process_child.h"

/* One descriptor of the child. */
struct planned_fd {
	int target;
	int source;  /* becomes target */
	bool opened; /* the source, for the child alone: closed here once the child has it */
	int ours;    /* our end of its pipe, -1: none */
	bool writes; /* we write to that end */
};

struct process_plan {
	struct planned_fd *fds; /* by rising targets */
	size_t fd_count, pipe_count;
	struct child_fd *child_fds;
	const char **candidates;
	char *paths; /* of the candidates, one behind the other */
	struct child_plan child;
};

/* 0, or a negative code with error filled. Follow with fini in any case. */
int process_plan_init(struct process_plan *plan, const struct plait_spawn_options *options,
		      struct plait_error *error);

/* Closes what was opened for the child, and our ends unless they are -1. */
void process_plan_fini(struct process_plan *plan);

#endif
