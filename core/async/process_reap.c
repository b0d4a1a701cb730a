/* How we learn that a child has exited: by the kernel's descriptor for it, or by a thread that waits. */
#include "core/async/process_reap.h"
#include "core/loop/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's own numbers, which older headers do not have. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define BY_PIDFD ((idtype_t)3)

const struct reaper_ops *reaper_forced;

static int collect(idtype_t by, id_t id, siginfo_t *info)
{
	*info = (siginfo_t){ 0 };
	int result;
	do
		result = waitid(by, id, info, WEXITED | WNOHANG);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -1 : info->si_pid != 0;
}

/* ---- one that somebody else has collected ---- */

static int gone_open(struct reaper *reaper)
{
	reaper->fd = eventfd(1, EFD_CLOEXEC);
	return reaper->fd < 0 ? -1 : 0;
}

static int gone_signal(struct reaper *reaper, int number)
{
	(void)reaper;
	(void)number;
	errno = ESRCH;
	return -1;
}

static int gone_collect(struct reaper *reaper, siginfo_t *info)
{
	(void)reaper;
	(void)info;
	errno = ECHILD;
	return -1;
}

static void close_fd(struct reaper *reaper)
{
	close(reaper->fd);
}

static const struct reaper_ops reaper_gone = {
	.name = "gone",
	.open = gone_open,
	.signal = gone_signal,
	.collect = gone_collect,
	.close = close_fd,
};

/* ---- the kernel's descriptor ---- */

static int pidfd_open_for(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Where SIGCHLD is ignored it may have gone already, and somebody else may have its number. */
static int pidfd_open_reaper(struct reaper *reaper)
{
	siginfo_t info;
	reaper->fd = pidfd_open_for(reaper->pid);
	if (reaper->fd >= 0 &&
	    (waitid(BY_PIDFD, (id_t)reaper->fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD))
		return 0;
	bool gone = reaper->fd >= 0 || errno == ESRCH;
	if (reaper->fd >= 0)
		close(reaper->fd);
	reaper->ops = &reaper_gone;
	return gone ? reaper_gone.open(reaper) : -1;
}

static int pidfd_signal(struct reaper *reaper, int number)
{
	return (int)syscall(SYS_pidfd_send_signal, reaper->fd, number, NULL, 0);
}

static int pidfd_collect(struct reaper *reaper, siginfo_t *info)
{
	return collect(BY_PIDFD, (id_t)reaper->fd, info);
}

const struct reaper_ops reaper_pidfd = {
	.name = "pidfd",
	.open = pidfd_open_reaper,
	.signal = pidfd_signal,
	.collect = pidfd_collect,
	.close = close_fd,
};

/* ---- a thread ---- */

/* Leaves the child to be collected, so that its number stays its own until then. */
static void *wait_for_exit(void *arg)
{
	const struct reaper *reaper = arg;
	siginfo_t info;
	while (waitid(P_PID, (id_t)reaper->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	close(reaper->told);
	return NULL;
}

static int start_thread(struct reaper *reaper)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN > 65536 ? (size_t)PTHREAD_STACK_MIN : 65536);
	signals_fill(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&reaper->thread, &attributes, wait_for_exit, reaper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

static int thread_open(struct reaper *reaper)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	reaper->fd = ends[0];
	reaper->told = ends[1];
	int error = start_thread(reaper);
	if (!error)
		return 0;
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return -1;
}

static int thread_signal(struct reaper *reaper, int number)
{
	return kill(reaper->pid, number);
}

static int thread_collect(struct reaper *reaper, siginfo_t *info)
{
	struct pollfd ready = { .fd = reaper->fd };
	if (poll(&ready, 1, 0) <= 0) /* the thread waits for that number still */
		return 0;
	return collect(P_PID, (id_t)reaper->pid, info);
}

static void thread_close(struct reaper *reaper)
{
	pthread_join(reaper->thread, NULL);
	close_fd(reaper);
}

const struct reaper_ops reaper_thread = {
	.name = "thread",
	.open = thread_open,
	.signal = thread_signal,
	.collect = thread_collect,
	.close = thread_close,
};

/* ---- either ---- */

/* Old kernels know the one call and not the other; asked about ourselves, who are no child. */
static bool kernel_has_pidfd(void)
{
	siginfo_t info;
	int fd = pidfd_open_for(getpid());
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
	int result = waitid(BY_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	bool known = result < 0 && errno == ECHILD;
	close(fd);
	return known;
}

static const struct reaper_ops *choose(void)
{
	static _Atomic(const struct reaper_ops *) chosen;
	const struct reaper_ops *ops = atomic_load_explicit(&chosen, memory_order_relaxed);
	if (reaper_forced)
		return reaper_forced;
	if (!ops) {
		ops = kernel_has_pidfd() ? &reaper_pidfd : &reaper_thread;
		atomic_store_explicit(&chosen, ops, memory_order_relaxed);
	}
	return ops;
}

int reaper_open(struct reaper *reaper, pid_t pid)
{
	*reaper = (struct reaper){ .ops = choose(), .pid = pid };
	return reaper->ops->open(reaper);
}

void reaper_kill(pid_t pid)
{
	siginfo_t info;
	int error = errno;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    0) /* the number is its own still */
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	errno = error;
}

static struct plait_exit describe(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (struct plait_exit){ .code = info->si_status };
	return (struct plait_exit){
		.signalled = true, .core = info->si_code == CLD_DUMPED, .code = -1, .signal = info->si_status
	};
}

bool reaper_collect(struct reaper *reaper, struct plait_exit *how)
{
	siginfo_t info;
	int result = reaper->ops->collect(reaper, &info);
	if (result == 0)
		return false;
	*how = result > 0 ? describe(&info) : (struct plait_exit){ .unknown = true, .code = -1 };
	reaper->ops->close(reaper);
	return true;
}

void reaper_wait(struct reaper *reaper)
{
	struct pollfd ready = { .fd = reaper->fd, .events = POLLIN };
	while (poll(&ready, 1, -1) < 0 && errno == EINTR)
		;
}
