/* Child processes: what they are started with, what they say, and how they end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct heard heard;

static void done(void)
{
	forget(&heard);
	rig_close();
}

static void arguments_come_as_they_are(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){ .argv = ARGV("printf", "<%s>", "a b", "$HOME", "", "*") });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "<a b><$HOME><><*>"));
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	CU_ASSERT_FALSE(heard.exit.signalled);
	done();
}

static void argv0_may_differ_from_the_program(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){ .program = "/bin/sh", .argv = ARGV("me", "-c", "echo $0") });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "me\n"));
	done();
}

static void the_environment_is_inherited_or_given(void)
{
	rig_open();
	setenv("PLAIT_TEST", "inherited", 1);
	spawn_shell(&heard, "echo $PLAIT_TEST");
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "inherited\n"));
	forget(&heard);
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("env"), .env = ARGV("A=1", "B=two words") });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "A=1\nB=two words\n"));
	done();
}

static void it_runs_in_its_folder(void)
{
	rig_open();
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("/bin/pwd"), .cwd = "/usr" });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "/usr\n"));
	done();
}

static void exit_codes_and_signals_are_told_apart(void)
{
	rig_open();
	spawn_shell(&heard, "exit 7");
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.code, 7);
	CU_ASSERT_FALSE(heard.exit.signalled);
	forget(&heard);
	spawn_shell(&heard, "kill -9 $$");
	run_to_end(&heard);
	CU_ASSERT(heard.exit.signalled);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGKILL);
	CU_ASSERT_EQUAL(heard.exit.code, -1);
	CU_ASSERT_FALSE(heard.exit.core);
	done();
}

static void its_outputs_are_told_apart(void)
{
	rig_open();
	spawn_shell(&heard, "echo out; echo err >&2");
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "out\n"));
	CU_ASSERT(heard_text(&heard, 2, "err\n"));
	CU_ASSERT_EQUAL(heard.closed[0], 1);
	CU_ASSERT_EQUAL(heard.closed[1], 1);
	CU_ASSERT_EQUAL(heard.closed[2], 1);
	done();
}

/* ---- exit and end ---- */

static void a_grandchild_puts_off_the_end_but_not_the_exit(void)
{
	rig_open();
	spawn_shell(&heard, "exec 3<&0; cat <&3 3<&- & exit 3");
	RUN_UNTIL(heard.exited);
	CU_ASSERT_EQUAL(heard.exit.code, 3);
	CU_ASSERT_EQUAL(heard.ended, 0);
	plait_process_write(heard.process, 0, "still here", 10);
	RUN_UNTIL(buffer_size(&heard.from[1]) == 10);
	CU_ASSERT_EQUAL(heard.ended, 0);
	plait_process_close_fd(heard.process, 0);
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "still here"));
	done();
}

static void pipes_may_close_long_before_the_exit(void)
{
	rig_open();
	spawn_shell(&heard, "exec 0<&- 1>&- 2>&-; exec sleep infinity");
	RUN_UNTIL(heard.closed[0] && heard.closed[1] && heard.closed[2]);
	CU_ASSERT_EQUAL(heard.exited, 0);
	CU_ASSERT_PTR_NULL(plait_process_exit(heard.process));
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, "x", 1), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_process_signal(heard.process, SIGTERM), 0);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGTERM);
	done();
}

static void what_a_grandchild_holds_can_be_let_go(void)
{
	rig_open();
	spawn_shell(&heard, "sleep infinity & echo $!");
	RUN_UNTIL(heard.exited && buffer_size(&heard.from[1]) > 0);
	int grandchild = atoi((char *)buffer_data(&heard.from[1]));
	plait_process_close(heard.process);
	CU_ASSERT_EQUAL(heard.ended, 0); /* not from inside the call */
	run_to_end(&heard);
	CU_ASSERT_FATAL(grandchild > 1);
	kill(grandchild, SIGKILL);
	done();
}

static void signals_after_the_exit_are_a_clean_no(void)
{
	rig_open();
	spawn_shell(&heard, "sleep infinity & echo $!");
	RUN_UNTIL(heard.exited && buffer_size(&heard.from[1]) > 0);
	int grandchild = atoi((char *)buffer_data(&heard.from[1]));
	struct plait_process *process = plait_process_ref(heard.process);
	CU_ASSERT_EQUAL(plait_process_signal(process, SIGKILL), PLAIT_ERROR_GONE);
	CU_ASSERT_FATAL(grandchild > 1);
	kill(grandchild, SIGKILL);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(plait_process_signal(process, SIGKILL), PLAIT_ERROR_GONE);
	CU_ASSERT_EQUAL(plait_process_write(process, 0, "x", 1), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_process_exit(process)->code, 0);
	plait_process_unref(&process);
	CU_ASSERT_PTR_NULL(process);
	done();
}

static void a_wrong_signal_is_refused(void)
{
	rig_open();
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("cat") });
	CU_ASSERT_EQUAL(plait_process_signal(heard.process, 1000), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_process_signal_group(heard.process, SIGTERM), PLAIT_ERROR_INVALID);
	plait_process_close_fd(heard.process, 0);
	run_to_end(&heard);
	CU_ASSERT_STRING_EQUAL(strstr(heard.events, "ended"), "ended(0)");
	done();
}

/* The grandchild holds the pipe, so that the end shows that it went, too. */
static void a_group_is_signalled_together(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", "sleep infinity & echo up; wait"),
					    .new_group = true });
	RUN_UNTIL(buffer_size(&heard.from[1]) > 0);
	CU_ASSERT_EQUAL(plait_process_signal_group(heard.process, SIGTERM), 0);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGTERM);
	done();
}

static void groups_and_sessions_are_led(void)
{
	static const char script[] = "echo $$ $(cut -d' ' -f5,6 /proc/$$/stat)";
	int pid, group, session;
	rig_open();
	for (int i = 0; i < 3; i++) {
		spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", script),
							    .new_group = i == 1,
							    .new_session = i == 2 });
		run_to_end(&heard);
		CU_ASSERT_FATAL(buffer_append(&heard.from[1], "", 1) == 0);
		CU_ASSERT_EQUAL_FATAL(sscanf((char *)buffer_data(&heard.from[1]), "%d %d %d", &pid, &group,
					     &session),
				      3);
		CU_ASSERT_EQUAL(group, i == 0 ? (int)getpgrp() : pid);
		CU_ASSERT_EQUAL(session, i == 2 ? pid : (int)getsid(0));
		forget(&heard);
	}
	done();
}

/* ---- what cannot be started ---- */

static void refused(const struct plait_spawn_options *options, int code, const char *text)
{
	struct plait_error error = { 0 };
	unsigned fds = count_fds(), children = count_children();
	CU_ASSERT_PTR_NULL(plait_spawn(loop, options, &error));
	CU_ASSERT_EQUAL(error.code, code);
	if (strcmp(error.text, text) != 0)
		printf("# %s\n", error.text);
	CU_ASSERT_STRING_EQUAL(error.text, text);
	CU_ASSERT_PTR_NULL(plait_spawn(loop, options, NULL));
	CU_ASSERT_EQUAL(count_fds(), fds);
	CU_ASSERT_EQUAL(count_children(), children);
	loop_turn(loop, false);
}

static void what_cannot_be_run_is_named(void)
{
	rig_open();
	refused(&(struct plait_spawn_options){ .argv = ARGV("plait-no-such-program") }, PLAIT_ERROR_MISSING,
		"cannot start \"plait-no-such-program\": running it: No such file or directory; it is in none of "
		"PATH's folders");
	refused(&(struct plait_spawn_options){ .argv = ARGV("/no/such") }, PLAIT_ERROR_MISSING,
		"cannot start \"/no/such\": running it: No such file or directory");
	refused(&(struct plait_spawn_options){ .argv = ARGV("/usr") }, PLAIT_ERROR_SYSTEM,
		"cannot start \"/usr\": running it: Permission denied");
	refused(&(struct plait_spawn_options){ .argv = ARGV("cat"), .cwd = "/no/such/folder" },
		PLAIT_ERROR_MISSING,
		"cannot start \"cat\": entering its folder \"/no/such/folder\": No such file or directory");
	refused(&(struct plait_spawn_options){ .argv = (const char *const[]){ NULL } }, PLAIT_ERROR_INVALID,
		"cannot start a program without a name: argv is empty");
	refused(&(struct plait_spawn_options){ .argv = NULL }, PLAIT_ERROR_INVALID,
		"cannot start a program without a name: argv is empty");
	rig_close();
}

/* Not there in one folder, not to be run in the next, and in the last there. */
static void the_path_is_walked(void)
{
	char folder[] = "/tmp/plait-process-XXXXXX", file[64], path[4096], *before = strdup(getenv("PATH"));
	rig_open();
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/plait-test", folder);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "::/no/such:%s:%s", folder, before);
	setenv("PATH", path, 1);
	refused(&(struct plait_spawn_options){ .argv = ARGV("plait-test") }, PLAIT_ERROR_SYSTEM,
		"cannot start \"plait-test\": running it: Permission denied");
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("true") });
	run_to_end(&heard);
	unsetenv("PATH");
	forget(&heard);
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("true") });
	run_to_end(&heard);
	setenv("PATH", before, 1);
	free(before);
	unlink(file);
	rmdir(folder);
	done();
}

static void refused_table(const struct plait_process_fd *fds, size_t count, int code, const char *text)
{
	refused(&(struct plait_spawn_options){ .argv = ARGV("cat"), .fds = fds, .fd_count = count }, code,
		text);
}

static void tables_that_make_no_sense_are_refused(void)
{
	rig_open();
	refused_table(&(struct plait_process_fd){ -1, PLAIT_FD_NULL, 0 }, 1, PLAIT_ERROR_INVALID,
		      "cannot start \"cat\": a descriptor of the table is out of range");
	refused_table(&(struct plait_process_fd){ 1024, PLAIT_FD_NULL, 0 }, 1, PLAIT_ERROR_INVALID,
		      "cannot start \"cat\": a descriptor of the table is out of range");
	refused_table(&(struct plait_process_fd){ 1, 9, 0 }, 1, PLAIT_ERROR_INVALID,
		      "cannot start \"cat\": a descriptor of the table is of no kind that there is");
	refused_table((struct plait_process_fd[]){ { 4, PLAIT_PIPE_READ, 0 }, { 4, PLAIT_FD_NULL, 0 } }, 2,
		      PLAIT_ERROR_INVALID, "cannot start \"cat\": a descriptor is in the table twice");
	refused_table(
		(struct plait_process_fd[]){ { 2, PLAIT_FD_SAME, 1 }, { 1, PLAIT_PIPE_READ, 0 } }, 2,
		PLAIT_ERROR_INVALID,
		"cannot start \"cat\": a descriptor is to be the same as one that is not before it in the "
		"table");
	refused_table(&(struct plait_process_fd){ 5, PLAIT_FD_INHERIT, 1020 }, 1, PLAIT_ERROR_SYSTEM,
		      "cannot start \"cat\": opening a descriptor for it: Bad file descriptor");
	rig_close();
}

static void descriptors_that_run_out_are_an_error(void)
{
	struct plait_error error;
	struct heard others[3] = { 0 };
	struct rlimit before, few;
	int used[64];
	rig_open();
	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	for (int i = 0; i < 3; i++)
		spawn(&others[i], (struct plait_spawn_options){ .argv = ARGV("cat") });
	for (int spare = 0; spare < 12; spare++) {
		unsigned count = 0;
		struct plait_process *process = NULL;
		struct plait_spawn_options options = { .argv = ARGV("true"),
						       .callbacks = &heard_callbacks,
						       .arg = &heard };
		while (count < 64 && (used[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
			count++;
		for (int i = 0; i < spare && count > 0; i++)
			close(used[--count]);
		process = plait_spawn(loop, &options, &error);
		while (count > 0)
			close(used[--count]);
		if (process)
			run_to_end(&heard);
		else
			CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_SYSTEM);
		CU_ASSERT_EQUAL(process != NULL, spare >= 8);
		forget(&heard);
	}
	for (int i = 0; i < 3; i++) {
		plait_process_close_fd(others[i].process, 0);
		run_to_end(&others[i]);
		forget(&others[i]);
	}
	setrlimit(RLIMIT_NOFILE, &before);
	done();
}

/* ---- who ---- */

static void it_runs_as_another_user(void)
{
	static const gid_t groups[] = { 7001, 7002 };
	static const struct plait_process_user user = {
		.uid = 4321, .gid = 5432, .groups = groups, .group_count = 2
	};
	static const struct plait_process_user bare = { .uid = 4321, .gid = 5432 };
	if (geteuid() != 0)
		return;
	rig_open();
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", "id -u; id -g; id -G"),
						    .user = &user });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "4321\n5432\n5432 7001 7002\n"));
	forget(&heard);
	spawn(&heard,
	      (struct plait_spawn_options){ .argv = ARGV("grep", "^[UG]id\\|^Groups", "/proc/self/status"),
					    .user = &bare });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1,
			     "Uid:\t4321\t4321\t4321\t4321\nGid:\t5432\t5432\t5432\t5432\nGroups:\t \n"));
	CU_ASSERT_EQUAL(geteuid(), 0);
	done();
}

static void who_may_not_change_its_user_is_told(void)
{
	static const struct plait_process_user user = { .uid = 1, .gid = 5432 };
	int status[2];
	if (geteuid() != 0)
		return;
	/* In a process of its own, which may not go back. */
	CU_ASSERT_EQUAL_FATAL(pipe(status), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct plait_error error = { 0 };
		struct plait_spawn_options options = { .argv = ARGV("cat"), .user = &user };
		struct plait_loop *own = loop_new(0, 1);
		loop_enter(own);
		if (setgid(5432) < 0 || setuid(5432) < 0 || plait_spawn(own, &options, &error))
			_exit(1);
		dprintf(status[1], "%s", error.text);
		_exit(0);
	}
	char text[800] = "";
	close(status[1]);
	CU_ASSERT_FATAL(read(status[0], text, sizeof(text) - 1) > 0);
	close(status[0]);
	CU_ASSERT_STRING_EQUAL(
		text, "cannot start \"cat\": setting its supplementary groups: Operation not permitted");
	waitpid(pid, NULL, 0);
}

SUITE_MAIN("process", SUITE_TEST(arguments_come_as_they_are), SUITE_TEST(argv0_may_differ_from_the_program),
	   SUITE_TEST(the_environment_is_inherited_or_given), SUITE_TEST(it_runs_in_its_folder),
	   SUITE_TEST(exit_codes_and_signals_are_told_apart), SUITE_TEST(its_outputs_are_told_apart),
	   SUITE_TEST(a_grandchild_puts_off_the_end_but_not_the_exit),
	   SUITE_TEST(pipes_may_close_long_before_the_exit),
	   SUITE_TEST(what_a_grandchild_holds_can_be_let_go),
	   SUITE_TEST(signals_after_the_exit_are_a_clean_no), SUITE_TEST(a_wrong_signal_is_refused),
	   SUITE_TEST(a_group_is_signalled_together), SUITE_TEST(groups_and_sessions_are_led),
	   SUITE_TEST(what_cannot_be_run_is_named), SUITE_TEST(the_path_is_walked),
	   SUITE_TEST(tables_that_make_no_sense_are_refused),
	   SUITE_TEST(descriptors_that_run_out_are_an_error), SUITE_TEST(it_runs_as_another_user),
	   SUITE_TEST(who_may_not_change_its_user_is_told))
