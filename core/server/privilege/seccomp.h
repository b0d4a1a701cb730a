/* seccomp: of all the system calls of the kernel, this process and its children make those of a list. */
#ifndef SERVER_PRIVILEGE_SECCOMP_H
#define SERVER_PRIVILEGE_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>

#include <plait/error.h>

/* Why a call that enters the sandbox fails with EPERM. */
#define SECCOMP_FORBIDDEN                                                                                    \
	"whoever started the server forbids it, as SystemCallFilter= of a systemd unit or a container does"

struct seccomp_settings {
	bool spawn;       /* other programs may be run */
	const int *extra; /* numbers of calls to allow besides */
	size_t extra_count;
};

/* All threads, for ever, without no_new_privs root's only. A call that is not on the list fails with EPERM, and the log
 * names it, once; those that make processes only fail. 0, or a negative code with error filled. */
int seccomp_enter(const struct seccomp_settings *settings, struct plait_error *error);

#endif
