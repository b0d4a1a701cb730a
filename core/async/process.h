/* A process from the inside. Its parts: process.c (life), process_plan.c (from options to descriptors), process_spawn.c,
 * process_child.c (the child until its program runs), process_pipe.c, process_reap.c, process_loop.c (all of a loop). */
#ifndef ASYNC_PROCESS_H
#define ASYNC_PROCESS_H

#include <plait/process.h>

#include "core/async/process_reap.h"
#include "core/base/queue.h"
#include "core/loop/loop.h"

/* Our end of one pipe, or one direction of the terminal. */
struct process_pipe {
	struct watch watch; /* fd -1: closed, or taken */
	int taken;          /* what process_pipe_take gave away; -1: nothing */
	struct plait_process *process;
	struct queue output;
	int child_fd;
	bool writes;     /* to the child; else it reads */
	bool paused;     /* reading */
	bool closing;    /* once the queue is empty */
	bool over_high;  /* writing */
	bool closed_due; /* it is closed, and closed has not been called */
};

struct plait_process {
	struct plait_loop *loop;
	struct plait_process *previous, *next; /* in the loop's list */
	const struct plait_process_callbacks *callbacks;
	void *arg;
	char *name; /* of the program, for logs */
	unsigned references;
	unsigned holds; /* what ended waits for: the child, open pipes, others' holds */
	pid_t pid;
	bool leads_group;
	bool exited, ended;
	struct plait_exit exit;
	struct reaper reaper;
	struct watch watch; /* the reaper's */
	struct task task;
	size_t high, low, cap;
	int terminal; /* of pipes, the one that reads it; -1: none */
	size_t pipe_count;
	struct process_pipe pipes[];
};

/* One with room for so many pipes, not yet anybody's. NULL: no memory. */
struct plait_process *process_new(struct plait_loop *loop, const struct plait_spawn_options *options,
				  size_t pipes);

/* The child runs: watches it and its pipes, and from here on it is the loop's. 0, or -1 with errno, and nothing is
 * watched. */
int process_begin(struct plait_process *process, pid_t pid);

/* Frees one that did not begin, with the pipes that are open. */
void process_discard(struct plait_process **process);

/* ended waits for the release, too. */
void process_hold(struct plait_process *process);
void process_release(struct plait_process *process);

/* NULL: there is no such pipe. */
struct process_pipe *process_find_pipe(const struct plait_process *process, int child_fd);

/* Whether the exit is known by now; calls exited if it is. */
void process_look(struct plait_process *process);

/* For a child that the kernel does not let go: it counts as exited, nobody knows how. */
void process_give_up(struct plait_process *process);

/* ---- process_pipe.c ---- */

/* The next of process's pipes; takes fd, which does not block, over. */
void process_pipe_add(struct plait_process *process, int fd, int child_fd, bool writes);

/* Begins to read or write. 0, or -1 with errno. */
int process_pipe_start(struct process_pipe *pipe);

/* At once; closed is called at the end of the turn. */
void process_pipe_close(struct process_pipe *pipe);

/* At once, and nobody is told. */
void process_pipe_discard(struct process_pipe *pipe);

/* Gives the descriptor to the caller, who calls the other when it has closed it: ended waits for that. closed will not be
 * called. */
int process_pipe_take(struct process_pipe *pipe);
void process_pipe_taken_closed(struct process_pipe *pipe);

/* What waits goes out, as far as that goes. */
void process_pipe_flush(struct process_pipe *pipe);

/* writev, but a pipe that nobody reads is an error and no signal. */
ssize_t process_pipe_write(int fd, const struct iovec *parts, int count);

/* ---- process_loop.c ---- */

/* 0, or PLAIT_ERROR_CLOSING when the loop has ended. */
int processes_add(struct plait_process *process);
void processes_remove(struct plait_process *process);

/* Whether one that has not ended calls into that code. On the loop. */
bool processes_need(const struct plait_loop *loop, struct code_range code);

#endif
