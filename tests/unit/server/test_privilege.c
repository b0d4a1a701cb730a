/* What a server gives up, in parts: names to users and system calls; what the supervisor opens for a worker, and which words of
 * a worker reach the service manager. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/config/config.h"
#include "core/server/privilege/identity.h"
#include "core/server/privilege/seccomp.h"
#include "core/server/privilege/syscalls.h"
#include "core/server/supervisor/lend.h"
#include "core/server/systemd/notify.h"
#include "tests/unit/suite.h"

/* ---- names ---- */

static void every_system_call_is_there_once(void)
{
	for (size_t i = 0; i < syscall_row_count; i++) {
		CU_ASSERT_EQUAL(syscall_find(syscall_rows[i].name), syscall_rows[i].number);
		CU_ASSERT_STRING_EQUAL(syscall_name(syscall_rows[i].number), syscall_rows[i].name);
	}
	CU_ASSERT_EQUAL(syscall_find("ptrace"), SYS_ptrace);
	CU_ASSERT_EQUAL(syscall_find("101"), 101);
	CU_ASSERT_EQUAL(syscall_find(""), -1);
	CU_ASSERT_EQUAL(syscall_find("-1"), -1);
	CU_ASSERT_EQUAL(syscall_find("99999999"), -1);
	CU_ASSERT_EQUAL(syscall_find("1x"), -1);
	CU_ASSERT_PTR_NULL(syscall_name(5000));
}

static size_t count_errors(const char *user, const char *group, struct identity *identity)
{
	struct problems problems;
	problems_init(&problems);
	int result = identity_find(user, group, identity, &problems);
	size_t errors = problems.errors;
	CU_ASSERT_EQUAL(result == 0, errors == 0);
	problems_fini(&problems);
	return errors;
}

static void users_have_names_or_numbers(void)
{
	struct identity identity;
	CU_ASSERT_EQUAL(count_errors("root", NULL, &identity), 0);
	CU_ASSERT_EQUAL(identity.uid, 0);
	CU_ASSERT_EQUAL(identity.gid, 0);
	CU_ASSERT_TRUE(identity.group_count >= 1);
	identity_fini(&identity);
	CU_ASSERT_EQUAL(count_errors("54321", "54322", &identity), 0);
	CU_ASSERT_EQUAL(identity.uid, 54321);
	CU_ASSERT_EQUAL(identity.gid, 54322);
	CU_ASSERT_EQUAL(identity.group_count, 1);
	CU_ASSERT_EQUAL(identity.groups[0], 54322);
	identity_fini(&identity);
	CU_ASSERT_EQUAL(count_errors("54321", NULL, &identity), 1);
	/* -1 means "as it is" to the kernel, and so root. */
	CU_ASSERT_EQUAL(count_errors("4294967295", "0", &identity), 1);
	CU_ASSERT_EQUAL(count_errors("0x0", NULL, &identity), 1);
	CU_ASSERT_EQUAL(count_errors("no.such.user", NULL, &identity), 1);
	CU_ASSERT_EQUAL(count_errors("root", "no.such.group", &identity), 1);
}

/* ---- lending ---- */

static char folder[64];

static const char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void begin_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/plait-lend-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	write_file("key", "secret");
	CU_ASSERT_EQUAL(mkdir(path_of("inner"), 0700), 0);
	write_file("inner/key", "inner");
}

static void end_folder(void)
{
	static const char *const names[] = { "key",       "link",     "chain", "fifo",
					     "inner/key", "inner/up", "inner", "" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(path_of(names[i]));
}

/* What it reads, or the error's number as text. */
static const char *lent(const char *name, int flags)
{
	static char text[64];
	const char *why;
	int fd = lend_open(name[0] == '/' ? name : path_of(name), flags, &why);
	if (fd < 0) {
		snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
		return text;
	}
	ssize_t len = read(fd, text, sizeof(text) - 1);
	if (len < 0)
		snprintf(text, sizeof(text), "%s", errno == EBADF ? "looked at" : strerrorname_np(errno));
	else
		text[len] = '\0';
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	return text;
}

static void what_is_safe_is_lent(void)
{
	char target[256];
	begin_folder();
	snprintf(target, sizeof(target), "%s", path_of("inner"));
	CU_ASSERT_EQUAL(symlink("inner/../inner/key", path_of("link")), 0);
	CU_ASSERT_EQUAL(symlink(target, path_of("chain")), 0);
	CU_ASSERT_STRING_EQUAL(lent("key", O_RDONLY), "secret");
	CU_ASSERT_STRING_EQUAL(lent("link", O_RDONLY), "inner");
	CU_ASSERT_STRING_EQUAL(lent("chain/key", O_RDONLY), "inner");
	CU_ASSERT_STRING_EQUAL(lent(".//inner/./key", O_RDONLY), "inner");
	CU_ASSERT_STRING_EQUAL(lent("inner", O_PATH), "looked at");
	CU_ASSERT_STRING_EQUAL(lent("link", O_PATH | O_NOFOLLOW), "looked at");
	end_folder();
}

static void what_is_not_is_refused(void)
{
	begin_folder();
	CU_ASSERT_EQUAL(mkfifo(path_of("fifo"), 0600), 0);
	CU_ASSERT_EQUAL(symlink("chain", path_of("chain")), 0);
	CU_ASSERT_EQUAL(symlink("key", path_of("link")), 0);
	CU_ASSERT_STRING_EQUAL(lent("fifo", O_RDONLY), "EACCES");
	CU_ASSERT_STRING_EQUAL(lent("inner", O_RDONLY), "EACCES");
	CU_ASSERT_STRING_EQUAL(lent("/dev/null", O_RDONLY), "EACCES");
	CU_ASSERT_STRING_EQUAL(lent("chain", O_RDONLY), "ELOOP");
	CU_ASSERT_STRING_EQUAL(lent("link", O_RDONLY | O_NOFOLLOW), "EACCES");
	CU_ASSERT_STRING_EQUAL(lent("none", O_RDONLY), "ENOENT");
	CU_ASSERT_STRING_EQUAL(lent("key/more", O_RDONLY), "ENOTDIR");
	end_folder();
}

static void folders_of_others_are_not_trusted(void)
{
	begin_folder();
	CU_ASSERT_EQUAL(chmod(path_of("inner"), 0770), 0);
	CU_ASSERT_STRING_EQUAL(lent("inner/key", O_RDONLY), "EACCES");
	CU_ASSERT_EQUAL(chmod(path_of("inner"), 0702), 0);
	CU_ASSERT_STRING_EQUAL(lent("inner/key", O_RDONLY), "EACCES");
	/* Where others may not take it away it is as good as /tmp. */
	CU_ASSERT_EQUAL(chmod(path_of("inner"), 01777), 0);
	CU_ASSERT_STRING_EQUAL(lent("inner/key", O_RDONLY), "inner");
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path_of("inner/key"), 65534, 65534), 0);
		CU_ASSERT_STRING_EQUAL(lent("inner/key", O_RDONLY), "EACCES");
		CU_ASSERT_EQUAL(symlink("../key", path_of("inner/up")), 0);
		CU_ASSERT_EQUAL(lchown(path_of("inner/up"), 65534, 65534), 0);
		CU_ASSERT_STRING_EQUAL(lent("inner/up", O_RDONLY), "EACCES");
		CU_ASSERT_EQUAL(chmod(path_of("inner"), 0700), 0);
		CU_ASSERT_EQUAL(chown(path_of("inner"), 65534, 65534), 0);
		CU_ASSERT_STRING_EQUAL(lent("inner/key", O_RDONLY), "EACCES");
	}
	end_folder();
}

static void only_what_the_file_names_may_be_asked_for(void)
{
	static const char text[] =
		"{\"plugins\": [\"./p.so\", \"named\"], \"plugin_path\": [\"/plugins\"],"
		"\"tls\": {\"default\": {\"certificate\": \"c.pem\", \"key\": \"/etc/k.pem\"}},"
		"\"listeners\": [{\"name\": \"a\", \"bind\": \"tcp://127.0.0.1:0\","
		"\"protocol\": \"x\", \"deny\": [\"file:/etc/k.pem\", \"file:bad.txt\"], \"options\": {\"file\": \"/etc/shadow\"}}]}";
	struct problems problems;
	struct lender lender = { 0 };
	problems_init(&problems);
	struct config *config = config_load_text("/srv/plait.json", text, strlen(text), &problems);
	CU_ASSERT_PTR_NOT_NULL_FATAL(config);
	lender_learn(&lender, config);
	lender_learn(&lender, config);
	static const char *const known[] = { "/srv/c.pem", "/etc/k.pem",   "/srv/p.so",
					     "/srv",       "/srv/bad.txt", "/plugins/named.so" };
	static const char *const unknown[] = { "/etc/shadow", "/etc", "/", "", "c.pem", "/srv/../etc/k.pem" };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		CU_ASSERT_TRUE(lender_knows(&lender, known[i]));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		CU_ASSERT_FALSE(lender_knows(&lender, unknown[i]));
	config_free(&config);
	problems_fini(&problems);
	lender_fini(&lender);
}

/* ---- seccomp ---- */

/* What the kernel answers to a clone that it never makes, or else the filter, which has its say first: a thread does not
 * stand alone. */
static int answer_to_clone(unsigned long flags)
{
	return syscall(SYS_clone, CLONE_THREAD | flags, NULL, NULL, NULL, NULL) < 0 ? errno : 0;
}

/* The number of the first that is not refused by the filter, from 1; 0: all are. */
static int try_namespaces(void)
{
	static const unsigned long namespaces[] = { CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
						    CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
						    CLONE_NEWNET };
	static const struct seccomp_settings settings = { .spawn = true };
	struct plait_error error;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (seccomp_enter(&settings, &error) < 0)
		return fprintf(stderr, "# no seccomp: %s\n", error.text) < 0; /* not on all machines */
	for (int i = 0; i < (int)(sizeof(namespaces) / sizeof(namespaces[0])); i++)
		if (answer_to_clone(namespaces[i]) != EPERM)
			return i + 1;
	return answer_to_clone(0) == EINVAL ? 0 : 101;
}

static void no_process_makes_namespaces(void)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0)
		_exit(try_namespaces());
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* ---- the service manager ---- */

static char passed[512];

static void pass(const char *text, void *arg)
{
	(void)arg;
	snprintf(passed, sizeof(passed), "%s", text);
}

static const char *forwarded(const char *text)
{
	passed[0] = '\0';
	notify_forward(text);
	return passed;
}

static void a_worker_says_what_is_its_own(void)
{
	char name[64];
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int len = snprintf(name, sizeof(name), "@plait-unit-%d", (int)getpid());
	memcpy(sun.sun_path + 1, name + 1, (size_t)len - 1);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&sun, size), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	notify_open();
	CU_ASSERT_TRUE(notify_wanted());
	CU_ASSERT_EQUAL(notify_watchdog_ms(), 0); /* it is another process's */
	CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
	CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
	notify_through(pass, NULL);
	CU_ASSERT_STRING_EQUAL(forwarded("READY=1\nSTATUS=all is well"), "READY=1\nSTATUS=all is well");
	CU_ASSERT_STRING_EQUAL(forwarded("MAINPID=1\nREADY=1\nFDSTORE=1\n"), "READY=1");
	CU_ASSERT_STRING_EQUAL(forwarded("WATCHDOG=1"), "WATCHDOG=1");
	CU_ASSERT_STRING_EQUAL(forwarded("WATCHDOG_USEC=1"), "");
	CU_ASSERT_STRING_EQUAL(forwarded("WATCHDOG=trigger"), "");
	CU_ASSERT_STRING_EQUAL(forwarded("\n\nX=1\n"), "");
	notify_restore();
	CU_ASSERT_STRING_EQUAL(getenv("NOTIFY_SOCKET"), name);
	notify_hide();
	CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
	close(fd);
}

SUITE_MAIN("privilege", SUITE_TEST(every_system_call_is_there_once), SUITE_TEST(users_have_names_or_numbers),
	   SUITE_TEST(what_is_safe_is_lent), SUITE_TEST(what_is_not_is_refused),
	   SUITE_TEST(folders_of_others_are_not_trusted),
	   SUITE_TEST(only_what_the_file_names_may_be_asked_for), SUITE_TEST(no_process_makes_namespaces),
	   SUITE_TEST(a_worker_says_what_is_its_own))
