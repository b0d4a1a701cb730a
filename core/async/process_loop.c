/* The processes of one loop, and what becomes of them when it ends. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "core/async/process.h"
#include "core/base/alloc.h"
#include "core/base/clock.h"
#include "core/base/container.h"

/* From SIGTERM to SIGKILL, and from that to giving up on a child that the kernel does not let go; for all of a loop. */
#define PATIENCE_MS 1000

struct processes {
	struct loop_end end;
	struct plait_loop *loop;
	struct plait_process *first; /* doubly linked */
	bool over;
};

static void end_all(struct loop_end *end);

/* NULL: the loop has ended. */
static struct processes *processes_of(struct plait_loop *loop)
{
	struct processes *processes = loop->processes;
	if (processes)
		return processes->over ? NULL : processes;
	processes = alloc_zeroed(sizeof(*processes), "a loop's processes");
	processes->loop = loop;
	if (!loop_ends_add(&loop->ends, &processes->end, end_all)) {
		free(processes);
		return NULL;
	}
	loop->processes = processes;
	return processes;
}

int processes_add(struct plait_process *process)
{
	struct processes *processes = processes_of(process->loop);
	if (!processes)
		return PLAIT_ERROR_CLOSING;
	process->previous = NULL;
	process->next = processes->first;
	if (process->next)
		process->next->previous = process;
	processes->first = process;
	return 0;
}

static void free_when_done(struct processes *processes)
{
	if (!processes->over || processes->first)
		return;
	processes->loop->processes = NULL;
	free(processes);
}

void processes_remove(struct plait_process *process)
{
	struct processes *processes = process->loop->processes;
	if (process->next)
		process->next->previous = process->previous;
	if (process->previous)
		process->previous->next = process->next;
	else
		processes->first = process->next;
	free_when_done(processes);
}

bool processes_need(const struct plait_loop *loop, struct code_range code)
{
	const struct plait_process *process = loop->processes ? loop->processes->first : NULL;
	for (; process; process = process->next)
		if (code_range_has(code, (uintptr_t)process->callbacks))
			return true;
	return false;
}

static void signal_all(struct processes *processes, int number)
{
	for (struct plait_process *process = processes->first; process; process = process->next)
		plait_process_signal(process, number);
}

/* Whether it has exited by then. */
static bool wait_until(struct plait_process *process, uint64_t deadline_ms)
{
	struct pollfd ready = { .fd = process->reaper.fd, .events = POLLIN };
	for (;;) {
		uint64_t now = clock_ms(CLOCK_MONOTONIC);
		int count = poll(&ready, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);
		if (count > 0)
			return true;
		if (count == 0 || errno != EINTR)
			return false;
	}
}

static bool wait_for_all(struct processes *processes)
{
	uint64_t deadline_ms = clock_ms(CLOCK_MONOTONIC) + PATIENCE_MS;
	bool all = true;
	for (struct plait_process *process = processes->first; process; process = process->next)
		all &= process->exited || wait_until(process, deadline_ms);
	return all;
}

/* Its pipes close, and who waits for it is told. */
static void finish(struct plait_process *process)
{
	plait_process_ref(process);
	for (size_t i = 0; i < process->pipe_count; i++)
		process_pipe_close(&process->pipes[i]);
	process_look(process);
	if (!process->exited)
		process_give_up(process);
	plait_process_unref(&process);
}

static void end_all(struct loop_end *end)
{
	struct processes *processes = CONTAINER_OF(end, struct processes, end);
	processes->over = true;
	signal_all(processes, SIGTERM);
	if (!wait_for_all(processes)) {
		signal_all(processes, SIGKILL);
		wait_for_all(processes);
	}
	for (struct plait_process *process = processes->first, *next; process; process = next) {
		next = process->next;
		finish(process);
	}
	free_when_done(processes);
}
