/* A process's life: it exits, its pipes close, it has ended; and signals to it. */
#include "core/async/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/container.h"
#include "core/base/log.h"

#define DEFAULT_HIGH (64u << 10)
#define DEFAULT_LOW (16u << 10)
#define DEFAULT_CAP (16u << 20)

static const struct plait_process_callbacks no_callbacks;

static void on_task(struct task *task);
static void on_exit_seen(struct watch *watch, unsigned ready);

struct plait_process *process_new(struct plait_loop *loop, const struct plait_spawn_options *options,
				  size_t pipes)
{
	const char *name = options->program ? options->program : options->argv[0];
	struct plait_process *process = calloc(1, sizeof(*process) + pipes * sizeof(process->pipes[0]));
	if (!process)
		return NULL;
	process->name = strdup(name);
	if (!process->name) {
		free(process);
		return NULL;
	}
	process->loop = loop;
	process->callbacks = options->callbacks ? options->callbacks : &no_callbacks;
	process->arg = options->arg;
	process->references = 1;
	process->leads_group = options->new_group || options->new_session || options->terminal;
	process->high = options->high ? options->high : DEFAULT_HIGH;
	process->low = options->low ? options->low : DEFAULT_LOW;
	process->cap = options->cap ? options->cap : DEFAULT_CAP;
	process->terminal = -1;
	task_init(&process->task, on_task);
	return process;
}

struct plait_process *plait_process_ref(struct plait_process *process)
{
	process->references++;
	return process;
}

void plait_process_unref(struct plait_process **process_at)
{
	struct plait_process *process = *process_at;
	*process_at = NULL;
	if (!process || --process->references > 0)
		return;
	free(process->name);
	free(process);
}

void process_discard(struct plait_process **process)
{
	for (size_t i = 0; i < (*process)->pipe_count; i++)
		process_pipe_discard(&(*process)->pipes[i]);
	plait_process_unref(process);
}

int process_begin(struct plait_process *process, pid_t pid)
{
	process->pid = pid;
	if (reaper_open(&process->reaper, pid) < 0) {
		reaper_kill(pid);
		return -1;
	}
	watch_init(&process->watch, process->loop, process->reaper.fd, on_exit_seen);
	bool watched = watch_set(&process->watch, WATCH_READ) == 0;
	for (size_t i = 0; i < process->pipe_count && watched; i++)
		watched = process_pipe_start(&process->pipes[i]) == 0;
	if (watched) {
		process_hold(process);
		return 0;
	}
	int error = errno;
	watch_set(&process->watch, WATCH_NONE);
	process->reaper.ops->signal(&process->reaper, SIGKILL);
	reaper_wait(&process->reaper);
	reaper_collect(&process->reaper, &process->exit);
	errno = error;
	return -1;
}

void process_hold(struct plait_process *process)
{
	process->holds++;
}

void process_release(struct plait_process *process)
{
	if (--process->holds == 0)
		loop_defer(process->loop, &process->task);
}

static void tell_exited(struct plait_process *process)
{
	process->exited = true;
	if (process->callbacks->exited)
		process->callbacks->exited(process, &process->exit);
	process_release(process);
}

/* The descriptor leaves the loop's set before it is closed. */
void process_look(struct plait_process *process)
{
	if (process->exited)
		return;
	watch_set(&process->watch, WATCH_NONE);
	if (reaper_collect(&process->reaper, &process->exit))
		tell_exited(process);
	else if (watch_set(&process->watch, WATCH_READ) < 0)
		process_give_up(process);
}

/* Its reaper stays: a thread may still be at work for it. */
void process_give_up(struct plait_process *process)
{
	log_write(PLAIT_LOG_ERROR, NULL, "process %d (%s) cannot be waited for any more: leaving it",
		  (int)process->pid, process->name);
	watch_set(&process->watch, WATCH_NONE);
	process->exit = (struct plait_exit){ .unknown = true, .code = -1 };
	tell_exited(process);
}

static void on_exit_seen(struct watch *watch, unsigned ready)
{
	(void)ready;
	process_look(CONTAINER_OF(watch, struct plait_process, watch));
}

static void tell_closed(struct plait_process *process)
{
	for (size_t i = 0; i < process->pipe_count; i++) {
		struct process_pipe *pipe = &process->pipes[i];
		if (!pipe->closed_due)
			continue;
		pipe->closed_due = false;
		if (process->callbacks->closed)
			process->callbacks->closed(process, pipe->child_fd);
		process_release(process);
	}
}

static void end(struct plait_process *process)
{
	process->ended = true;
	processes_remove(process);
	if (process->callbacks->ended)
		process->callbacks->ended(process, &process->exit);
	plait_process_unref(&process);
}

static void on_task(struct task *task)
{
	struct plait_process *process = CONTAINER_OF(task, struct plait_process, task);
	for (size_t i = 0; i < process->pipe_count; i++)
		process_pipe_flush(&process->pipes[i]);
	tell_closed(process);
	if (process->holds == 0 && !process->ended && !task_queued(task)) /* else the next run does it */
		end(process);
}

void *plait_process_arg(const struct plait_process *process)
{
	return process->arg;
}

struct plait_loop *plait_process_loop(const struct plait_process *process)
{
	return process->loop;
}

pid_t plait_process_pid(const struct plait_process *process)
{
	return process->pid;
}

const struct plait_exit *plait_process_exit(const struct plait_process *process)
{
	return process->exited ? &process->exit : NULL;
}

/* ---- signals ---- */

static int signal_error(int error)
{
	switch (error) {
	case ESRCH: return PLAIT_ERROR_GONE;
	case EINVAL: return PLAIT_ERROR_INVALID;
	case EPERM: return PLAIT_ERROR_REFUSED;
	default: return PLAIT_ERROR_SYSTEM;
	}
}

int plait_process_signal(struct plait_process *process, int number)
{
	loop_assert_here(process->loop);
	if (process->exited)
		return PLAIT_ERROR_GONE;
	return process->reaper.ops->signal(&process->reaper, number) < 0 ? signal_error(errno) : 0;
}

/* The group has the number of its leader, which nobody gets before the leader is collected. */
int plait_process_signal_group(struct plait_process *process, int number)
{
	loop_assert_here(process->loop);
	if (!process->leads_group)
		return PLAIT_ERROR_INVALID;
	if (process->exited)
		return PLAIT_ERROR_GONE;
	return kill(-process->pid, number) < 0 ? signal_error(errno) : 0;
}

/* -1: there is none any more. Whoever has taken it may still read it. */
static int terminal_of(const struct plait_process *process)
{
	if (process->terminal < 0)
		return -1;
	const struct process_pipe *pipe = &process->pipes[process->terminal];
	return pipe->taken >= 0 ? pipe->taken : pipe->watch.fd;
}

int plait_process_resize(struct plait_process *process, struct plait_terminal size)
{
	struct winsize window = { .ws_row = size.rows, .ws_col = size.columns };
	loop_assert_here(process->loop);
	int fd = terminal_of(process);
	return fd >= 0 && ioctl(fd, TIOCSWINSZ, &window) == 0 ? 0 : PLAIT_ERROR_INVALID;
}
