/* What a child has of ours: the descriptors of its table and no others, and no signal blocked or ignored. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/async/process_child.h"
#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define TABLE(...)                                                                                           \
	.fds = (const struct plait_process_fd[]){ __VA_ARGS__ },                                             \
	.fd_count = sizeof((const struct plait_process_fd[]){ __VA_ARGS__ }) /                               \
		    sizeof(struct plait_process_fd)

static struct heard heard;

static const char *helper(void)
{
	static char path[4096];
	const char *builds = getenv("top_builddir");
	snprintf(path, sizeof(path), "%s/tests/unit/async/list_fds", builds ? builds : ".");
	return path;
}

static void done(void)
{
	forget(&heard);
	rig_close();
}

/* Spawns the helper, and looks at what it said at its descriptor from. */
static void expect_fds(struct plait_spawn_options options, int from, const char *text)
{
	const char *const argv[] = { helper(), NULL };
	options.argv = argv;
	spawn(&heard, options);
	run_to_end(&heard);
	CU_ASSERT(heard_text(&heard, from, text));
	forget(&heard);
}

/* Those that are not closed on exec are what a careless library leaves. */
static void open_many(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		fds[i] = open("/dev/null", O_RDONLY);
}

static void close_many(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

#define THREE_PIPES "0 pipe r;1 pipe w;2 pipe w;"

static void it_has_its_pipes_and_no_others(void)
{
	int careless[40];
	rig_open();
	open_many(careless, 40);
	expect_fds((struct plait_spawn_options){ 0 }, 1, THREE_PIPES);
	close_many(careless, 40);
	done();
}

/* The same where the kernel closes none but one by one. */
static void older_kernels_close_the_same(void)
{
	int careless[200];
	rig_open();
	open_many(careless, 200);
	child_without_close_range = true;
	expect_fds((struct plait_spawn_options){ 0 }, 1, THREE_PIPES);
	expect_fds((struct plait_spawn_options){ TABLE({ 1, PLAIT_PIPE_READ, 0 },
						       { 100, PLAIT_FD_NULL, 0 }) },
		   1, "0 device rw;1 pipe w;2 device rw;100 device rw;");
	child_without_close_range = false;
	close_many(careless, 200);
	done();
}

static void what_is_not_in_the_table_is_closed_or_null(void)
{
	rig_open();
	expect_fds((struct plait_spawn_options){ TABLE({ 1, PLAIT_PIPE_READ, 0 }) }, 1,
		   "0 device rw;1 pipe w;2 device rw;");
	done();
}

static void a_table_maps_any_number_to_any_kind(void)
{
	rig_open();
	int file = open(helper(), O_RDONLY | O_CLOEXEC);
	expect_fds((struct plait_spawn_options){ TABLE({ 7, PLAIT_PIPE_READ, 0 }, { 1, PLAIT_FD_SAME, 7 },
						       { 5, PLAIT_PIPE_WRITE, 0 },
						       { 1023, PLAIT_FD_INHERIT, file },
						       { 3, PLAIT_FD_NULL, 0 }) },
		   7, "0 device rw;1 pipe w;2 device rw;3 device rw;5 pipe r;7 pipe w;1023 file r;");
	close(file);
	done();
}

/* Each of ours has the number that another is to have. */
static void numbers_may_cross(void)
{
	int low[8];
	rig_open();
	open_many(low, 8);
	int first = low[0], second = low[1], third = low[2];
	close_many(low, 3);
	int file = open(helper(), O_RDONLY | O_CLOEXEC), device = open("/dev/null", O_WRONLY | O_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(file, first);
	CU_ASSERT_EQUAL_FATAL(device, second);
	CU_ASSERT_FATAL(second == first + 1 && third == second + 1);
	char text[200];
	snprintf(text, sizeof(text), "0 device rw;1 pipe w;2 device rw;%d device w;%d file r;%d file r;",
		 first, second, third);
	expect_fds((struct plait_spawn_options){ TABLE({ second, PLAIT_FD_INHERIT, file },
						       { first, PLAIT_FD_INHERIT, device },
						       { third, PLAIT_FD_SAME, second },
						       { 1, PLAIT_PIPE_READ, 0 }) },
		   1, text);
	close(file);
	close(device);
	close_many(low + 3, 5);
	done();
}

/* Our ends of the pipes then have the numbers 0, 1 and 2. */
static void a_program_without_standard_descriptors_can_spawn(void)
{
	int kept[3];
	rig_open();
	for (int fd = 0; fd < 3; fd++) {
		kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	const char *const argv[] = { helper(), NULL };
	heard.process = plait_spawn(loop,
				    &(struct plait_spawn_options){
					    .argv = argv, .callbacks = &heard_callbacks, .arg = &heard },
				    NULL);
	if (heard.process)
		RUN_UNTIL(heard.ended);
	for (int fd = 0; fd < 3; fd++) {
		dup2(kept[fd], fd);
		close(kept[fd]);
	}
	CU_ASSERT(heard_text(&heard, 1, THREE_PIPES));
	done();
}

static void on_signal(int number)
{
	(void)number;
}

static void signals_are_as_at_the_start_of_the_world(void)
{
	sigset_t some, before, after;
	rig_open();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, on_signal);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigaddset(&some, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &some, &before);
	expect_fds((struct plait_spawn_options){ 0 }, 1, THREE_PIPES);
	pthread_sigmask(SIG_SETMASK, &before, &after);
	CU_ASSERT(sigismember(&after, SIGTERM) && sigismember(&after, SIGUSR2) &&
		  !sigismember(&after, SIGINT));
	CU_ASSERT_PTR_EQUAL(signal(SIGUSR1, SIG_DFL), on_signal);
	CU_ASSERT_PTR_EQUAL(signal(SIGHUP, SIG_DFL), SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	done();
}

/* A fork, where it is otherwise a vfork. */
static void another_user_has_the_same(void)
{
	static const struct plait_process_user user = { .uid = 0, .gid = 0 };
	if (geteuid() != 0)
		return;
	rig_open();
	signal(SIGPIPE, SIG_IGN);
	expect_fds((struct plait_spawn_options){ .user = &user }, 1, THREE_PIPES);
	signal(SIGPIPE, SIG_DFL);
	done();
}

/* Descriptors that others open meanwhile, without closing them on exec. */
static atomic_bool over;

static void *leak(void *arg)
{
	(void)arg;
	while (!over) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
			close(pair[0]);
			close(pair[1]);
		}
	}
	return NULL;
}

static void threads_that_open_descriptors_leak_none(void)
{
	pthread_t threads[3];
	over = false;
	rig_open();
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, leak, NULL);
	for (int i = 0; i < 50; i++)
		expect_fds((struct plait_spawn_options){ 0 }, 1, THREE_PIPES);
	over = true;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	done();
}

SUITE_MAIN("process_fds", SUITE_TEST(it_has_its_pipes_and_no_others),
	   SUITE_TEST(older_kernels_close_the_same), SUITE_TEST(what_is_not_in_the_table_is_closed_or_null),
	   SUITE_TEST(a_table_maps_any_number_to_any_kind), SUITE_TEST(numbers_may_cross),
	   SUITE_TEST(a_program_without_standard_descriptors_can_spawn),
	   SUITE_TEST(signals_are_as_at_the_start_of_the_world), SUITE_TEST(another_user_has_the_same),
	   SUITE_TEST(threads_that_open_descriptors_leak_none))
