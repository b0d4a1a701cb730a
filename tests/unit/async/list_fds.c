/* For the tests of processes: prints the open descriptors, each with what it is, and the state of the signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
	return S_ISFIFO(mode) ? "pipe" : S_ISCHR(mode) ? "device" : S_ISREG(mode) ? "file" : "other";
}

static void print_signals(void)
{
	sigset_t blocked;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int number = 1; number < 32; number++) {
		struct sigaction action;
		sigaction(number, NULL, &action);
		if (sigismember(&blocked, number) || action.sa_handler == SIG_IGN)
			printf(" signal %d", number);
	}
}

int main(void)
{
	FILE *out = stdout;
	struct stat status;
	for (int fd = 0; fd < 4096; fd++) {
		if (fstat(fd, &status) < 0)
			continue;
		int flags = fcntl(fd, F_GETFL);
		fprintf(out, "%d %s%s%s;", fd, kind_of(status.st_mode),
			(flags & O_ACCMODE) == O_RDONLY   ? " r"
			: (flags & O_ACCMODE) == O_WRONLY ? " w"
							  : " rw",
			flags & O_NONBLOCK ? " nonblocking" : "");
	}
	print_signals();
	return 0;
}
