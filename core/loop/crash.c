/* Deadly signals. All in the handler is safe there, but for the unwinder, which may wait for the dynamic linker's lock: who
 * waits for the report has a deadline. */
#include "core/loop/crash.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/base/compiler.h"
#include "core/loop/loop.h"

#define STACK_SIZE 65536

/* The report of whoever came first. */
#define PATIENCE_S 2

static struct crash_record *record;
static pid_t process; /* whose record it is: a fork of it has the memory, too */
static _Thread_local void *stack;

static uintptr_t interrupted_at(const void *context)
{
	const ucontext_t *at = context;
#if defined(__x86_64__)
	return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)at->uc_mcontext.pc;
#else
	(void)at;
	return 0;
#endif
}

/* Without those of the handler itself, where that can be told. */
static void write_frames(const void *context)
{
	void *frames[CRASH_FRAMES + 8];
	int count = backtrace(frames, CRASH_FRAMES + 8), first = 0;
	uintptr_t at = interrupted_at(context);
	for (int i = 0; i < count && first == 0; i++)
		if (at && (uintptr_t)frames[i] == at)
			first = i;
	for (int i = first; i < count && record->frame_count < CRASH_FRAMES; i++)
		record->frames[record->frame_count++] = (uintptr_t)frames[i];
}

static void write_maps(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	ssize_t got = 1;
	while (fd >= 0 && got > 0 && record->maps_len < CRASH_MAPS - 1) {
		got = read(fd, record->maps + record->maps_len, CRASH_MAPS - 1 - record->maps_len);
		if (got > 0)
			record->maps_len += (uint32_t)got;
	}
	if (fd >= 0)
		close(fd);
}

static void write_record(int number, const siginfo_t *info, const void *context)
{
	const struct plait_loop *loop = plait_loop_current();
	record->signal = number;
	record->code = info->si_code;
	record->address = (uintptr_t)info->si_addr;
	record->thread = (int32_t)syscall(SYS_gettid);
	record->loop = loop ? (int32_t)loop->index : -1;
	record->frames[0] = interrupted_at(context);
	write_maps();
	write_frames(context);
	atomic_store(&record->state, CRASH_WHOLE);
}

static void on_deadly(int number, siginfo_t *info, void *context)
{
	static const struct timespec patience = { .tv_sec = PATIENCE_S };
	unsigned none = CRASH_NONE;
	bool ours = getpid() == process;
	if (ours && atomic_compare_exchange_strong(&record->state, &none, CRASH_BEGUN))
		write_record(number, info, context);
	else if (ours && atomic_load(&record->state) == CRASH_BEGUN &&
		 record->thread != (int32_t)syscall(SYS_gettid))
		nanosleep(&patience, NULL);
	signal(number, SIG_DFL);
	/* It is blocked until the handler returns. */
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
	return true;
#endif
	return false;
#else
	return false;
#endif
}

void crash_watch(struct crash_record *where)
{
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction action = { .sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	void *frames[1];
	record = where;
	process = getpid();
	if (sanitized())
		return;
	backtrace(frames, 1); /* the first call loads the unwinder */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

void crash_thread_begin(void)
{
	if (!record || sanitized() || stack)
		return;
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1,
		     0);
	if (stack == MAP_FAILED)
		stack = NULL;
	if (stack)
		sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = STACK_SIZE }, NULL);
}

void crash_thread_end(void)
{
	if (!stack)
		return;
	sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
	munmap(stack, STACK_SIZE);
	stack = NULL;
}
