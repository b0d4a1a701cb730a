/* The filter: a table turned into a program for the kernel, which remembers what is always allowed and does not run it for
 * that. */
#include "core/server/privilege/seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/base/alloc.h"
#include "core/base/log.h"
#include "core/server/privilege/syscalls.h"

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#define RESULT_OF(context) ((context)->uc_mcontext.gregs[REG_RAX])
/* Numbers from here on are those of another calling convention, which would pass the list by. */
#define NUMBERS_END 0x40000000u
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#define RESULT_OF(context) ((context)->uc_mcontext.regs[0])
#define NUMBERS_END 0x80000000u
#endif

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

#ifdef OUR_ARCHITECTURE

/* ---- what was refused is told ---- */

/* Of calls that have been told of. */
static _Atomic uint64_t told[1024 / 64];

static bool is_first(int number)
{
	unsigned bit = (unsigned)number % 1024;
	uint64_t mask = UINT64_C(1) << (bit % 64);
	return !(atomic_fetch_or(&told[bit / 64], mask) & mask);
}

/* It comes in the middle of a call that the list has not, and neither the log nor malloc make one: so it may do what a handler
 * else may not. */
static void on_refused(int signal_number, siginfo_t *info, void *arg)
{
	static _Thread_local bool telling;
	ucontext_t *context = arg;
	int number = info->si_syscall, error = errno;
	if (info->si_code != SYS_SECCOMP) { /* somebody sent it, and means the end */
		signal(signal_number, SIG_DFL);
		raise(signal_number);
		return;
	}
	RESULT_OF(context) = -EPERM;
	if (telling || !is_first(number))
		return;
	telling = true;
	const char *name = syscall_name(number);
	char digits[16];
	snprintf(digits, sizeof(digits), "%d", number);
	if (number == SYS_socket)
		log_write(
			PLAIT_LOG_ERROR, NULL,
			"sandbox: a socket of an unusual family was refused by seccomp (told once); a plugin that "
			"needs it wants \"socket\" in sandbox.syscalls");
	else
		log_write(
			PLAIT_LOG_ERROR, NULL,
			"sandbox: system call %d (%s) was refused by seccomp (told once); a plugin that needs it "
			"wants \"%s\" in sandbox.syscalls",
			number, name ? name : "unknown", name ? name : digits);
	telling = false;
	errno = error;
}

static int catch_refusals(void)
{
	struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_NODEFER };
	sigset_t refused;
	sigemptyset(&refused);
	sigaddset(&refused, SIGSYS);
	sigemptyset(&action.sa_mask);
	pthread_sigmask(SIG_UNBLOCK, &refused, NULL);
	return sigaction(SIGSYS, &action, NULL);
}

/* ---- the program ---- */

#define INSTRUCTIONS_MOST 4096 /* the kernel's */

struct program {
	struct sock_filter items[INSTRUCTIONS_MOST];
	unsigned short count;
};

static void emit(struct program *program, unsigned code, uint32_t value, unsigned if_true, unsigned if_false)
{
	if (program->count == INSTRUCTIONS_MOST) /* the configuration bounds what is not ours */
		abort();
	program->items[program->count++] = (struct sock_filter){
		.code = (uint16_t)code,
		.jt = (uint8_t)if_true,
		.jf = (uint8_t)if_false,
		.k = value,
	};
}

static void load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void give(struct program *program, uint32_t action)
{
	emit(program, BPF_RET | BPF_K, action, 0, 0);
}

/* The next instruction is for what is equal. */
static void when(struct program *program, uint32_t value)
{
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
}

static void decide(struct program *program, int number, uint32_t action)
{
	when(program, (uint32_t)number);
	give(program, action);
}

#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define TELL SECCOMP_RET_TRAP
#define NAMESPACES                                                                                           \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
	 CLONE_NEWNET)

/* The low half of a call's argument. */
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + (number) * sizeof(uint64_t))

/* Threads, and processes where they are wanted, in the namespaces of this one. clone3 hides its flags in memory, so it is "not
 * there", and libc takes clone. */
static void decide_clone(struct program *program, bool spawn)
{
	decide(program, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 6);
	load(program, ARGUMENT(0));
	emit(program, BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
	give(program, REFUSE);
	emit(program, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
	give(program, SECCOMP_RET_ALLOW);
	give(program, spawn ? SECCOMP_RET_ALLOW : REFUSE);
}

/* Those that a server has, and what libc asks about interfaces and resolves names with. */
static void decide_socket(struct program *program)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	unsigned count = sizeof(families) / sizeof(families[0]);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 2 + 2 * count);
	load(program, ARGUMENT(0));
	for (unsigned i = 0; i < count; i++)
		decide(program, families[i], SECCOMP_RET_ALLOW);
	give(program, TELL);
}

static void write_program(struct program *program, const struct seccomp_settings *settings)
{
	load(program, offsetof(struct seccomp_data, arch));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0);
	give(program, REFUSE);
	load(program, offsetof(struct seccomp_data, nr));
	emit(program, BPF_JMP | BPF_JGE | BPF_K, NUMBERS_END, 0, 1);
	give(program, REFUSE);
	for (size_t i = 0; i < settings->extra_count; i++)
		decide(program, settings->extra[i], SECCOMP_RET_ALLOW);
	for (size_t i = 0; i < syscall_row_count; i++) {
		const struct syscall_row *row = &syscall_rows[i];
		if (row->group == SYSCALL_SERVES)
			decide(program, row->number, SECCOMP_RET_ALLOW);
		else if (row->group == SYSCALL_SPAWNS)
			decide(program, row->number, settings->spawn ? SECCOMP_RET_ALLOW : REFUSE);
	}
	decide_clone(program, settings->spawn);
	decide_socket(program);
	give(program, TELL);
}

int seccomp_enter(const struct seccomp_settings *settings, struct plait_error *error)
{
	struct program *program = alloc_zeroed(sizeof(*program), "a seccomp filter");
	write_program(program, settings);
	struct sock_fprog filter = { .len = program->count, .filter = program->items };
	long result = catch_refusals();
	if (result == 0)
		result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
	free(program);
	if (result == 0)
		return 0;
	if (result > 0)
		return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
				       "thread %ld has a filter of its own, and cannot take the server's",
				       result);
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL, "%s%s",
			       errno == EINVAL ? "this kernel has no seccomp filters: " : "",
			       errno == EPERM ? SECCOMP_FORBIDDEN : strerror(errno));
}

#else

int seccomp_enter(const struct seccomp_settings *settings, struct plait_error *error)
{
	(void)settings;
	return plait_error_set(error, PLAIT_ERROR_SYSTEM, NULL,
			       "there is no list of system calls for this processor's architecture");
}

#endif
