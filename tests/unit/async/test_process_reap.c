/* Children are collected, every one and once, in either way that there is, and whatever the program does with SIGCHLD; and
 * what becomes of those that still run when the loop ends. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/async/process.h"
#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SPAWNS 200
#define AT_ONCE 20

static struct heard heard;
static const struct reaper_ops *const ways[] = { &reaper_pidfd, &reaper_thread };

static void done(void)
{
	forget(&heard);
	rig_close();
}

static void spawn_many(void)
{
	static struct heard many[AT_ONCE];
	unsigned left = SPAWNS;
	while (left > 0) {
		for (int i = 0; i < AT_ONCE; i++)
			spawn(&many[i], (struct plait_spawn_options){
						.argv = ARGV("sh", "-c", "exit $0", i % 2 ? "1" : "0") });
		for (int i = 0; i < AT_ONCE; i++) {
			run_to_end(&many[i]);
			CU_ASSERT_EQUAL(many[i].exit.code, i % 2);
			forget(&many[i]);
		}
		left -= AT_ONCE;
		CU_ASSERT_EQUAL(count_children(), 0);
	}
}

static void hundreds_leave_no_descriptor_and_no_zombie(void)
{
	for (int i = 0; i < 2; i++) {
		reaper_forced = ways[i];
		rig_open();
		unsigned fds = count_fds();
		spawn_many();
		CU_ASSERT_EQUAL(count_fds(), fds);
		rig_close();
	}
	reaper_forced = NULL;
}

static void either_way_signals_and_tells_the_status(void)
{
	for (int i = 0; i < 2; i++) {
		reaper_forced = ways[i];
		rig_open();
		spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("sleep", "infinity") });
		CU_ASSERT_STRING_EQUAL(heard.process->reaper.ops->name, ways[i]->name);
		loop_turn(loop, false);
		CU_ASSERT_EQUAL(plait_process_signal(heard.process, 1000), PLAIT_ERROR_INVALID);
		CU_ASSERT_EQUAL(plait_process_signal(heard.process, SIGINT), 0);
		run_to_end(&heard);
		CU_ASSERT_EQUAL(heard.exit.signal, SIGINT);
		forget(&heard);
		spawn_shell(&heard, "exit 255");
		run_to_end(&heard);
		CU_ASSERT_EQUAL(heard.exit.code, 255);
		done();
	}
	reaper_forced = NULL;
}

static int no_descriptor(struct reaper *reaper)
{
	(void)reaper;
	errno = EMFILE;
	return -1;
}

static void one_that_cannot_be_watched_is_killed(void)
{
	static const struct reaper_ops failing = { .name = "failing", .open = no_descriptor };
	struct plait_error error = { 0 };
	reaper_forced = &failing;
	rig_open();
	CU_ASSERT_PTR_NULL(plait_spawn(loop,
				       &(struct plait_spawn_options){ .argv = ARGV("sleep", "infinity") },
				       &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "too many open files"));
	rig_close();
	reaper_forced = NULL;
}

static void this_kernel_has_the_better_way(void)
{
	rig_open();
	spawn_shell(&heard, "exit 0");
	CU_ASSERT_PTR_EQUAL(heard.process->reaper.ops, &reaper_pidfd);
	run_to_end(&heard);
	done();
}

/* The kernel then collects children itself. */
static void an_ignored_sigchld_loses_only_the_status(void)
{
	rig_open();
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		spawn_shell(&heard, "exit 3");
		run_to_end(&heard);
		CU_ASSERT(heard.exit.unknown);
		CU_ASSERT_EQUAL(heard.exit.code, -1);
		forget(&heard);
	}
	struct plait_error error;
	CU_ASSERT_PTR_NULL(
		plait_spawn(loop, &(struct plait_spawn_options){ .argv = ARGV("/no/such") }, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_MISSING);
	signal(SIGCHLD, SIG_DFL);
	done();
}

static int chld_seen;

static void on_chld(int number)
{
	(void)number;
	chld_seen++;
}

static void the_programs_own_children_and_handler_are_left_alone(void)
{
	int status;
	rig_open();
	signal(SIGCHLD, on_chld);
	pid_t own = fork();
	if (own == 0)
		_exit(9);
	spawn_shell(&heard, "exit 3");
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.code, 3);
	while (waitpid(own, &status, 0) < 0 && errno == EINTR)
		;
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 9);
	CU_ASSERT_PTR_EQUAL(signal(SIGCHLD, SIG_DFL), on_chld);
	done();
}

/* A program that waits for any child. */
static void a_status_that_another_took_is_unknown(void)
{
	rig_open();
	spawn_shell(&heard, "exit 3");
	CU_ASSERT_EQUAL(waitpid(plait_process_pid(heard.process), NULL, 0), plait_process_pid(heard.process));
	run_to_end(&heard);
	CU_ASSERT(heard.exit.unknown);
	done();
}

static void a_core_is_told(void)
{
	rig_open();
	spawn_shell(&heard, "kill -SEGV $$");
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGSEGV);
	done();
}

/* ---- the loop's end ---- */

static void the_loops_end_is_the_childrens(void)
{
	struct heard gentle = { 0 }, deaf = { 0 }, gone = { 0 };
	for (int i = 0; i < 2; i++) {
		reaper_forced = ways[i];
		rig_open();
		spawn_shell(&gentle, "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done");
		spawn_shell(&deaf, "trap '' TERM; echo up; while :; do sleep 0.01; done");
		spawn_shell(&gone, "exec 1>&- 2>&-; echo up >&2; exit 6");
		RUN_UNTIL(buffer_size(&gentle.from[1]) && buffer_size(&deaf.from[1]) && gone.ended);
		forget(&gone);
		rig_close();
		CU_ASSERT_STRING_EQUAL(gentle.events, "exited(5) closed(0) closed(1) closed(2) ended(5)");
		CU_ASSERT_STRING_EQUAL(deaf.events, "exited(-9) closed(0) closed(1) closed(2) ended(-9)");
		forget(&gentle);
		forget(&deaf);
	}
	reaper_forced = NULL;
}

static void spawn_another(struct heard *from)
{
	struct plait_error error = { 0 };
	CU_ASSERT_PTR_NULL(plait_spawn(loop, &(struct plait_spawn_options){ .argv = ARGV("cat") }, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_CLOSING);
	from->arg = from;
}

static void a_loop_that_ends_takes_no_more(void)
{
	rig_open();
	heard.on_exited = heard.on_ended = spawn_another;
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("sleep", "infinity") });
	end_loop();
	CU_ASSERT_PTR_NOT_NULL(heard.arg);
	CU_ASSERT_EQUAL(heard.ended, 1);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGTERM);
	done();
}

SUITE_MAIN("process_reap", SUITE_TEST(hundreds_leave_no_descriptor_and_no_zombie),
	   SUITE_TEST(either_way_signals_and_tells_the_status),
	   SUITE_TEST(one_that_cannot_be_watched_is_killed), SUITE_TEST(this_kernel_has_the_better_way),
	   SUITE_TEST(an_ignored_sigchld_loses_only_the_status),
	   SUITE_TEST(the_programs_own_children_and_handler_are_left_alone),
	   SUITE_TEST(a_status_that_another_took_is_unknown), SUITE_TEST(a_core_is_told),
	   SUITE_TEST(the_loops_end_is_the_childrens), SUITE_TEST(a_loop_that_ends_takes_no_more))
