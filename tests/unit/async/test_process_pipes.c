/* The pipes of a child: backpressure both ways, bounds, closing; and its terminal. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/async/process.h"
#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MEGA ((size_t)1 << 20)

static struct heard heard;

static void done(void)
{
	forget(&heard);
	rig_close();
}

/* ---- 10 MB through cat ---- */

#define TOTAL (10 * MEGA)

static struct {
	size_t written, received, most_queued;
	bool differs;
} stream;

static uint8_t byte_at(size_t position)
{
	return (uint8_t)(position * 7 + position / 251 + position / 65536);
}

static void write_on(struct heard *from)
{
	uint8_t piece[5000];
	while (stream.written < TOTAL && !plait_process_blocked(from->process, 0)) {
		size_t len = TOTAL - stream.written < sizeof(piece) ? TOTAL - stream.written : sizeof(piece);
		for (size_t i = 0; i < len; i++)
			piece[i] = byte_at(stream.written + i);
		CU_ASSERT_EQUAL_FATAL(plait_process_write(from->process, 0, piece, len), 0);
		stream.written += len;
		size_t queued = plait_process_queued(from->process, 0);
		if (queued > stream.most_queued)
			stream.most_queued = queued;
	}
	if (stream.written == TOTAL)
		plait_process_close_fd(from->process, 0);
}

static void compare(struct heard *from, int child_fd)
{
	struct buffer *bytes = &from->from[child_fd];
	size_t len = buffer_size(bytes);
	for (size_t i = 0; i < len; i++)
		stream.differs |= buffer_data(bytes)[i] != byte_at(stream.received + i);
	stream.received += len;
	buffer_consume(bytes, len);
}

static void ten_megabytes_go_through_cat_with_bounded_memory(void)
{
	rig_open();
	memset(&stream, 0, sizeof(stream));
	heard.on_data = compare;
	heard.on_drained = write_on;
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("cat") });
	write_on(&heard);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(stream.received, TOTAL);
	CU_ASSERT_FALSE(stream.differs);
	CU_ASSERT(heard.drained > 10);
	CU_ASSERT(stream.most_queued > 65536);
	CU_ASSERT(stream.most_queued <= 65536 + 5000);
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	done();
}

static int waits_in_pipe(const struct plait_process *process, int child_fd)
{
	int bytes = 0;
	CU_ASSERT_EQUAL_FATAL(ioctl(process_find_pipe(process, child_fd)->watch.fd, FIONREAD, &bytes), 0);
	return bytes;
}

/* One pipe holds 64 KiB, the rest of what is wanted waits in the child. */
static void a_paused_pipe_holds_the_child_back(void)
{
	rig_open();
	spawn(&heard, (struct plait_spawn_options){
			      .argv = ARGV("/bin/sh", "-c", "head -c 1000000 /dev/zero; echo done >&2") });
	plait_process_pause(heard.process, 1);
	plait_process_pause(heard.process, 1);
	do
		loop_turn(loop, false);
	while (waits_in_pipe(heard.process, 1) < 65536);
	loop_turn(loop, false);
	CU_ASSERT_EQUAL(buffer_size(&heard.from[1]), 0);
	CU_ASSERT_EQUAL(buffer_size(&heard.from[2]), 0);
	plait_process_resume(heard.process, 1);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(buffer_size(&heard.from[1]), 1000000);
	CU_ASSERT(heard_text(&heard, 2, "done\n"));
	done();
}

static void pause_at_once(struct heard *from, int child_fd)
{
	plait_process_pause(from->process, child_fd);
	plait_process_signal(from->process, SIGUSR1);
}

static void a_pause_in_the_callback_is_the_last_of_it(void)
{
	rig_open();
	heard.on_data = pause_at_once;
	spawn_shell(&heard,
		    "trap 'echo paused >&2; exit 0' USR1; head -c 300000 /dev/zero & while :; do wait; done");
	RUN_UNTIL(buffer_size(&heard.from[2]) > 0);
	size_t first = buffer_size(&heard.from[1]);
	CU_ASSERT(first > 0 && first <= LOOP_INPUT_SIZE);
	RUN_UNTIL(heard.exited);
	CU_ASSERT_EQUAL(buffer_size(&heard.from[1]), first);
	heard.on_data = NULL;
	plait_process_resume(heard.process, 1);
	plait_process_resume(heard.process, 2);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(buffer_size(&heard.from[1]), 300000);
	done();
}

/* ---- bounds and ends ---- */

static void more_than_the_cap_is_refused_whole(void)
{
	static const char block[100000];
	rig_open();
	spawn(&heard, (struct plait_spawn_options){
			      .argv = ARGV("/bin/sh", "-c", "read -r go <&5; wc -c"),
			      .cap = 250000,
			      .fds = (const struct plait_process_fd[]){ { 0, PLAIT_PIPE_WRITE, 0 },
									{ 1, PLAIT_PIPE_READ, 0 },
									{ 5, PLAIT_PIPE_WRITE, 0 } },
			      .fd_count = 3 });
	size_t taken = 0;
	while (plait_process_write(heard.process, 0, block, sizeof(block)) == 0)
		taken += sizeof(block);
	CU_ASSERT_EQUAL(taken, 300000); /* of which 65536 are in the pipe */
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, block, sizeof(block)), PLAIT_ERROR_OVERFLOW);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, block, 1), 0);
	CU_ASSERT(plait_process_queued(heard.process, 0) <= 250000);
	CU_ASSERT(plait_process_blocked(heard.process, 0));
	plait_process_close_fd(heard.process, 0);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, "x", 1), PLAIT_ERROR_CLOSING);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 5, "go\n", 3), 0);
	plait_process_close_fd(heard.process, 5);
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "300001\n"));
	CU_ASSERT_EQUAL(heard.drained, 0); /* closing */
	done();
}

static void only_pipes_to_the_child_are_written(void)
{
	rig_open();
	spawn(&heard, (struct plait_spawn_options){ .argv = ARGV("cat") });
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 1, "x", 1), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 9, "x", 1), PLAIT_ERROR_INVALID);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, "", 0), 0);
	plait_process_pause(heard.process, 0);
	plait_process_resume(heard.process, 9);
	plait_process_close_fd(heard.process, 9);
	CU_ASSERT_EQUAL(plait_process_resize(heard.process, (struct plait_terminal){ 1, 1 }),
			PLAIT_ERROR_INVALID);
	plait_process_close_fd(heard.process, 0);
	run_to_end(&heard);
	done();
}

/* SIGPIPE would end the test. */
static void a_child_that_reads_no_more_closes_its_pipe(void)
{
	static const char block[200000];
	rig_open();
	signal(SIGPIPE, SIG_DFL);
	spawn_shell(&heard, "read -r go; exec <&-; echo closed; exec sleep infinity");
	plait_process_write(heard.process, 0, "go\n", 3);
	loop_turn(loop, false);
	while (waits_in_pipe(heard.process, 1) ==
	       0) /* it has no input any more, and the loop has not looked */
		usleep(100);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, block, sizeof(block)), 0);
	CU_ASSERT_EQUAL(heard.closed[0], 0);
	RUN_UNTIL(heard.closed[0]);
	CU_ASSERT_EQUAL(plait_process_queued(heard.process, 0), 0);
	CU_ASSERT_EQUAL(heard.exited, 0);
	plait_process_signal(heard.process, SIGKILL);
	run_to_end(&heard);
	done();
}

static void that_nobody_reads_is_seen_without_writing(void)
{
	rig_open();
	spawn_shell(&heard, "exec <&-; exec sleep infinity");
	RUN_UNTIL(heard.closed[0]);
	CU_ASSERT_EQUAL(heard.exited, 0);
	plait_process_signal(heard.process, SIGKILL);
	run_to_end(&heard);
	CU_ASSERT_STRING_EQUAL(strstr(heard.events, "ended"), "ended(-9)");
	done();
}

/* ---- terminals ---- */

static const struct plait_terminal size = { .rows = 33, .columns = 99 };

static void a_terminal_is_one_of_its_size(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){
		      .argv = ARGV("/bin/sh", "-c",
				   "tty -s && tty -s <&1 && tty -s <&2 && stty size && stty size </dev/tty"),
		      .terminal = &size });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 1, "33 99\r\n33 99\r\n"));
	CU_ASSERT_EQUAL(heard.exit.code, 0);
	CU_ASSERT_EQUAL(heard.closed[0], 1);
	CU_ASSERT_EQUAL(heard.closed[1], 1);
	CU_ASSERT_EQUAL(heard.closed[2], 0);
	done();
}

static void a_terminal_is_written_and_resized(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){
		      .argv = ARGV("/bin/sh", "-c",
				   "stty -echo; echo ready; read -r line; echo got $line; stty size; exit 4"),
		      .terminal = &size });
	RUN_UNTIL(buffer_size(&heard.from[1]) >= 7);
	CU_ASSERT_EQUAL(plait_process_resize(heard.process, (struct plait_terminal){ 12, 34 }), 0);
	CU_ASSERT_EQUAL(plait_process_write(heard.process, 0, "word\n", 5), 0);
	run_to_end(&heard);
	buffer_append(&heard.from[1], "", 1);
	CU_ASSERT_PTR_NOT_NULL(strstr((char *)buffer_data(&heard.from[1]), "12 34\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr((char *)buffer_data(&heard.from[1]), "got word\r\n"));
	CU_ASSERT_EQUAL(heard.exit.code, 4);
	done();
}

static void closing_a_terminal_hangs_up(void)
{
	rig_open();
	spawn(&heard,
	      (struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", "echo up; exec sleep infinity"),
					    .terminal = &size });
	RUN_UNTIL(buffer_size(&heard.from[1]) > 0);
	plait_process_close_fd(heard.process, 1);
	run_to_end(&heard);
	CU_ASSERT_EQUAL(heard.exit.signal, SIGHUP);
	done();
}

static void a_terminal_has_the_standard_descriptors(void)
{
	struct plait_error error;
	rig_open();
	CU_ASSERT_PTR_NULL(plait_spawn(loop,
				       &(struct plait_spawn_options){
					       .argv = ARGV("cat"),
					       .terminal = &size,
					       .fds = &(const struct plait_process_fd){ 2, PLAIT_FD_NULL, 0 },
					       .fd_count = 1 },
				       &error));
	CU_ASSERT_STRING_EQUAL(
		error.text, "cannot start \"cat\": 0, 1 and 2 are its terminal, and cannot be in the table");
	spawn(&heard,
	      (struct plait_spawn_options){ .argv = ARGV("/bin/sh", "-c", "echo apart >&3"),
					    .terminal = &size,
					    .fds = &(const struct plait_process_fd){ 3, PLAIT_PIPE_READ, 0 },
					    .fd_count = 1 });
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, 3, "apart\n"));
	done();
}

SUITE_MAIN("process_pipes", SUITE_TEST(ten_megabytes_go_through_cat_with_bounded_memory),
	   SUITE_TEST(a_paused_pipe_holds_the_child_back),
	   SUITE_TEST(a_pause_in_the_callback_is_the_last_of_it),
	   SUITE_TEST(more_than_the_cap_is_refused_whole), SUITE_TEST(only_pipes_to_the_child_are_written),
	   SUITE_TEST(a_child_that_reads_no_more_closes_its_pipe),
	   SUITE_TEST(that_nobody_reads_is_seen_without_writing), SUITE_TEST(a_terminal_is_one_of_its_size),
	   SUITE_TEST(a_terminal_is_written_and_resized), SUITE_TEST(closing_a_terminal_hangs_up),
	   SUITE_TEST(a_terminal_has_the_standard_descriptors))
