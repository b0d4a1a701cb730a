/* The child until its program runs. It shares memory with the parent, whose other threads go on, or is a copy of one
 * thread of it: so it takes no lock, asks for no memory, and makes system calls itself. Libc's setuid would change the
 * parent's threads, too. */
#include "core/async/process_child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is called in the child: the sanitizers' notes of the parent must not see it. */
#define IN_CHILD                                                                                             \
	__attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize("undefined"),          \
		       no_stack_protector))
#if !__has_attribute(no_stack_protector)
#define no_stack_protector
#endif

#ifdef SYS_setresuid32
#define CALL_SETGROUPS SYS_setgroups32
#define CALL_SETRESGID SYS_setresgid32
#define CALL_SETRESUID SYS_setresuid32
#else
#define CALL_SETGROUPS SYS_setgroups
#define CALL_SETRESGID SYS_setresgid
#define CALL_SETRESUID SYS_setresuid
#endif

#define SIGNALS 64                    /* the kernel's, 1 to this */
#define SIGNAL_SET_SIZE (SIGNALS / 8) /* and its idea of a set of them */

/* Descriptors that are closed one by one where the kernel tells of none. */
#define CLOSED_BLINDLY 65536

bool child_without_close_range;

IN_CHILD static void fail(int errors, enum child_step step, int error, int detail)
{
	struct child_failure failure = { step, error, detail };
	syscall(SYS_write, errors, &failure, sizeof(failure));
	for (;;)
		syscall(SYS_exit_group, 127);
}

IN_CHILD static void close_one_by_one(unsigned first, unsigned last)
{
	struct rlimit limit = { 0 };
	if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) < 0 || limit.rlim_cur > CLOSED_BLINDLY)
		limit.rlim_cur = CLOSED_BLINDLY;
	for (unsigned fd = first; fd <= last && fd < limit.rlim_cur; fd++)
		syscall(SYS_close, fd);
}

/* The kernel's, of getdents64. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

/* -1: it is no number. */
IN_CHILD static int number_of(const char *name)
{
	int number = 0;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return -1;
		number = number * 10 + (*name - '0');
	}
	return number;
}

/* In the order of their numbers, so that closing some does not hide others. */
IN_CHILD static void close_listed(unsigned first, unsigned last)
{
	_Alignas(struct entry) char buffer[2048];
	int folder = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0) {
		close_one_by_one(first, last);
		return;
	}
	for (long len; (len = syscall(SYS_getdents64, folder, buffer, sizeof(buffer))) > 0;) {
		for (long at = 0; at < len;) {
			const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
			int fd = number_of(entry->name);
			if (fd >= 0 && fd != folder && (unsigned)fd >= first && (unsigned)fd <= last)
				syscall(SYS_close, fd);
			at += entry->size;
		}
	}
	syscall(SYS_close, folder);
}

IN_CHILD static void close_range_of(unsigned first, unsigned last)
{
	if (first > last)
		return;
#ifdef SYS_close_range
	if (!child_without_close_range && syscall(SYS_close_range, first, last, 0) == 0)
		return;
#endif
	close_listed(first, last);
}

/* Moves all that is still needed out of the targets' way, puts each where it belongs, and closes the rest. Returns where
 * errors is then. */
IN_CHILD static int place_fds(const struct child_plan *plan, int errors)
{
	int above = plan->fds[plan->fd_count - 1].target + 1;
	for (size_t i = 0; i < plan->fd_count; i++) {
		struct child_fd *fd = &plan->fds[i];
		if (fd->source > above)
			continue;
		fd->source = (int)syscall(SYS_fcntl, fd->source, F_DUPFD_CLOEXEC, above + 1);
		if (fd->source < 0)
			fail(errors, CHILD_STEP_FD, errno, fd->target);
	}
	if (errors != above && syscall(SYS_dup3, errors, above, O_CLOEXEC) < 0)
		fail(errors, CHILD_STEP_FD, errno, above);
	unsigned next = 0;
	for (size_t i = 0; i < plan->fd_count; i++) {
		const struct child_fd *fd = &plan->fds[i];
		if (syscall(SYS_dup3, fd->source, fd->target, 0) < 0)
			fail(above, CHILD_STEP_FD, errno, fd->target);
		if ((unsigned)fd->target > next)
			close_range_of(next, (unsigned)fd->target - 1);
		next = (unsigned)fd->target + 1;
	}
	close_range_of((unsigned)above + 1, ~0u);
	return above;
}

IN_CHILD static void lead(const struct child_plan *plan, int errors)
{
	if (plan->new_session && syscall(SYS_setsid) < 0)
		fail(errors, CHILD_STEP_SESSION, errno, 0);
	if (plan->new_group && !plan->new_session && syscall(SYS_setpgid, 0, 0) < 0)
		fail(errors, CHILD_STEP_SESSION, errno, 0);
	if (plan->terminal && syscall(SYS_ioctl, 0, TIOCSCTTY, 0) < 0)
		fail(errors, CHILD_STEP_TERMINAL, errno, 0);
}

IN_CHILD static void become(const struct plait_process_user *user, int errors)
{
	if (syscall(CALL_SETGROUPS, user->group_count, user->groups) < 0)
		fail(errors, CHILD_STEP_GROUPS, errno, 0);
	if (syscall(CALL_SETRESGID, user->gid, user->gid, user->gid) < 0)
		fail(errors, CHILD_STEP_GID, errno, 0);
	if (syscall(CALL_SETRESUID, user->uid, user->uid, user->uid) < 0)
		fail(errors, CHILD_STEP_UID, errno, 0);
}

/* All were blocked until here: no handler of the parent runs in the child. */
IN_CHILD static void reset_signals(void)
{
	uint64_t none = 0, as_default[32] = { 0 }; /* larger than any architecture's struct */
	for (int number = 1; number <= SIGNALS; number++)
		syscall(SYS_rt_sigaction, number, as_default, NULL, SIGNAL_SET_SIZE);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGNAL_SET_SIZE);
}

IN_CHILD static void run_program(const struct child_plan *plan, int errors)
{
	int error = ENOENT;
	for (const char *const *path = plan->candidates; *path; path++) {
		syscall(SYS_execve, *path, plan->argv, plan->env);
		if (error != EACCES) /* one that may not be run says more than one that is not there */
			error = errno;
		if (errno != EACCES && errno != ENOENT && errno != ENOTDIR) {
			error = errno;
			break;
		}
	}
	fail(errors, CHILD_STEP_EXEC, error, 0);
}

IN_CHILD static void run_child(const struct child_plan *plan, int errors)
{
	errors = place_fds(plan, errors);
	lead(plan, errors);
	if (plan->user)
		become(plan->user, errors);
	if (plan->cwd && syscall(SYS_chdir, plan->cwd) < 0)
		fail(errors, CHILD_STEP_CWD, errno, 0);
	reset_signals();
	run_program(plan, errors);
}

/* A child that changes its user gets memory of its own: else the kernel, lest that user's other processes look into the
 * memory, would forbid core files of ours, too. */
IN_CHILD static pid_t give_birth(const struct child_plan *plan, int errors)
{
	pid_t pid = plan->user ? fork() : vfork();
	if (pid == 0)
		run_child(plan, errors);
	return pid;
}

static pid_t give_birth_undisturbed(const struct child_plan *plan, int errors)
{
	uint64_t all = ~UINT64_C(0), before; /* with those that libc keeps to itself */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNAL_SET_SIZE);
	pid_t pid = give_birth(plan, errors);
	int error = errno;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET_SIZE);
	errno = error;
	return pid;
}

/* The end of the pipe is the program's start. */
static bool has_failed(int errors, struct child_failure *failure)
{
	ssize_t got;
	do
		got = read(errors, failure, sizeof(*failure));
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(*failure);
}

pid_t child_start(struct child_plan *plan, struct child_failure *failure)
{
	int errors[2];
	*failure = (struct child_failure){ 0 };
	if (pipe2(errors, O_CLOEXEC) < 0)
		return -1;
	pid_t pid = give_birth_undisturbed(plan, errors[1]);
	int error = errno;
	close(errors[1]);
	if (pid > 0 && has_failed(errors[0], failure)) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		pid = -1;
		error = failure->error;
	}
	close(errors[0]);
	errno = error;
	return pid;
}
