/* What a program writes and how it ends, as Deferreds: in full, bounded, cancelled, and late. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) (&(struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", script) })

/* Holds the pipes until its parent has been collected, and a little longer. */
#define GRANDCHILD "(while kill -0 $$; do sleep 0.01; done) 2>/dev/null & "

static struct plait_result last;
static bool fired;

static struct plait_result keep(struct plait_result result, void *arg)
{
	(void)arg;
	last = result;
	fired = true;
	return plait_value(NULL);
}

/* Waits for it, with the caller's reference. */
static void wait_for(struct plait_deferred *deferred)
{
	fired = false;
	plait_add_both(deferred, keep, NULL);
	RUN_UNTIL(fired);
	plait_deferred_unref(&deferred);
}

static void expect_failure(struct plait_deferred *deferred, int code, const char *text)
{
	wait_for(deferred);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last.failure);
	CU_ASSERT_EQUAL(last.failure->code, code);
	CU_ASSERT_STRING_EQUAL(last.failure->text, text);
	plait_result_drop(&last);
}

static struct plait_output *output(void)
{
	CU_ASSERT_PTR_NULL(last.failure);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last.value);
	return last.value;
}

static unsigned fds_of_none;

static void begin(void)
{
	rig_open();
	fds_of_none = count_fds();
}

/* Until the loop has none left; then it has none of their pipes either, whoever else has. */
static void run_out(void)
{
	RUN_UNTIL(count_children() == 0);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, false);
	CU_ASSERT_EQUAL(count_fds(), fds_of_none);
}

static void output_errors_and_status_come_together(void)
{
	begin();
	wait_for(plait_get_output(loop, SHELL("printf 'out\\0put'; printf bad >&2; exit 4"), 0, false));
	CU_ASSERT_EQUAL(output()->len, 7);
	CU_ASSERT_EQUAL(memcmp(output()->bytes, "out\0put", 8), 0);
	CU_ASSERT_EQUAL(output()->error_len, 3);
	CU_ASSERT_STRING_EQUAL(output()->error_bytes, "bad");
	CU_ASSERT_EQUAL(output()->exit.code, 4);
	plait_result_drop(&last);
	rig_close();
}

static void errors_may_be_merged(void)
{
	begin();
	wait_for(plait_get_output(loop, SHELL("echo 1; echo 2 >&2; echo 3"), 0, true));
	CU_ASSERT_STRING_EQUAL(output()->bytes, "1\n2\n3\n");
	CU_ASSERT_EQUAL(output()->error_len, 0);
	CU_ASSERT_STRING_EQUAL(output()->error_bytes, "");
	plait_result_drop(&last);
	rig_close();
}

static void its_input_is_empty(void)
{
	begin();
	wait_for(plait_get_output(loop, &(struct plait_spawn_options){ .argv = ARGV("cat") }, 0, false));
	CU_ASSERT_EQUAL(output()->len, 0);
	CU_ASSERT_EQUAL(output()->exit.code, 0);
	plait_result_drop(&last);
	rig_close();
}

static void output_has_a_bound(void)
{
	begin();
	wait_for(plait_get_output(loop, SHELL("printf 12345; printf 67890 >&2"), 10, false));
	CU_ASSERT_EQUAL(output()->len + output()->error_len, 10);
	plait_result_drop(&last);
	expect_failure(plait_get_output(loop, SHELL("printf 12345; printf 678901 >&2; exec sleep infinity"),
					10, false),
		       PLAIT_ERROR_OVERFLOW, "\"/bin/sh\" writes more than the 10 bytes allowed");
	expect_failure(plait_get_output(loop, SHELL("printf 678901 >&2; sleep 0.1; printf 12345"), 10, false),
		       PLAIT_ERROR_OVERFLOW, "\"/bin/sh\" writes more than the 10 bytes allowed");
	run_out();
	expect_failure(plait_get_output(loop, &(struct plait_spawn_options){ .argv = ARGV("yes") }, 0, false),
		       PLAIT_ERROR_OVERFLOW, "\"yes\" writes more than the 1048576 bytes allowed");
	run_out();
	rig_close();
}

static void what_cannot_be_run_fails(void)
{
	begin();
	struct plait_spawn_options missing = { .argv = ARGV("/no/such") };
	expect_failure(plait_get_output(loop, &missing, 0, false), PLAIT_ERROR_MISSING,
		       "cannot start \"/no/such\": running it: No such file or directory");
	expect_failure(plait_get_exit_status(loop, &missing), PLAIT_ERROR_MISSING,
		       "cannot start \"/no/such\": running it: No such file or directory");
	rig_close();
}

static void what_it_does_itself_cannot_be_asked_for(void)
{
	static const struct plait_terminal size = { 1, 1 };
	begin();
	const char *text = "cannot run a program: fds, terminal and callbacks are not for plait_get_output";
	expect_failure(plait_get_output(loop,
					&(struct plait_spawn_options){ .argv = ARGV("cat"),
								       .terminal = &size },
					0, false),
		       PLAIT_ERROR_INVALID, text);
	expect_failure(plait_get_output(loop,
					&(struct plait_spawn_options){ .argv = ARGV("cat"),
								       .callbacks = &heard_callbacks },
					0, false),
		       PLAIT_ERROR_INVALID, text);
	expect_failure(plait_get_exit_status(loop,
					     &(struct plait_spawn_options){ .argv = ARGV("cat"),
									    .callbacks = &heard_callbacks }),
		       PLAIT_ERROR_INVALID, "cannot run a program: its callbacks are not called");
	rig_close();
}

static void a_cancelled_one_is_killed_and_collected(void)
{
	begin();
	for (int i = 0; i < 2; i++) {
		struct plait_spawn_options *options = SHELL("trap '' TERM; " GRANDCHILD "echo up; wait");
		struct plait_deferred *deferred = i ? plait_get_exit_status(loop, options)
						    : plait_get_output(loop, options, 0, false);
		CU_ASSERT_EQUAL(count_children(), 1);
		plait_deferred_cancel(deferred);
		expect_failure(deferred, PLAIT_ERROR_CANCELLED, "it was cancelled");
		run_out();
	}
	rig_close();
}

static uint64_t clock_of(void *context)
{
	return *(uint64_t *)context;
}

static void one_that_takes_too_long_is_killed(void)
{
	uint64_t now_ms = 1000;
	begin();
	loop_set_clock(loop, clock_of, &now_ms);
	struct plait_deferred *deferred = plait_get_output(loop, SHELL(GRANDCHILD "wait"), 0, false);
	plait_add_timeout(deferred, loop, 5000);
	now_ms += 5000;
	expect_failure(deferred, PLAIT_ERROR_TIMEOUT, "it took longer than 5000 ms");
	loop_set_clock(loop, NULL, NULL);
	run_out();
	rig_close();
}

static void a_status_comes_with_the_exit(void)
{
	begin();
	wait_for(plait_get_exit_status(loop, SHELL("exit 77")));
	CU_ASSERT_EQUAL(((struct plait_exit *)last.value)->code, 77);
	plait_result_drop(&last);
	wait_for(plait_get_exit_status(loop, SHELL("kill -TERM $$")));
	CU_ASSERT_EQUAL(((struct plait_exit *)last.value)->signal, SIGTERM);
	plait_result_drop(&last);
	rig_close();
}

/* Whatever a grandchild does with the pipes. */
static void a_status_does_not_wait_for_grandchildren(void)
{
	static const struct plait_process_fd fds[] = { { .child_fd = 1, .kind = PLAIT_PIPE_READ } };
	begin();
	struct plait_spawn_options options = *SHELL("(while printf x; do :; done) & exit 2");
	options.fds = fds;
	options.fd_count = 1;
	wait_for(plait_get_exit_status(loop, &options));
	CU_ASSERT_EQUAL(((struct plait_exit *)last.value)->code, 2);
	plait_result_drop(&last);
	run_out();
	rig_close();
}

static void one_that_nobody_waits_for_runs_on(void)
{
	char path[] = "/tmp/plait-process-XXXXXX", script[100];
	begin();
	int fd = mkstemp(path);
	fds_of_none++;
	snprintf(script, sizeof(script), "echo done > %s", path);
	struct plait_deferred *deferred = plait_get_output(loop, SHELL(script), 0, false);
	plait_deferred_unref(&deferred);
	run_out();
	CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_END), 5);
	close(fd);
	unlink(path);
	rig_close();
}

static void the_loops_end_fires_them(void)
{
	begin();
	struct plait_deferred *deferred = plait_get_output(loop, SHELL("exec sleep infinity"), 0, false);
	fired = false;
	plait_add_both(deferred, keep, NULL);
	plait_deferred_unref(&deferred);
	rig_close();
	CU_ASSERT(fired);
	CU_ASSERT_EQUAL(output()->exit.signal, SIGTERM);
	plait_result_drop(&last);
}

SUITE_MAIN("process_output", SUITE_TEST(output_errors_and_status_come_together),
	   SUITE_TEST(errors_may_be_merged), SUITE_TEST(its_input_is_empty), SUITE_TEST(output_has_a_bound),
	   SUITE_TEST(what_cannot_be_run_fails), SUITE_TEST(what_it_does_itself_cannot_be_asked_for),
	   SUITE_TEST(a_cancelled_one_is_killed_and_collected), SUITE_TEST(one_that_takes_too_long_is_killed),
	   SUITE_TEST(a_status_comes_with_the_exit), SUITE_TEST(a_status_does_not_wait_for_grandchildren),
	   SUITE_TEST(one_that_nobody_waits_for_runs_on), SUITE_TEST(the_loops_end_fires_them))
