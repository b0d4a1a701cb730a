/* What the supervisor makes of what workers say that are not their own masters any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/config/read.h"
#include "core/server/supervisor/upgrade.h"
#include "core/server/systemd/notify.h"
#include "tests/unit/server/hearing.h"
#include "tests/unit/suite.h"

static int peer;
static char bytes[65536];

static int ask_to_open(const char *path)
{
	memset(&message, 0, sizeof(message));
	snprintf(message.u.open.path, sizeof(message.u.open.path), "%s", path);
	return ask(0, CHANNEL_OPEN);
}

/* ---- tests ---- */

static void only_what_is_named_is_opened(void)
{
	char other[80];
	hearing_begin();
	snprintf(other, sizeof(other), "%s/other", folder);
	put(other, "secret");
	CU_ASSERT_EQUAL(ask_to_open(other), -1);
	CU_ASSERT_EQUAL(message.u.reply.number, EACCES);
	int fd = ask_to_open(denied);
	CU_ASSERT(fd >= 0);
	close(fd);
	fd = ask_to_open(file);
	CU_ASSERT(fd >= 0);
	close(fd);
	unlink(other);
	hearing_end();
}

static void what_is_served_is_what_was_read(void)
{
	hearing_begin();
	put(file, NAMES("2s"));
	close(ask(0, CHANNEL_READ));
	serve(0, 0); /* it was refused */
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 1000);
	close(ask(0, CHANNEL_READ));
	serve(0, 1);
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 2000);
	serve(0, 1); /* nothing was read since */
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 2000);
	hearing_end();
}

static void what_is_not_served_by_is_closed(void)
{
	hearing_begin();
	fill_bind("a", 0);
	int one = ask(0, CHANNEL_BIND);
	fill_bind("a", 1);
	int other = ask(0, CHANNEL_BIND);
	CU_ASSERT(one >= 0 && other >= 0);
	CU_ASSERT_EQUAL(supervisor.store.count, 2);
	keep_socket(0, channel_cookie(other));
	serve(0, 0);
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	CU_ASSERT_EQUAL(supervisor.store.entries[0].cookie, channel_cookie(other));
	close(one);
	close(other);
	hearing_end();
}

static void what_the_next_one_may_need_is_not_closed(void)
{
	hearing_begin();
	fill_bind("a", 0);
	close(ask(0, CHANNEL_BIND));
	add_worker(1, WORKER_STARTING);
	serve(0, 0);
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	hearing_end();
}

static void what_it_was_given_may_be_bound(void)
{
	hearing_begin();
	put(file, LISTENER("b"));
	close(ask(0, CHANNEL_READ));
	put(file, "{"); /* that is for the next reload */
	fill_bind("b", 0);
	int fd = ask(0, CHANNEL_BIND);
	CU_ASSERT(fd >= 0);
	close(fd);
	serve(0, 0); /* it was refused */
	fill_bind("b", 1);
	CU_ASSERT_EQUAL(ask(0, CHANNEL_BIND), -1);
	hearing_end();
}

/* So it was told before it heard that another one serves. */
static void what_one_that_is_replaced_has_read_the_next_one_reads(void)
{
	int passed;
	hearing_begin();
	supervisor.workers[0].state = WORKER_RETIRED;
	add_worker(1, WORKER_SERVING);
	close(ask(0, CHANNEL_READ));
	serve(0, 0);
	CU_ASSERT_EQUAL(channel_receive(theirs[1], &message, &passed, false), -1);
	close(ask(0, CHANNEL_READ));
	serve(0, 1);
	CU_ASSERT_EQUAL(channel_receive(theirs[1], &message, &passed, false), 1);
	CU_ASSERT_EQUAL(message.kind, CHANNEL_RELOAD);
	hearing_end();
}

static char told[256];

static void take_told(const char *text, void *arg)
{
	(void)arg;
	snprintf(told, sizeof(told), "%s", text);
}

static const char *notify_as(enum worker_state state)
{
	supervisor.workers[0].state = state;
	told[0] = '\0';
	strcpy(message.u.text, "STATUS=x");
	say(0, CHANNEL_NOTIFY);
	hear(0);
	return told;
}

static void who_is_retired_says_nothing_to_the_manager(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char name[64];
	size_t len = (size_t)snprintf(name, sizeof(name), "@plait-hear-%d", (int)getpid());
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(sun.sun_path + 1, name + 1, len - 1);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun,
				   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			      0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_open();
	notify_through(take_told, NULL);
	hearing_begin();
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_STARTING), "STATUS=x");
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_SERVING), "STATUS=x");
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_RETIRED), "");
	hearing_end();
	notify_through(NULL, NULL);
	close(fd);
}

/* More than a channel holds, but for root. */
static void who_talks_without_end_is_interrupted(void)
{
	int size = 16 << 20, unheard = 0, passed;
	hearing_begin();
	if (setsockopt(theirs[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == 0) {
		for (unsigned i = 0; i < 500; i++)
			say(0, CHANNEL_KEEP);
		hear(0);
		while (channel_receive(supervisor.workers[0].channel, &message, &passed, false) > 0)
			unheard++;
		CU_ASSERT(unheard > 0);
	}
	hearing_end();
}

/* A socket whose peer does not read what it was sent, and whose last descriptor, when it is closed, waits for that. */
static int linger(void)
{
	struct linger wait = { .l_onoff = 1, .l_linger = 5 };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&sin, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	(void)!connect(fd, (struct sockaddr *)&sin, len);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	while (send(fd, bytes, sizeof(bytes), 0) > 0)
		;
	CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)), 0);
	return fd;
}

static void check_that_nobody_waits(size_t len, unsigned count)
{
	char control[CMSG_SPACE(8 * sizeof(int))] = "";
	struct iovec part = { .iov_base = &message, .iov_len = len };
	struct msghdr head = { .msg_iov = &part,
			       .msg_iovlen = 1,
			       .msg_control = control,
			       .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *one = CMSG_FIRSTHDR(&head);
	hearing_begin();
	uint64_t began;
	int before = dup(theirs[0]), fd = linger();
	one->cmsg_level = SOL_SOCKET;
	one->cmsg_type = SCM_RIGHTS;
	one->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (unsigned i = 0; i < count; i++)
		memcpy(CMSG_DATA(one) + i * sizeof(int), i == count - 1 ? &fd : &before, sizeof(int));
	message.kind = CHANNEL_UPGRADE;                                   /* by who has none to ask for it */
	CU_ASSERT_EQUAL(channel_send(theirs[0], &message, -1, false), 0); /* it fills the head */
	CU_ASSERT(sendmsg(theirs[0], &head, 0) >= 0);
	close(before);
	close(fd);
	began = clock_ms(CLOCK_MONOTONIC);
	hear(0);
	CU_ASSERT(clock_ms(CLOCK_MONOTONIC) - began < 3000);
	/* It is closed here, too. */
	struct timeval patience = { .tv_sec = 2 };
	ssize_t got;
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((got = recv(peer, bytes, sizeof(bytes), 0)) > 0)
		;
	CU_ASSERT_EQUAL(got, 0);
	close(peer);
	hearing_end();
}

static void no_socket_makes_it_wait(void)
{
	check_that_nobody_waits(sizeof(message), 1);
	check_that_nobody_waits(sizeof(message), 8);
	check_that_nobody_waits(sizeof(message) - 1, 1);
	check_that_nobody_waits(0, 1);
}

static void one_question_at_a_time(void)
{
	int passed;
	hearing_begin();
	fill_bind("nobody", 0);
	say(0, CHANNEL_BIND);
	fill_bind("nobody", 1);
	say(0, CHANNEL_BIND);
	hear(0);
	CU_ASSERT_EQUAL(channel_receive(theirs[0], &message, &passed, false), 1);
	CU_ASSERT(channel_receive(theirs[0], &message, &passed, false) < 0);
	hear(0);
	CU_ASSERT_EQUAL(channel_receive(theirs[0], &message, &passed, false), 1);
	hearing_end();
}

/* The file says something else by now, or nothing that could be understood. */
static void the_next_program_lends_what_is_served(void)
{
	int status = -1;
	hearing_begin();
	unlink(file);
	supervisor.program = realpath("/proc/self/exe", NULL);
	pid_t pid = fork();
	if (pid == 0) {
		upgrade_exec(&supervisor);
		_exit(99);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_EQUAL(status, 0);
	free(supervisor.program);
	hearing_end();
}

/* Goes on with what the program before left. */
static int resume(char **argv)
{
	supervisor = (struct supervisor){ .file = argv[3] };
	snprintf(denied, sizeof(denied), "%.*sdenied", (int)(strrchr(argv[3], '/') + 1 - argv[3]), argv[3]);
	return upgrade_resume(&supervisor) != 1 || supervisor.config->drain_timeout_ms != 1000 ||
	       !lender_knows(&supervisor.lender, denied);
}

int main(int argc, char **argv)
{
	if (getenv("PLAIT_SUPERVISOR_STATE"))
		return resume(argv);
	static const struct suite_test tests[] = {
		SUITE_TEST(only_what_is_named_is_opened),
		SUITE_TEST(what_is_served_is_what_was_read),
		SUITE_TEST(what_is_not_served_by_is_closed),
		SUITE_TEST(what_the_next_one_may_need_is_not_closed),
		SUITE_TEST(what_it_was_given_may_be_bound),
		SUITE_TEST(what_one_that_is_replaced_has_read_the_next_one_reads),
		SUITE_TEST(who_is_retired_says_nothing_to_the_manager),
		SUITE_TEST(who_talks_without_end_is_interrupted),
		SUITE_TEST(no_socket_makes_it_wait),
		SUITE_TEST(one_question_at_a_time),
		SUITE_TEST(the_next_program_lends_what_is_served),
	};
	return suite_run("hear", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
