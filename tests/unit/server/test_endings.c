/* What the supervisor makes of workers' ends, and of what they said before. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/server/hearing.h"
#include "tests/unit/suite.h"

/* In the place of libc's. */
static pid_t killed, killed_late;

int kill(pid_t pid, int number)
{
	siginfo_t info;
	killed = pid;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) /* it may be anybody's by now */
		killed_late = pid;
	return (int)syscall(SYS_kill, pid, number);
}

static void nobody_is_killed_who_may_be_another_by_now(void)
{
	siginfo_t info;
	hearing_begin();
	add_worker(1, WORKER_STARTING);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	supervisor.workers[1].pid = pid;
	CU_ASSERT_EQUAL(send(theirs[1], "x", 1, 0), 1);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	killed = killed_late = 0;
	supervisor_reap(&supervisor);
	CU_ASSERT_EQUAL(killed, pid);
	CU_ASSERT_EQUAL(killed_late, 0);
	CU_ASSERT_EQUAL(supervisor.workers[1].state, WORKER_NONE);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, WNOHANG), -1);
	hearing_end();
}

/* Who said nonsense is to be replaced, and who has ended is followed by another one: one of both is enough. */
static void who_ends_is_followed_by_one(void)
{
	siginfo_t info;
	hearing_begin();
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	supervisor.was_ready = true;
	supervisor.workers[0].pid = pid;
	CU_ASSERT_EQUAL(send(theirs[0], "x", 1, 0), 1);
	CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	supervisor_reap(&supervisor);
	CU_ASSERT(supervisor.restart_ms > 0);
	CU_ASSERT_FALSE(supervisor.wanted);
	hearing_end();
}

/* The last worker, which another one was to be killed for, has crashed; then the server was told to stop. */
static void who_was_not_to_serve_is_no_failure(void)
{
	siginfo_t info;
	hearing_begin();
	supervisor.was_ready = supervisor.stopping = supervisor.workers[0].refused = true;
	supervisor.workers[0].state = WORKER_STARTING;
	supervisor.status = -SIGSEGV;
	for (unsigned i = 0; i < 2; i++) {
		pid_t pid = fork();
		if (pid == 0)
			raise(SIGKILL);
		supervisor.workers[i].pid = pid;
		CU_ASSERT_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
		supervisor_reap(&supervisor);
		CU_ASSERT(supervisor.over);
		CU_ASSERT_EQUAL(supervisor.status, 0);
		if (i == 0)
			add_worker(1, WORKER_STARTING); /* what comes after the end changes nothing */
	}
	CU_ASSERT_EQUAL(supervisor.workers[1].state, WORKER_NONE);
	hearing_end();
}

static unsigned count_told(unsigned who, enum channel_kind kind)
{
	unsigned count = 0;
	int passed;
	while (channel_receive(theirs[who], &message, &passed, false) > 0)
		count += message.kind == kind;
	memset(&message, 0, sizeof(message));
	return count;
}

static void who_drains_hears_of_the_end_once(void)
{
	hearing_begin();
	add_worker(1, WORKER_RETIRED);
	say(0, CHANNEL_ENDING);
	hear(0);
	CU_ASSERT_EQUAL(count_told(1, CHANNEL_STOP), 1);
	say(0, CHANNEL_STOPPING);
	hear(0);
	CU_ASSERT_EQUAL(count_told(1, CHANNEL_STOP), 0);
	hearing_end();
}

/* The kernel tells first that what this said was not read. */
static void last_words_come_through(void)
{
	hearing_begin();
	CU_ASSERT(supervisor_tell(&supervisor.workers[0], CHANNEL_RELOAD, 0));
	say(0, CHANNEL_ENDING);
	close(theirs[0]);
	theirs[0] = -1;
	hear(0);
	CU_ASSERT(supervisor.stopping);
	CU_ASSERT_EQUAL(supervisor.workers[0].channel, -1);
	hearing_end();
}

/* A plugin may close what is not its own. */
static void who_cannot_be_told_anything_is_killed(void)
{
	hearing_begin();
	CU_ASSERT_EQUAL(supervisor.workers[0].kill_ms, 0);
	close(theirs[0]);
	theirs[0] = -1;
	hear(0);
	CU_ASSERT_EQUAL(supervisor.workers[0].state, WORKER_SERVING);
	CU_ASSERT(supervisor.workers[0].kill_ms > supervisor_now_ms());
	uint64_t kill_ms = supervisor.workers[0].kill_ms;
	add_worker(1, WORKER_STARTING); /* nor does it hear that it is replaced */
	supervisor_promote(&supervisor, &supervisor.workers[1]);
	CU_ASSERT_EQUAL(supervisor.workers[0].kill_ms, kill_ms);
	hearing_end();
}

/* Its channel it closes first; what its plugins have yet to write may take a while. */
static void who_has_said_that_it_ends_has_time_for_it(void)
{
	hearing_begin();
	say(0, CHANNEL_ENDING);
	close(theirs[0]);
	theirs[0] = -1;
	hear(0);
	CU_ASSERT_EQUAL(supervisor.workers[0].channel, -1);
	CU_ASSERT_EQUAL(supervisor.workers[0].kill_ms, 0);
	hearing_end();
}

/* It stood still, say, and the next one begins with what was served before. */
static void a_reload_outlives_who_was_told(void)
{
	siginfo_t info;
	hearing_begin();
	supervisor.was_ready = true;
	supervisor.workers[0].pid = fork();
	if (supervisor.workers[0].pid == 0)
		raise(SIGKILL);
	CU_ASSERT(supervisor_tell(&supervisor.workers[0], CHANNEL_RELOAD, 0));
	waitid(P_PID, (id_t)supervisor.workers[0].pid, &info, WEXITED | WNOWAIT);
	supervisor_reap(&supervisor);
	CU_ASSERT(supervisor.hangup);
	hearing_end();
}

/* One that did not take over, and one that was replaced, may have said that they served by it. */
static void what_only_others_served_by_is_closed(void)
{
	hearing_begin();
	fill_bind("a", 0);
	int one = ask(0, CHANNEL_BIND);
	keep_socket(0, channel_cookie(one));
	serve(0, 1);
	add_worker(1, WORKER_STARTING);
	supervisor.workers[1].pid = fork();
	if (supervisor.workers[1].pid == 0)
		_exit(0);
	keep_socket(1, channel_cookie(one));
	serve(1, 1);
	siginfo_t info;
	waitid(P_PID, (id_t)supervisor.workers[1].pid, &info, WEXITED | WNOWAIT);
	supervisor_reap(&supervisor);
	CU_ASSERT_EQUAL(supervisor.workers[1].state, WORKER_NONE);
	close(theirs[1]);
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	add_worker(1, WORKER_RETIRED);
	keep_socket(1, channel_cookie(one));
	serve(1, 0);
	serve(0, 1); /* it is not in its configuration any more */
	CU_ASSERT_EQUAL(supervisor.store.count, 0);
	close(one);
	hearing_end();
}

/* While another one starts both name what they serve by. */
static void what_is_served_by_both_is_told_apart(void)
{
	hearing_begin();
	fill_bind("a", 0);
	int one = ask(0, CHANNEL_BIND);
	fill_bind("a", 1);
	int other = ask(0, CHANNEL_BIND);
	add_worker(1, WORKER_STARTING);
	keep_socket(0, channel_cookie(one));
	keep_socket(1, channel_cookie(one));
	serve(1, 1);
	keep_socket(0, channel_cookie(other));
	serve(0, 1);
	keep_socket(0, channel_cookie(other)); /* and once more, without the first */
	serve(0, 1);
	supervisor.workers[1].pid = fork();
	if (supervisor.workers[1].pid == 0)
		_exit(0);
	siginfo_t info;
	waitid(P_PID, (id_t)supervisor.workers[1].pid, &info, WEXITED | WNOWAIT);
	supervisor_reap(&supervisor);
	CU_ASSERT_EQUAL_FATAL(supervisor.store.count, 1);
	CU_ASSERT_EQUAL(supervisor.store.entries[0].cookie, channel_cookie(other));
	close(one);
	close(other);
	hearing_end();
}

/* It was lent what the one that serves had just come to serve by, and did not take over. */
static void what_is_served_outlives_who_was_lent_it(void)
{
	siginfo_t info;
	hearing_begin();
	add_worker(1, WORKER_STARTING);
	fill_bind("a", 0);
	int one = ask(0, CHANNEL_BIND);
	keep_socket(0, channel_cookie(one));
	serve(0, 1);
	fill_bind("a", 0);
	close(ask(1, CHANNEL_BIND));
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	supervisor.workers[1].pid = fork();
	if (supervisor.workers[1].pid == 0)
		_exit(0);
	waitid(P_PID, (id_t)supervisor.workers[1].pid, &info, WEXITED | WNOWAIT);
	supervisor_reap(&supervisor);
	CU_ASSERT_EQUAL(supervisor.workers[1].state, WORKER_NONE);
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	close(one);
	hearing_end();
}

SUITE_MAIN("endings", SUITE_TEST(nobody_is_killed_who_may_be_another_by_now),
	   SUITE_TEST(who_ends_is_followed_by_one), SUITE_TEST(who_was_not_to_serve_is_no_failure),
	   SUITE_TEST(who_drains_hears_of_the_end_once), SUITE_TEST(last_words_come_through),
	   SUITE_TEST(who_cannot_be_told_anything_is_killed),
	   SUITE_TEST(who_has_said_that_it_ends_has_time_for_it), SUITE_TEST(a_reload_outlives_who_was_told),
	   SUITE_TEST(what_only_others_served_by_is_closed), SUITE_TEST(what_is_served_by_both_is_told_apart),
	   SUITE_TEST(what_is_served_outlives_who_was_lent_it))
