/* Child processes: spawned without a shell, their pipes on a loop, reaped without a signal handler. Unless it says
 * otherwise, a call here belongs on the loop's own thread. */
#ifndef PLAIT_PROCESS_H
#define PLAIT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <plait/abi.h>
#include <plait/deferred.h>
#include <plait/error.h>

struct plait_conn;
struct plait_loop;
struct plait_process;
struct plait_protocol;

/* How a child ended. */
struct plait_exit {
	bool signalled; /* by a signal; else it exited by itself */
	bool core;      /* and left a core file */
	bool unknown; /* somebody else took the status: SIGCHLD is ignored, or the program waits for any child */
	int code;     /* what it exited with; -1 when signalled or unknown */
	int signal; /* 0 unless signalled */
};

/* What a descriptor of the child is. */
enum plait_process_fd_kind {
	PLAIT_PIPE_READ = 1, /* a pipe that we read: its bytes come to the data callback */
	PLAIT_PIPE_WRITE,    /* a pipe that we write: plait_process_write */
	PLAIT_FD_INHERIT,    /* our descriptor fd, which stays ours, too */
	PLAIT_FD_SAME, /* the same as the child's descriptor fd, which stands before it in the table: 2>&1 */
	PLAIT_FD_NULL, /* /dev/null */
};

struct plait_process_fd {
	int child_fd; /* 0 to PLAIT_PROCESS_FD_MAX */
	enum plait_process_fd_kind kind;
	int fd; /* of INHERIT and SAME */
};

#define PLAIT_PROCESS_FD_MAX 1023

/* Whom the child runs as. Needs the right to change to it. */
struct plait_process_user {
	uid_t uid;
	gid_t gid;
	const gid_t *groups; /* supplementary ones, all others are dropped */
	size_t group_count;
};

/* Size of the child's terminal, in characters. */
struct plait_terminal {
	unsigned short rows, columns;
};

/* All may be NULL. None runs inside the call that caused it. */
struct plait_process_callbacks {
	/* Bytes from the child's descriptor, len > 0; all are taken. Borrowed until it returns. */
	void (*data)(struct plait_process *process, int child_fd, const void *data, size_t len);

	/* What waits for the child's descriptor was above the high mark and has fallen to the low one. */
	void (*drained)(struct plait_process *process, int child_fd);

	/* The pipe is gone: closed by the child and all who inherited it from it, or by us. Once for each pipe. */
	void (*closed)(struct plait_process *process, int child_fd);

	/* It has exited; its output may still come. Exactly once. */
	void (*exited)(struct plait_process *process, const struct plait_exit *exit);

	/* It has exited and all its pipes are closed. Exactly once, and last. */
	void (*ended)(struct plait_process *process, const struct plait_exit *exit);
};

/* Zero it and set what differs; nothing of it is needed after the call but callbacks, which must outlive the process. */
struct plait_spawn_options {
	const char *const *argv; /* ended by NULL */
	const char *program;     /* NULL: argv[0]. Without a slash it is looked up in our own PATH */
	const char *const *env;  /* "NAME=value", ended by NULL; NULL: ours */
	const char *cwd;         /* NULL: ours */
	const struct plait_process_user *user; /* NULL: ours */

	/* What is not in the table is closed in the child; 0, 1 and 2 are then /dev/null. NULL: 0 is a pipe that we
	 * write, 1 and 2 are pipes that we read. */
	const struct plait_process_fd *fds;
	size_t fd_count;

	/* Not NULL: the child leads a session, 0, 1 and 2 (which may not be in the table) are its controlling terminal,
	 * which is read as 1 and written as 0. */
	const struct plait_terminal *terminal;
	bool new_group;   /* it leads a process group: see plait_process_signal_group */
	bool new_session; /* it leads a session, and so a process group, without a terminal */

	/* Bytes that wait for one descriptor of the child. 0: 64 KiB, 16 KiB, 16 MiB. */
	size_t high, low, cap;

	const struct plait_process_callbacks *callbacks; /* NULL: output is dropped */
	void *arg;
};

/* The child runs the program when this returns. Else NULL, error (which may be NULL) names the program and what could not
 * be done, and nothing is left of it. The process belongs to the loop: the pointer is good until ended has returned,
 * longer with a reference. All signals have their default action in the child, and none is blocked. The loop waits
 * while the kernel looks for the program. A child that still runs when its loop ends is sent SIGTERM, and SIGKILL a
 * second later; closed, exited and ended are called then, too. */
PLAIT_EXPORT struct plait_process *plait_spawn(struct plait_loop *loop,
					       const struct plait_spawn_options *options,
					       struct plait_error *error);

PLAIT_EXPORT struct plait_process *plait_process_ref(struct plait_process *process);
PLAIT_EXPORT void plait_process_unref(struct plait_process **process);

PLAIT_EXPORT void *plait_process_arg(const struct plait_process *process);
PLAIT_EXPORT struct plait_loop *plait_process_loop(const struct plait_process *process);
PLAIT_EXPORT pid_t plait_process_pid(const struct plait_process *process); /* also after it has exited */
PLAIT_EXPORT const struct plait_exit *plait_process_exit(
	const struct plait_process *process); /* NULL: it runs */

/* Data is copied or sent. 0; PLAIT_ERROR_INVALID when child_fd is no pipe to the child; PLAIT_ERROR_CLOSING when that is
 * closed or closing; PLAIT_ERROR_OVERFLOW when more than the cap would wait: nothing was taken then. */
PLAIT_EXPORT int plait_process_write(struct plait_process *process, int child_fd, const void *data,
				     size_t len);

/* Bytes written but not yet taken by the kernel. */
PLAIT_EXPORT size_t plait_process_queued(const struct plait_process *process, int child_fd);

/* True from when output rose above the high mark until it fell to the low one; then drained is called. */
PLAIT_EXPORT bool plait_process_blocked(const struct plait_process *process, int child_fd);

/* Stop and start reading from the child, which then waits when the pipe is full. Not counted. While a pipe is paused its
 * end is not seen, and the process does not end. */
PLAIT_EXPORT void plait_process_pause(struct plait_process *process, int child_fd);
PLAIT_EXPORT void plait_process_resume(struct plait_process *process, int child_fd);

/* Closes one pipe, or all; closed is called later. What was written goes out first, what was not read is lost. Closing 1
 * of a terminal hangs it up. */
PLAIT_EXPORT void plait_process_close_fd(struct plait_process *process, int child_fd);
PLAIT_EXPORT void plait_process_close(struct plait_process *process);

/* 0, PLAIT_ERROR_GONE when it has exited, PLAIT_ERROR_INVALID for what is no signal, PLAIT_ERROR_REFUSED when it may not
 * be signalled (it runs as another user). The second signals all of the group that it leads, and is
 * PLAIT_ERROR_INVALID when it leads none. Never another process, however numbers are used again. */
PLAIT_EXPORT int plait_process_signal(struct plait_process *process, int number);
PLAIT_EXPORT int plait_process_signal_group(struct plait_process *process, int number);

/* 0, or PLAIT_ERROR_INVALID when the child has no terminal (any more). */
PLAIT_EXPORT int plait_process_resize(struct plait_process *process, struct plait_terminal size);

/* Runs protocol on the child's pipes: what it writes goes to 0, what comes from 1 is its input. plait_shutdown_write and
 * plait_close close 0 after what was written; the child's closing 1 is the peer's end; what would reset a network
 * connection (plait_abort, an overflow) kills the child with SIGKILL. Input is delivered also while output waits, for a
 * child that answers would wait for its reader; plait_pause holds it back. made comes after this call. options->fds, when
 * given, must have 0 and 1 as such pipes; the callbacks, which may be NULL, hear of all but those two, and ended comes
 * after the connection's lost. protocol, which has its head from PLAIT_PROTOCOL_HEAD, must outlive the process, and so
 * must protocol_options, the struct that the protocol's option table fills (NULL: its defaults). */
PLAIT_EXPORT struct plait_process *plait_spawn_protocol(struct plait_loop *loop,
							const struct plait_spawn_options *options,
							const struct plait_protocol *protocol,
							const void *protocol_options,
							struct plait_error *error);

/* The child at the other end, or NULL when the connection is not one to a child. Good until lost has returned. */
PLAIT_EXPORT struct plait_process *plait_conn_process(const struct plait_conn *conn);

/* What a child wrote and how it ended. */
struct plait_output {
	struct plait_exit exit;
	char *bytes; /* of its standard output, len of them and a NUL behind */
	size_t len;
	char *error_bytes; /* of its standard error, likewise; none when that was merged */
	size_t error_len;
};
PLAIT_EXPORT void plait_output_free(struct plait_output **output);

/* Runs a program to its end. The Deferred's value is a struct plait_output, whatever the program exits with. It fails
 * with plait_spawn's code when the program does not start, and with PLAIT_ERROR_OVERFLOW, the child killed, when it
 * writes more than most bytes (0: 1 MiB) to both together. merge: its standard error goes where its output goes.
 * Cancelled (also by plait_add_timeout) it kills and reaps the child. Of options fds, terminal and callbacks must be
 * NULL; the child's input is /dev/null. */
PLAIT_EXPORT struct plait_deferred *plait_get_output(struct plait_loop *loop,
						     const struct plait_spawn_options *options, size_t most,
						     bool merge);

/* The same for its struct plait_exit alone, as soon as the child has exited. options->fds NULL: its input and outputs are
 * /dev/null. */
PLAIT_EXPORT struct plait_deferred *plait_get_exit_status(struct plait_loop *loop,
							  const struct plait_spawn_options *options);

#endif
