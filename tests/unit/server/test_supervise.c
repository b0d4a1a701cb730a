/* Chance plays the workers, the operator and the kernel to a supervisor: whatever comes, and in whatever order, one worker
 * starts at a time, the next one is due when there is none, a stop ends it all, and nothing is left open. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/server/supervisor/channel.h"
#include "core/server/supervisor/supervisor.h"
#include "core/server/supervisor/upgrade.h"
#include "tests/unit/suite.h"

#define RUNS 2000

/* Of nobody. */
#define FIRST_PID 0x7fff0000

#define WORKERS_MOST 1000
#define TEXT                                                                                                 \
	"{\"drain_timeout\": \"1s\", \"watchdog\": \"off\", "                                                \
	"\"listeners\": [{\"bind\": \"tcp://127.0.0.1:0\", \"protocol\": \"p\"}]}"

enum fake_state { BEGINS, ASKED, ANSWERED, READY };

struct fake {
	enum fake_state state;
	int end, status;
	bool dead, reaped, deaf, told_to_stop, ending, retired;
};

static struct fake fakes[WORKERS_MOST];
static unsigned fake_count, steps, stops, stop_at, crash_odds;
static bool any_ready; /* a worker was */
static bool may_end;   /* without a signal */
static bool failed;    /* a worker did after the first signal */
static uint64_t clock_now_ms, last_stop_ms, chance;
static int next_end = -1;

static bool one_in(unsigned odds)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance % odds == 0;
}

/* ---- the workers ---- */

static void die(struct fake *fake, int status)
{
	if (fake->dead)
		return;
	fake->dead = true;
	fake->status = status;
	close(fake->end);
}

static void say(const struct fake *fake, enum channel_kind kind)
{
	struct channel_message message = { .kind = (uint16_t)kind };
	if (kind == CHANNEL_READY)
		message.u.state = one_in(8) ? 0 : upgrade_state_version();
	(void)channel_send(fake->end, &message, -1, false);
}

static void listen_to(struct fake *fake)
{
	struct channel_message message;
	int passed;
	while (channel_receive(fake->end, &message, &passed, false) > 0) {
		if (message.kind == CHANNEL_REPLY && fake->state == ASKED)
			fake->state = ANSWERED;
		fake->told_to_stop |= message.kind == CHANNEL_STOP;
		fake->retired |= message.kind == CHANNEL_RETIRE;
	}
}

static void start(struct fake *fake)
{
	if (fake->state == BEGINS) {
		say(fake, CHANNEL_SERVES);
		fake->state = ASKED;
	} else if (fake->state == ANSWERED) {
		say(fake, CHANNEL_READY);
		fake->state = READY;
	}
}

static void serve(struct fake *fake)
{
	if (one_in(8))
		say(fake, CHANNEL_UPGRADE);
	if (one_in(8))
		say(fake, CHANNEL_RECYCLE);
	if (one_in(8))
		say(fake, CHANNEL_SERVES);
	if (one_in(64)) /* nonsense */
		(void)!send(fake->end, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (one_in(64)) /* a plugin that closes what is not its own */
		shutdown(fake->end, SHUT_RDWR);
	if (one_in(64)) {
		say(fake, CHANNEL_ENDING);
		fake->told_to_stop = fake->ending = may_end = true;
	}
}

static void act(struct fake *fake)
{
	if (one_in(2))
		listen_to(fake);
	if (fake->retired && !one_in(20)) /* there is time until it ends */
		return;
	if (one_in(crash_odds))
		die(fake, one_in(2) ? SIGSEGV : 1 << 8);
	else if (fake->ending || fake->retired)
		die(fake, 0);
	else if (fake->told_to_stop && !fake->deaf) {
		say(fake, CHANNEL_ENDING);
		fake->ending = true;
	} else if (fake->state != READY)
		start(fake);
	else
		serve(fake);
}

/* ---- the operator, and time ---- */

static void operate(void)
{
	if (one_in(20))
		raise(SIGHUP);
	if (one_in(20))
		raise(SIGUSR2);
	if (steps == stop_at || (stops == 1 && one_in(30))) {
		raise(one_in(2) ? SIGTERM : SIGINT);
		stops++;
		last_stop_ms = clock_now_ms;
	}
}

static void check(int timeout)
{
	unsigned starting = 0, serving = 0, there = 0;
	for (unsigned i = 0; i < fake_count; i++) {
		const struct fake *fake = &fakes[i];
		there += !fake->reaped; /* who is dead wakes it */
		serving += !fake->reaped && !fake->retired;
		starting += !fake->dead && fake->state != READY;
	}
	CU_ASSERT(starting <= 1);
	CU_ASSERT(serving > 0 || stops > 0 || may_end || timeout >= 0);
	CU_ASSERT(there > 0 || (stops == 0 && timeout >= 0));
	CU_ASSERT(stops < 2 || clock_now_ms < last_stop_ms + 6000); /* and what the killed take */
	if (steps > 3000) {
		CU_FAIL("it does not end");
		_exit(1);
	}
}

/* ---- in the place of libc's ---- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC || clock_now_ms == 0)
		return (int)syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){ .tv_sec = (time_t)(clock_now_ms / 1000),
				  .tv_nsec = (long)(clock_now_ms % 1000) * 1000000 };
	return 0;
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
	if (one_in(30)) {
		errno = EMFILE;
		return -1;
	}
	int result = (int)syscall(SYS_socketpair, domain, type, protocol, ends);
	next_end = result == 0 ? fcntl(ends[1], F_DUPFD_CLOEXEC, 3) : -1;
	return result;
}

pid_t fork(void)
{
	if (one_in(30) || fake_count == WORKERS_MOST) {
		close(next_end);
		errno = EAGAIN;
		return -1;
	}
	fakes[fake_count] = (struct fake){ .end = next_end, .deaf = one_in(8) };
	return FIRST_PID + (pid_t)fake_count++;
}

int kill(pid_t pid, int number)
{
	struct fake *fake = &fakes[pid - FIRST_PID];
	CU_ASSERT_FALSE(fake->reaped);
	if (number == SIGKILL || (fake->state < READY && one_in(2)))
		die(fake, number);
	fake->told_to_stop = true;
	return 0;
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	(void)type;
	(void)options;
	info->si_pid = fakes[(pid_t)id - FIRST_PID].dead ? (pid_t)id : 0;
	return 0;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	struct fake *fake = &fakes[pid - FIRST_PID];
	(void)options;
	fake->reaped = true;
	*status = fake->status;
	any_ready |= fake->state == READY;
	failed |= stops > 0 && *status != 0 && *status != SIGTERM && *status != SIGINT;
	return pid;
}

/* Chance has it. */
pid_t getpid(void)
{
	return 1;
}

int execv(const char *path, char *const argv[])
{
	(void)path;
	(void)argv;
	errno = ENOENT;
	return -1;
}

int poll(struct pollfd *polled, nfds_t count, int timeout)
{
	struct timespec none = { 0 };
	check(timeout);
	steps++;
	if (timeout >= 0 && one_in(6))
		clock_now_ms += (uint64_t)timeout;
	clock_now_ms += 1 + chance % 100;
	for (unsigned i = 0; i < fake_count; i++)
		if (!fakes[i].dead && one_in(3))
			act(&fakes[i]);
	operate();
	return (int)syscall(SYS_ppoll, polled, count, &none, NULL, 0);
}

/* ---- tests ---- */

static unsigned count_open(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void play(unsigned seed)
{
	struct supervised supervised = { .file = "/nowhere", .text = TEXT, .len = strlen(TEXT) };
	unsigned before = count_open();
	fake_count = steps = stops = 0;
	any_ready = may_end = failed = false;
	chance = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	clock_now_ms = 1000000;
	stop_at = (unsigned)(chance % 200);
	crash_odds = one_in(2) ? 6 : 40;
	int status = supervisor_run(&supervised);
	for (unsigned i = 0; i < fake_count; i++)
		die(&fakes[i], 0);
	clock_now_ms = 0;
	CU_ASSERT_EQUAL(count_open(), before);
	if (stops > 0 && any_ready && !failed)
		CU_ASSERT(status == 0 || status == SUPERVISOR_GAVE_UP);
	if (any_ready)
		CU_ASSERT(status >= 0);
}

static void whatever_comes(void)
{
	int errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3),
	    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(nowhere, STDERR_FILENO);
	for (unsigned seed = 0; seed < RUNS; seed++) {
		unsigned failures = CU_get_number_of_failures();
		play(seed);
		if (CU_get_number_of_failures() != failures)
			printf("# of seed %u\n", seed);
	}
	dup2(errors, STDERR_FILENO);
	close(errors);
	close(nowhere);
}

SUITE_MAIN("supervise", SUITE_TEST(whatever_comes))
