/* plait_spawn: a plan, a child, and a process on the loop. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/system_text.h"

#include "core/async/process.h"
#include "core/async/process_plan.h"

static const char *const doing[] = {
	[CHILD_STEP_NONE] = "making a process",
	[CHILD_STEP_FD] = "giving it descriptor",
	[CHILD_STEP_SESSION] = "making it lead a group or session",
	[CHILD_STEP_TERMINAL] = "making its terminal the controlling one",
	[CHILD_STEP_GROUPS] = "setting its supplementary groups",
	[CHILD_STEP_GID] = "changing to group",
	[CHILD_STEP_UID] = "changing to user",
	[CHILD_STEP_CWD] = "entering its folder",
	[CHILD_STEP_EXEC] = "running it",
};

static const char *remedy(const struct plait_process *process, const struct child_failure *failure,
			  bool missing)
{
	if (missing && failure->step == CHILD_STEP_EXEC && !strchr(process->name, '/'))
		return "; it is in none of PATH's folders";
	if (failure->error == EPERM && failure->step == CHILD_STEP_NONE)
		return "; where sandbox.seccomp is on, sandbox.syscalls wants \"@spawn\"";
	return "";
}

static int cannot_start(const struct plait_process *process, const struct plait_spawn_options *options,
			const struct child_failure *failure, struct plait_error *error)
{
	bool missing = (failure->error == ENOENT || failure->error == ENOTDIR) &&
		       (failure->step == CHILD_STEP_EXEC || failure->step == CHILD_STEP_CWD);
	char what[sizeof(error->text)] = "";
	switch (failure->step) {
	case CHILD_STEP_FD: snprintf(what, sizeof(what), " %d", failure->detail); break;
	case CHILD_STEP_GID: snprintf(what, sizeof(what), " %u", (unsigned)options->user->gid); break;
	case CHILD_STEP_UID: snprintf(what, sizeof(what), " %u", (unsigned)options->user->uid); break;
	case CHILD_STEP_CWD: snprintf(what, sizeof(what), " \"%.300s\"", options->cwd); break;
	default: break;
	}
	return plait_error_set(error, missing ? PLAIT_ERROR_MISSING : PLAIT_ERROR_SYSTEM, NULL,
			       "cannot start \"%.300s\": %s%s: %s%s", process->name, doing[failure->step],
			       what, system_text(failure->error), remedy(process, failure, missing));
}

static void take_pipes(struct plait_process *process, struct process_plan *plan, bool terminal)
{
	for (size_t i = 0; i < plan->fd_count; i++) {
		struct planned_fd *fd = &plan->fds[i];
		if (fd->ours < 0)
			continue;
		if (terminal && fd->target == 1)
			process->terminal = (int)process->pipe_count;
		process_pipe_add(process, fd->ours, fd->target, fd->writes);
		fd->ours = -1;
	}
}

/* The process is freed when it fails. */
static int start(struct plait_process *process, const struct plait_spawn_options *options,
		 struct process_plan *plan, struct plait_error *error)
{
	struct child_failure failure;
	if (processes_add(process) < 0) {
		process_discard(&process);
		return plait_error_set(error, PLAIT_ERROR_CLOSING, NULL,
				       "cannot start a program on a loop that has ended");
	}
	pid_t pid = child_start(&plan->child, &failure);
	int result = 0;
	if (pid < 0) {
		failure.error = errno;
		result = cannot_start(process, options, &failure, error);
	} else {
		take_pipes(process, plan, options->terminal != NULL);
		if (process_begin(process, pid) < 0)
			result = plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
						 "cannot watch \"%.300s\", which was started, and killed: %s",
						 process->name, system_text(errno));
	}
	if (result < 0) {
		processes_remove(process);
		process_discard(&process);
	}
	return result;
}

struct plait_process *plait_spawn(struct plait_loop *loop, const struct plait_spawn_options *options,
				  struct plait_error *error)
{
	struct process_plan plan;
	struct plait_process *process = NULL;
	loop_assert_here(loop);
	int result = process_plan_init(&plan, options, error);
	if (result == 0) {
		process = process_new(loop, options, plan.pipe_count);
		if (!process)
			plait_error_set(error, PLAIT_ERROR_MEMORY, NULL, "no memory for a process");
		else if (start(process, options, &plan, error) < 0)
			process = NULL;
	}
	process_plan_fini(&plan);
	return process;
}
