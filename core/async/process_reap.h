/* Learning that a child has exited, and signalling it, by a descriptor that stands for it. */
#ifndef ASYNC_PROCESS_REAP_H
#define ASYNC_PROCESS_REAP_H

#include <plait/process.h>
#include <pthread.h>
#include <signal.h>

struct reaper;

/* One way to do it. All are called on one thread; the child is not waited for by anybody else. */
struct reaper_ops {
	const char *name;

	/* reaper->fd becomes readable when the child has exited. 0, or -1 with errno. */
	int (*open)(struct reaper *reaper);

	/* 0 or -1 with errno. Before collect has succeeded only. */
	int (*signal)(struct reaper *reaper, int number);

	/* The child's status, without waiting: 1, 0: it runs, or -1 with errno. */
	int (*collect)(struct reaper *reaper, siginfo_t *info);

	/* After collect has not answered 0. */
	void (*close)(struct reaper *reaper);
};

struct reaper {
	const struct reaper_ops *ops;
	pid_t pid;
	int fd; /* not to be read */
	pthread_t thread;
	int told; /* the thread's end of a pipe */
};

/* 0, or -1 with errno. */
int reaper_open(struct reaper *reaper, pid_t pid);

/* The end of a child that no reaper could be opened for. Keeps errno. */
void reaper_kill(pid_t pid);

/* Whether the child has exited, and how; then the reaper is closed. Does not wait. */
bool reaper_collect(struct reaper *reaper, struct plait_exit *how);

/* Until it has exited. For a child that was killed. */
void reaper_wait(struct reaper *reaper);

extern const struct reaper_ops reaper_pidfd;

/* Where the kernel has no such descriptors: a thread waits, and closes a pipe. */
extern const struct reaper_ops reaper_thread;

/* For tests. NULL: what the kernel has. */
extern const struct reaper_ops *reaper_forced;

#endif
