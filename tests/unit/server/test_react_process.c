/* Children of a program: awaited by it, and ended with the reactor when they are not. */
#include <plait/plait.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static char said[100];

static struct plait_result look(struct plait_result result, void *arg)
{
	const struct plait_output *output = result.value;
	(void)arg;
	snprintf(said, sizeof(said), "%s, %d", output->bytes, output->exit.code);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_deferred *run_program(struct plait_loop *loop, void *arg)
{
	(void)arg;
	return plait_add_callback(plait_get_output(loop,
						   &(struct plait_spawn_options){
							   .argv = ARGV("sh", "-c", "printf hello; exit 3") },
						   0, false),
				  look, NULL);
}

static void a_program_awaits_a_programs_output(void)
{
	static const struct plait_reactor_options two = { .loops = 2 };
	CU_ASSERT_EQUAL(plait_react(&two, run_program, NULL), 0);
	CU_ASSERT_STRING_EQUAL(said, "hello, 3");
}

static int ended, last_signal;

static void on_ended(struct plait_process *process, const struct plait_exit *how)
{
	(void)process;
	ended++;
	last_signal = how->signal;
}

static struct plait_deferred *leave_one_running(struct plait_loop *loop, void *arg)
{
	static const struct plait_process_callbacks callbacks = { .ended = on_ended };
	(void)arg;
	CU_ASSERT_PTR_NOT_NULL(plait_spawn(loop,
					   &(struct plait_spawn_options){ .argv = ARGV("sleep", "infinity"),
									  .callbacks = &callbacks },
					   NULL));
	return plait_succeed(plait_value(NULL));
}

static void the_reactors_end_is_the_childrens(void)
{
	ended = 0;
	CU_ASSERT_EQUAL(plait_react(NULL, leave_one_running, NULL), 0);
	CU_ASSERT_EQUAL(ended, 1);
	CU_ASSERT_EQUAL(last_signal, SIGTERM);
}

static struct plait_result to_failure(struct plait_result result, void *arg)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(result.failure);
	*(int *)arg = result.failure->code;
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_deferred *run_for_too_long(struct plait_loop *loop, void *arg)
{
	struct plait_deferred *status = plait_get_exit_status(loop,
							      &(struct plait_spawn_options){
								      .argv = ARGV("sleep", "infinity") });
	return plait_add_errback(plait_add_timeout(status, loop, 1), to_failure, arg);
}

static void a_timeout_ends_what_takes_too_long(void)
{
	int code = 0;
	CU_ASSERT_EQUAL(plait_react(NULL, run_for_too_long, &code), 0);
	CU_ASSERT_EQUAL(code, PLAIT_ERROR_TIMEOUT);
}

SUITE_MAIN("react_process", SUITE_TEST(a_program_awaits_a_programs_output),
	   SUITE_TEST(the_reactors_end_is_the_childrens), SUITE_TEST(a_timeout_ends_what_takes_too_long))
