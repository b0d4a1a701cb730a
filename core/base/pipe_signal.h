/* Calls that write to a socket and have no MSG_NOSIGNAL: a SIGPIPE that they raise on this thread is taken back, so that
 * no disposition of the process matters. */
#ifndef BASE_PIPE_SIGNAL_H
#define BASE_PIPE_SIGNAL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>

/* Before the call; *before is for after it. */
static inline void pipe_signal_block(sigset_t *before)
{
	sigset_t pipe_only;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, before);
}

/* result: the call's. errno stays. */
static inline void pipe_signal_restore(const sigset_t *before, ssize_t result)
{
	const struct timespec at_once = { 0 };
	int code = errno;
	sigset_t pipe_only;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	if (result < 0 && code == EPIPE)
		sigtimedwait(&pipe_only, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, before, NULL);
	errno = code;
}

#endif
