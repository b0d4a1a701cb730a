/* What the supervisor makes of what workers say that are not their own masters any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/config/read.h"
#include "core/server/supervisor/inside.h"
#include "core/server/supervisor/upgrade.h"
#include "core/server/systemd/notify.h"
#include "tests/unit/suite.h"

/* Nobody's: what is sent there comes to nobody. */
#define PID 0x7ffffff0

#define CONFIG(drain, name)                                                                                  \
	"{\"drain_timeout\": \"" drain "\", \"listeners\": [{\"name\": \"" name                              \
	"\", \"bind\": \"tcp://127.0.0.1:0\", \"protocol\": \"p\", \"deny\": [\"file:denied\"]}]}"
#define NAMES(drain) CONFIG(drain, "a")
#define LISTENER(name) CONFIG("1s", name)

static struct supervisor supervisor;
static struct channel_message message;
static char folder[] = "/tmp/plait-hear-XXXXXX", file[64], denied[64];
static int theirs[2]; /* the workers' ends */
static int peer;
static char bytes[65536];

static void put(const char *path, const char *text)
{
	FILE *out = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fputs(text, out);
	fclose(out);
}

/* As the channels of older kernels, which take any descriptor. */
static void add_worker(unsigned at, enum worker_state state)
{
	int ends[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	supervisor.workers[at] = (struct worker_process){ .state = state,
							  .number = at + 1,
							  .pid = PID,
							  .channel = ends[0],
							  .text = -1,
							  .read = -1,
							  .page_fd = -1 };
	theirs[at] = ends[1];
}

static void begin(void)
{
	static const char text[] = NAMES("1s");
	struct problems problems;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/c.json", folder);
	snprintf(denied, sizeof(denied), "%s/denied", folder);
	put(file, text);
	put(denied, "192.0.2.1\n");
	problems_init(&problems);
	supervisor = (struct supervisor){ .file = file,
					  .text = channel_write_text(text, strlen(text)),
					  .config = config_load_text(file, text, strlen(text), &problems),
					  .signals = -1 };
	problems_fini(&problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(supervisor.config);
	theirs[0] = theirs[1] = -1;
	add_worker(0, WORKER_SERVING);
}

static void end(void)
{
	store_clear(&supervisor.store);
	for (unsigned i = 0; i < 2; i++) {
		if (theirs[i] >= 0)
			close(theirs[i]);
		if (supervisor.workers[i].state != WORKER_NONE)
			supervisor_let_go(&supervisor.workers[i]);
	}
	close(supervisor.text);
	config_free(&supervisor.config);
	lender_fini(&supervisor.lender);
	unlink(file);
	unlink(denied);
	rmdir(folder);
}

static void say(unsigned who, enum channel_kind kind)
{
	message.kind = (uint16_t)kind;
	CU_ASSERT_EQUAL(channel_send(theirs[who], &message, -1, false), 0);
	memset(&message, 0, sizeof(message));
}

static void hear(unsigned who)
{
	supervisor_hear(&supervisor, &supervisor.workers[who]);
}

/* The descriptor that the reply has, or -1; message is it. */
static int ask(unsigned who, enum channel_kind kind)
{
	int passed;
	say(who, kind);
	hear(who);
	memset(&message, 0, sizeof(message));
	CU_ASSERT_EQUAL(channel_receive(theirs[who], &message, &passed, false), 1);
	CU_ASSERT_EQUAL(message.kind, CHANNEL_REPLY);
	return passed;
}

static int ask_to_open(const char *path)
{
	memset(&message, 0, sizeof(message));
	snprintf(message.u.open.path, sizeof(message.u.open.path), "%s", path);
	return ask(0, CHANNEL_OPEN);
}

static void fill_bind(const char *name, unsigned number)
{
	memset(&message, 0, sizeof(message));
	struct channel_bind *bind = &message.u.bind;
	struct sockaddr_in *sin = (struct sockaddr_in *)&bind->sa;
	snprintf(bind->name, sizeof(bind->name), "%s", name);
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind->type = SOCK_STREAM;
	bind->number = number;
	bind->len = sizeof(*sin);
	bind->settings = (struct channel_settings){ .backlog = 8, .reuseaddr = 1, .mode = "0600" };
}

static void keep_socket(unsigned who, uint64_t cookie)
{
	memset(&message, 0, sizeof(message));
	message.u.keep = (struct channel_keep){ .cookie = cookie, .name = "a" };
	say(who, CHANNEL_KEEP);
}

static void serve(unsigned who, int as_read)
{
	memset(&message, 0, sizeof(message));
	message.u.number = as_read;
	CU_ASSERT_EQUAL(ask(who, CHANNEL_SERVES), -1);
	CU_ASSERT_EQUAL(message.u.reply.code, 0);
}

/* ---- tests ---- */

static void only_what_is_named_is_opened(void)
{
	char other[80];
	begin();
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
	end();
}

static void what_is_served_is_what_was_read(void)
{
	begin();
	put(file, NAMES("2s"));
	close(ask(0, CHANNEL_READ));
	serve(0, 0); /* it was refused */
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 1000);
	close(ask(0, CHANNEL_READ));
	serve(0, 1);
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 2000);
	serve(0, 1); /* nothing was read since */
	CU_ASSERT_EQUAL(supervisor.config->drain_timeout_ms, 2000);
	end();
}

static void what_is_not_served_by_is_closed(void)
{
	begin();
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
	end();
}

static void what_the_next_one_may_need_is_not_closed(void)
{
	begin();
	fill_bind("a", 0);
	close(ask(0, CHANNEL_BIND));
	add_worker(1, WORKER_STARTING);
	serve(0, 0);
	CU_ASSERT_EQUAL(supervisor.store.count, 1);
	end();
}

static void what_it_was_given_may_be_bound(void)
{
	begin();
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
	end();
}

/* So it was told before it heard that another one serves. */
static void what_one_that_is_replaced_has_read_the_next_one_reads(void)
{
	int passed;
	begin();
	supervisor.workers[0].state = WORKER_RETIRED;
	add_worker(1, WORKER_SERVING);
	close(ask(0, CHANNEL_READ));
	serve(0, 0);
	CU_ASSERT_EQUAL(channel_receive(theirs[1], &message, &passed, false), -1);
	close(ask(0, CHANNEL_READ));
	serve(0, 1);
	CU_ASSERT_EQUAL(channel_receive(theirs[1], &message, &passed, false), 1);
	CU_ASSERT_EQUAL(message.kind, CHANNEL_RELOAD);
	end();
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
	begin();
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_STARTING), "STATUS=x");
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_SERVING), "STATUS=x");
	CU_ASSERT_STRING_EQUAL(notify_as(WORKER_RETIRED), "");
	end();
	notify_through(NULL, NULL);
	close(fd);
}

/* More than a channel holds, but for root. */
static void who_talks_without_end_is_interrupted(void)
{
	int size = 16 << 20, unheard = 0, passed;
	begin();
	if (setsockopt(theirs[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == 0) {
		for (unsigned i = 0; i < 500; i++)
			say(0, CHANNEL_KEEP);
		hear(0);
		while (channel_receive(supervisor.workers[0].channel, &message, &passed, false) > 0)
			unheard++;
		CU_ASSERT(unheard > 0);
	}
	end();
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
	begin();
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
	end();
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
	begin();
	fill_bind("nobody", 0);
	say(0, CHANNEL_BIND);
	fill_bind("nobody", 1);
	say(0, CHANNEL_BIND);
	hear(0);
	CU_ASSERT_EQUAL(channel_receive(theirs[0], &message, &passed, false), 1);
	CU_ASSERT(channel_receive(theirs[0], &message, &passed, false) < 0);
	hear(0);
	CU_ASSERT_EQUAL(channel_receive(theirs[0], &message, &passed, false), 1);
	end();
}

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
	begin();
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
	end();
}

/* Who said nonsense is to be replaced, and who has ended is followed by another one: one of both is enough. */
static void who_ends_is_followed_by_one(void)
{
	siginfo_t info;
	begin();
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
	end();
}

/* The last worker, which another one was to be killed for, has crashed; then the server was told to stop. */
static void who_was_not_to_serve_is_no_failure(void)
{
	siginfo_t info;
	begin();
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
	end();
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
	begin();
	add_worker(1, WORKER_RETIRED);
	say(0, CHANNEL_ENDING);
	hear(0);
	CU_ASSERT_EQUAL(count_told(1, CHANNEL_STOP), 1);
	say(0, CHANNEL_STOPPING);
	hear(0);
	CU_ASSERT_EQUAL(count_told(1, CHANNEL_STOP), 0);
	end();
}

/* The kernel tells first that what this said was not read. */
static void last_words_come_through(void)
{
	begin();
	CU_ASSERT(supervisor_tell(&supervisor.workers[0], CHANNEL_RELOAD, 0));
	say(0, CHANNEL_ENDING);
	close(theirs[0]);
	theirs[0] = -1;
	hear(0);
	CU_ASSERT(supervisor.stopping);
	CU_ASSERT_EQUAL(supervisor.workers[0].channel, -1);
	end();
}

/* One that did not take over, and one that was replaced, may have said that they served by it. */
static void what_only_others_served_by_is_closed(void)
{
	begin();
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
	end();
}

/* While another one starts both name what they serve by. */
static void what_is_served_by_both_is_told_apart(void)
{
	begin();
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
	end();
}

/* The file says something else by now, or nothing that could be understood. */
static void the_next_program_lends_what_is_served(void)
{
	int status = -1;
	begin();
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
	end();
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
		SUITE_TEST(nobody_is_killed_who_may_be_another_by_now),
		SUITE_TEST(who_ends_is_followed_by_one),
		SUITE_TEST(who_was_not_to_serve_is_no_failure),
		SUITE_TEST(who_drains_hears_of_the_end_once),
		SUITE_TEST(last_words_come_through),
		SUITE_TEST(what_only_others_served_by_is_closed),
		SUITE_TEST(what_is_served_by_both_is_told_apart),
		SUITE_TEST(the_next_program_lends_what_is_served),
	};
	return suite_run("hear", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
