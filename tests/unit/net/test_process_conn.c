/* A protocol on a child's pipes: the same connection as any other, and the process around it. */
#include <plait/line.h>
#include <plait/process.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/net/famine.h"
#include "core/net/net.h"
#include "tests/unit/async/process_rig.h"
#include "tests/unit/net/recorder.h"
#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SHELL(script) ARGV("/bin/sh", "-c", script)

static struct heard heard;
static struct plait_conn *conn;

static void start_on(const struct plait_protocol *protocol, struct plait_spawn_options options)
{
	struct plait_error error = { 0 };
	options.callbacks = &heard_callbacks;
	options.arg = &heard;
	heard.process = plait_spawn_protocol(loop, &options, protocol, NULL, &error);
	if (!heard.process)
		printf("# %s\n", error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(heard.process);
	conn = loop->net->conns;
	CU_ASSERT_PTR_NOT_NULL_FATAL(conn);
}

static void open_loop(void)
{
	rig_open();
	net_new(loop);
}

static void done(void)
{
	CU_ASSERT_EQUAL(loop->net->conn_count, 0);
	net_free(loop);
	forget(&heard);
	recorder_reset();
	rig_close();
}

static void say_hello(struct plait_conn *made)
{
	plait_write(made, "hello", 5);
}

static size_t close_after_hello(struct plait_conn *from, const void *data, size_t len)
{
	(void)data;
	if (len == 5)
		plait_close(from);
	return len;
}

static void a_protocol_runs_on_cat(void)
{
	open_loop();
	recorder.on_made = say_hello;
	recorder.on_data = close_after_hello;
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = ARGV("cat") });
	CU_ASSERT(recorder_saw("")); /* not inside the call */
	CU_ASSERT_PTR_EQUAL(plait_conn_process(conn), heard.process);
	CU_ASSERT_EQUAL(plait_conn_peer(conn)->family, PLAIT_FAMILY_UNIX);
	CU_ASSERT_EQUAL(plait_conn_peer(conn)->u.peer.pid, (uint32_t)plait_process_pid(heard.process));
	CU_ASSERT_STRING_EQUAL(plait_factory_name(plait_conn_factory(conn)), "cat");
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made data(hello) lost(closed)"));
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	CU_ASSERT_EQUAL(heard.closed[0] + heard.closed[1], 0);
	CU_ASSERT_EQUAL(heard.closed[2], 1);
	done();
}

static unsigned fed;

static void on_fed(struct famine_waiter *waiter)
{
	(void)waiter;
	fed++;
}

static void who_waits_for_a_descriptor_gets_that_of_a_pipe(void)
{
	struct famine_waiter waiter = { .wake = on_fed };
	open_loop();
	recorder.on_made = say_hello;
	recorder.on_data = close_after_hello;
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = ARGV("cat") });
	fed = 0;
	famine_wait(&waiter);
	RUN_UNTIL(recorder.lost);
	CU_ASSERT_EQUAL(fed, 1);
	famine_end(&waiter);
	run_to_end(&heard);
	done();
}

static void lines_come_as_messages(void)
{
	open_loop();
	start_on(&recorder_line_protocol,
		 (struct plait_spawn_options){ .argv = SHELL("printf 'one\\r\\ntwo\\r\\nthr'") });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made message(one) message(two) lost(peer-closed)"));
	run_to_end(&heard);
	done();
}

/* cat ends when its input has ended, and not before. */
static void half_a_close_is_the_childs_end_of_input(void)
{
	open_loop();
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = SHELL("cat; echo +; cat") });
	plait_write(conn, "early", 5);
	recorder.on_made = plait_shutdown_write;
	RUN_UNTIL(recorder.lost);
	CU_ASSERT_PTR_NOT_NULL(strstr(recorder.events, "made data("));
	CU_ASSERT_PTR_NOT_NULL(strstr(recorder.events, " lost(peer-closed)"));
	CU_ASSERT_EQUAL(recorder.received, 2);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	done();
}

static void end_on_eof(struct plait_conn *from)
{
	plait_write(from, "answer", 6);
	plait_close(from);
}

static void the_childs_end_of_output_leaves_its_input(void)
{
	open_loop();
	recorder.on_eof = end_on_eof;
	start_on(&recorder_protocol,
		 (struct plait_spawn_options){ .argv = SHELL("echo bye; exec >&-; cat >&2; exit 3") });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made data(bye\n) eof lost(closed)"));
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 2, "answer"));
	CU_ASSERT_EQUAL(heard.exit.code, 3);
	done();
}

static bool too_late;

static void time_it(struct plait_conn *made)
{
	plait_set_timeout(made, 1);
}

static void say_too_late(struct plait_conn *late)
{
	too_late = true;
	plait_close(late);
}

static void an_abort_kills_the_child(void)
{
	open_loop();
	recorder.on_made = plait_abort;
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = SHELL("exec sleep infinity") });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made lost(aborted)"));
	CU_ASSERT_EQUAL(heard.exited, 0);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGKILL);
	done();
}

static void flood(struct plait_conn *made)
{
	static const char block[300000];
	plait_write(made, block, sizeof(block));
	plait_write(made, block, sizeof(block));
}

static void an_overflow_kills_the_child(void)
{
	open_loop();
	recorder.on_made = flood;
	start_on(&recorder_protocol,
		 (struct plait_spawn_options){ .argv = SHELL("exec sleep infinity"), .cap = 400000 });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made lost(overflow)"));
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGKILL);
	done();
}

/* SIGPIPE would end the test. */
static void a_child_that_does_not_read_resets(void)
{
	open_loop();
	signal(SIGPIPE, SIG_DFL);
	recorder.on_made = flood;
	start_on(&recorder_protocol,
		 (struct plait_spawn_options){ .argv = SHELL("exec <&-; exec sleep infinity") });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made lost(reset)"));
	CU_ASSERT_EQUAL(plait_process_signal(heard.process, SIGTERM), 0);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGTERM);
	done();
}

static void a_refused_child_is_killed(void)
{
	open_loop();
	start_on(&recorder_refusing_protocol,
		 (struct plait_spawn_options){ .argv = SHELL("exec sleep infinity") });
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGKILL);
	CU_ASSERT(recorder_saw(""));
	done();
}

static void what_does_not_start_is_an_error(void)
{
	static const struct plait_protocol headless = { .data = close_after_hello };
	struct plait_error error;
	open_loop();
	CU_ASSERT_PTR_NULL(plait_spawn_protocol(loop, &(struct plait_spawn_options){ .argv = ARGV("cat") },
						&headless, NULL, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NULL(plait_spawn_protocol(loop,
						&(struct plait_spawn_options){ .argv = ARGV("/no/such") },
						&recorder_protocol, NULL, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_MISSING);
	CU_ASSERT_PTR_NULL(plait_spawn_protocol(loop, &(struct plait_spawn_options){ .argv = NULL },
						&recorder_protocol, NULL, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_INVALID);
	CU_ASSERT_PTR_NULL(
		plait_spawn_protocol(loop,
				     &(struct plait_spawn_options){
					     .argv = ARGV("cat"),
					     .fds = &(const struct plait_process_fd){ 0, PLAIT_PIPE_WRITE,
										      0 },
					     .fd_count = 1 },
				     &recorder_protocol, NULL, &error));
	CU_ASSERT_EQUAL(error.code, PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(count_children(), 0);
	done();
}

/* ---- much ---- */

#define TOTAL 3000000

static size_t written;

static void write_on(struct plait_conn *to)
{
	char block[10000];
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)('a' + (written + i) % 26);
	while (written < TOTAL && !plait_conn_blocked(to)) {
		plait_write(to, block, sizeof(block) - sizeof(block) % 26);
		written += sizeof(block) - sizeof(block) % 26;
	}
	if (written >= TOTAL)
		plait_shutdown_write(to);
}

static size_t received;
static bool differs;

static size_t compare(struct plait_conn *from, const void *data, size_t len)
{
	(void)from;
	for (size_t i = 0; i < len; i++)
		differs |= ((const char *)data)[i] != (char)('a' + (received + i) % 26);
	received += len;
	return len;
}

static void megabytes_go_through_and_come_back(void)
{
	open_loop();
	written = received = 0;
	differs = false;
	recorder.on_made = recorder.on_drained = write_on;
	recorder.on_data = compare;
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = ARGV("cat") });
	RUN_UNTIL(recorder.lost);
	CU_ASSERT_EQUAL(received, written);
	CU_ASSERT(received >= TOTAL);
	CU_ASSERT_FALSE(differs);
	run_to_end(&heard);
	done();
}

static void a_terminal_carries_it_too(void)
{
	static const struct plait_terminal size = { 24, 80 };
	open_loop();
	start_on(
		&recorder_line_protocol,
		(struct plait_spawn_options){
			.argv = SHELL(
				"stty -echo -onlcr; printf 'up\\r\\n'; read -r line; printf \"$line $(stty size)\\r\\n\"; tty -s"),
			.terminal = &size });
	RUN_UNTIL(strstr(recorder.events, "message(up)") || recorder.lost);
	CU_ASSERT_EQUAL(plait_process_resize(heard.process, (struct plait_terminal){ 12, 34 }), 0);
	plait_write(conn, "typed\n", 6);
	RUN_UNTIL(recorder.lost);
	CU_ASSERT(recorder_saw("made message(up) message(typed 12 34) lost(peer-closed)"));
	CU_ASSERT_EQUAL(plait_process_resize(heard.process, size), PLAIT_ERROR_INVALID);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	done();
}

struct greeting {
	const char *text;
};

static const struct plait_option greeting_table[] = {
	PLAIT_OPTION_STRING("text", struct greeting, text, .fallback = "usual", .doc = "What is said first"),
	PLAIT_OPTION_END,
};

static void greet(struct plait_conn *made)
{
	const struct greeting *greeting = plait_conn_options(made);
	plait_write(made, greeting->text, strlen(greeting->text));
	plait_close(made);
}

static void its_options_are_given_or_the_defaults(void)
{
	static const struct plait_protocol protocol = { PLAIT_PROTOCOL_HEAD("greeting"),
							.options = greeting_table,
							.options_size = sizeof(struct greeting),
							.made = greet };
	static const struct greeting given = { .text = "given" };
	static const char *const argv[] = { "/bin/sh", "-c", "cat >&2", NULL };
	struct plait_spawn_options options = { .argv = argv, .callbacks = &heard_callbacks, .arg = &heard };
	open_loop();
	for (int i = 0; i < 2; i++) {
		heard.process = plait_spawn_protocol(loop, &options, &protocol, i ? &given : NULL, NULL);
		CU_ASSERT_PTR_NOT_NULL_FATAL(heard.process);
		run_to_end(&heard);
		CU_ASSERT(heard_text(&heard, 2, i ? "given" : "usual"));
		forget(&heard);
	}
	done();
}

/* What the connection of one that was compiled with fewer callbacks looks for, the rest of its memory does not say. */
static void an_older_protocol_has_no_newer_callbacks(void)
{
	struct plait_protocol old = { PLAIT_PROTOCOL_HEAD("old"), .made = time_it,
				      .timed_out = say_too_late };
	old.head.size = offsetof(struct plait_protocol, timed_out);
	open_loop();
	start_on(&old, (struct plait_spawn_options){ .argv = ARGV("cat") });
	run_to_end(&heard);
	CU_ASSERT_FALSE(too_late);
	done();
}

static void the_loops_end_ends_both(void)
{
	open_loop();
	start_on(&recorder_protocol, (struct plait_spawn_options){ .argv = ARGV("cat") });
	loop_turn(loop, true);
	net_abort_all(loop->net);
	end_loop();
	CU_ASSERT(recorder_saw("made lost(drain)"));
	CU_ASSERT_EQUAL(heard.ended, 1);
	done();
}

SUITE_MAIN("process_conn", SUITE_TEST(a_protocol_runs_on_cat),
	   SUITE_TEST(who_waits_for_a_descriptor_gets_that_of_a_pipe), SUITE_TEST(lines_come_as_messages),
	   SUITE_TEST(half_a_close_is_the_childs_end_of_input),
	   SUITE_TEST(the_childs_end_of_output_leaves_its_input), SUITE_TEST(an_abort_kills_the_child),
	   SUITE_TEST(an_overflow_kills_the_child), SUITE_TEST(a_child_that_does_not_read_resets),
	   SUITE_TEST(a_refused_child_is_killed), SUITE_TEST(what_does_not_start_is_an_error),
	   SUITE_TEST(megabytes_go_through_and_come_back), SUITE_TEST(a_terminal_carries_it_too),
	   SUITE_TEST(its_options_are_given_or_the_defaults),
	   SUITE_TEST(an_older_protocol_has_no_newer_callbacks), SUITE_TEST(the_loops_end_ends_both))
