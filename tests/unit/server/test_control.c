/* The control socket on a clock of the test's own: who is silent, who does not read, who comes when it is full; and loops that
 * do not answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/server/control/control.h"
#include "core/server/parts.h"
#include "tests/unit/server/trial.h"
#include "tests/unit/suite.h"

#define HELP "{\"v\":1,\"command\":\"help\"}\n"
#define LISTENERS "{\"v\":1,\"command\":\"listeners\"}\n"

static struct server server;
static struct control *control;
static char folder[] = "/tmp/plait-control-XXXXXX", path[100];
static uint64_t now_ms;
static char answer[65536];

static uint64_t clock_of(void *context)
{
	(void)context;
	return now_ms;
}

static void run(void)
{
	for (int i = 0; i < 20; i++)
		loop_turn(reactor->boss, false);
}

static void advance(uint64_t ms)
{
	now_ms += ms;
	run();
}

/* The workers' threads do not run: they answer nothing before the end. */
static void begin(void)
{
	struct plait_error error = { 0 };
	trial_begin(2);
	now_ms = 1000;
	loop_set_clock(reactor->boss, clock_of, NULL);
	loop_enter(reactor->boss);
	snprintf(path, sizeof(path), "%s/control", folder);
	server = (struct server){ .reactor = reactor, .broker = broker_local() };
	control = control_open(&server, path, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
	control_start(control);
	run();
}

static void finish(void)
{
	control_close(&control);
	CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
	trial_finish();
	loop_enter(NULL);
}

static int enter(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	memcpy(sun.sun_path, path, strlen(path));
	CU_ASSERT_EQUAL_FATAL(connect(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	run();
	return fd;
}

static void say(int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	run();
}

/* What has come, in answer; false at the end, or a reset. */
static bool hear(int fd)
{
	ssize_t len = recv(fd, answer, sizeof(answer) - 1, 0);
	answer[len > 0 ? len : 0] = '\0';
	return len > 0 || (len < 0 && errno == EAGAIN);
}

static bool hears(int fd, const char *text)
{
	return hear(fd) && strstr(answer, text) != NULL;
}

static void who_is_silent_is_ended(void)
{
	begin();
	int silent = enter(), speaks = enter();
	advance(59000);
	CU_ASSERT_TRUE(hear(silent));
	say(speaks, HELP);
	CU_ASSERT_TRUE(hears(speaks, "\"ok\":true"));
	advance(2000);
	CU_ASSERT_FALSE(hear(silent));
	CU_ASSERT_TRUE(hear(speaks));
	advance(60000);
	CU_ASSERT_FALSE(hear(speaks));
	close(silent);
	close(speaks);
	finish();
}

static void who_does_not_read_is_ended(void)
{
	begin();
	int fd = enter(), small = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	for (int i = 0; i < 100; i++)
		say(fd, HELP);
	CU_ASSERT_EQUAL(reactor->boss->net->conn_count, 1);
	CU_ASSERT_TRUE(plait_conn_queued(reactor->boss->net->conns) > 0);
	CU_ASSERT_TRUE(plait_conn_queued(reactor->boss->net->conns) < 128 << 10);
	advance(61000);
	advance(6000);
	CU_ASSERT_EQUAL(reactor->boss->net->conn_count, 0);
	close(fd);
	finish();
}

#define MOST 32

static void who_comes_when_it_is_full_replaces_the_most_silent(void)
{
	int fds[MOST + 2];
	begin();
	for (int i = 0; i < MOST; i++)
		fds[i] = enter();
	say(fds[0], HELP);
	CU_ASSERT_TRUE(hears(fds[0], "\"ok\":true"));
	say(fds[1], "half a line is nothing said");
	fds[MOST] = enter();
	say(fds[MOST], HELP);
	CU_ASSERT_TRUE(hears(fds[MOST], "\"ok\":true"));
	CU_ASSERT_TRUE(hear(fds[0]));
	CU_ASSERT_FALSE(hear(fds[1]));
	fds[MOST + 1] = enter();
	CU_ASSERT_FALSE(hear(fds[2]));
	CU_ASSERT_TRUE(hear(fds[3]));
	CU_ASSERT_EQUAL(reactor->boss->net->conn_count, MOST);
	for (int i = 0; i < MOST + 2; i++)
		close(fds[i]);
	run();
	CU_ASSERT_EQUAL(reactor->boss->net->conn_count, 0);
	finish();
}

static void who_is_being_answered_is_not_replaced(void)
{
	int fds[MOST + 1];
	begin();
	for (int i = 0; i < MOST; i++)
		fds[i] = enter();
	for (int i = 0; i < MOST; i++)
		if (i != 7)
			say(fds[i], LISTENERS);
	say(fds[7], HELP); /* the last that spoke, and the only one that waits for nothing */
	fds[MOST] = enter();
	CU_ASSERT_TRUE(hear(fds[0]));
	while (hear(fds[7]) && *answer)
		;
	CU_ASSERT_FALSE(hear(fds[7]));
	for (int i = 0; i < MOST + 1; i++)
		close(fds[i]);
	finish();
}

static void loops_that_do_not_answer_are_told_of(void)
{
	begin();
	int fd = enter();
	say(fd, LISTENERS HELP);
	advance(900);
	CU_ASSERT_TRUE(hear(fd));
	CU_ASSERT_STRING_EQUAL(answer, "");
	advance(200);
	CU_ASSERT_TRUE(hears(fd, "\"loops_missing\":2"));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"commands\"")); /* in its turn */
	say(fd, LISTENERS);
	workers_settle(reactor->workers); /* as if they ran */
	run();
	CU_ASSERT_TRUE(hears(fd, "\"loops_missing\":0"));
	close(fd);
	finish();
}

static void who_left_before_the_answer_gets_none(void)
{
	begin();
	int fd = enter();
	say(fd, LISTENERS);
	close(fd);
	fd = enter();
	say(fd, LISTENERS);
	control_close(&control); /* with a question under way */
	CU_ASSERT_FALSE(hear(fd));
	close(fd);
	advance(2000);
	finish();
}

/* It is told when the server has ended, by the end of its connection. */
static void who_said_stop_may_be_silent(void)
{
	begin();
	int fd = enter();
	say(fd, "{\"v\":1,\"command\":\"stop\"}\n");
	CU_ASSERT_TRUE(hears(fd, "\"ok\":true"));
	advance(3600000);
	CU_ASSERT_TRUE(hear(fd));
	control_close(&control);
	CU_ASSERT_FALSE(hear(fd));
	close(fd);
	finish();
}

static void a_path_that_cannot_be(void)
{
	struct plait_error error = { 0 };
	trial_begin(1);
	server = (struct server){ .reactor = reactor, .broker = broker_local() };
	loop_enter(reactor->boss);
	CU_ASSERT_PTR_NULL(control_open(&server, "/nowhere/at/all", &error));
	CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "folder does not exist"));
	trial_finish();
	loop_enter(NULL);
}

static void begin_upgrade(void *arg)
{
	(void)arg;
}

static void who_waits_for_an_answer_is_not_silent(void)
{
	struct plait_error error = { .text = "it took too long" };
	begin();
	server.on_upgrade = begin_upgrade;
	int fd = enter();
	say(fd, "{\"v\":1,\"command\":\"upgrade\"}\n");
	advance(90000);
	CU_ASSERT_TRUE(hear(fd));
	upgrade_answer(&server, &error);
	run();
	CU_ASSERT_TRUE(hears(fd, "it took too long"));
	advance(59000);
	CU_ASSERT_TRUE(hear(fd));
	advance(2000);
	CU_ASSERT_FALSE(hear(fd));
	close(fd);
	finish();
}

static void it_is_its_owners(void)
{
	struct stat found;
	begin();
	CU_ASSERT_EQUAL_FATAL(stat(path, &found), 0);
	CU_ASSERT_EQUAL(found.st_mode & 07777, 0600);
	finish();
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(who_is_silent_is_ended),
		SUITE_TEST(who_does_not_read_is_ended),
		SUITE_TEST(who_comes_when_it_is_full_replaces_the_most_silent),
		SUITE_TEST(who_is_being_answered_is_not_replaced),
		SUITE_TEST(loops_that_do_not_answer_are_told_of),
		SUITE_TEST(who_left_before_the_answer_gets_none),
		SUITE_TEST(who_said_stop_may_be_silent),
		SUITE_TEST(who_waits_for_an_answer_is_not_silent),
		SUITE_TEST(a_path_that_cannot_be),
		SUITE_TEST(it_is_its_owners),
	};
	if (!mkdtemp(folder))
		return 99;
	int status = suite_run("control", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
	rmdir(folder);
	return status;
}
