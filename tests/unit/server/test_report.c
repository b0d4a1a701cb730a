/* Crash reports of workers that are not their own masters any more. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/server/supervisor/inside.h"
#include "tests/unit/suite.h"

static struct page page;
static char summary[256];

static void crash_at(const char *maps, uint64_t address)
{
	struct worker_process worker = { .number = 1, .pid = 1, .page = &page };
	atomic_store(&page.crash.state, CRASH_WHOLE);
	page.crash.signal = 11;
	page.crash.loop = 0;
	page.crash.frame_count = 1;
	page.crash.frames[0] = address;
	memset(page.crash.maps, 0, sizeof(page.crash.maps));
	memcpy(page.crash.maps, maps, strlen(maps));
	report_crash(&worker, summary, sizeof(summary));
}

/* What report_crash logs. The caller frees it. */
static char *log_of(const char *maps, uint64_t address)
{
	char *text = calloc(1, 65536);
	int ends[2], before = dup(2);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	fcntl(ends[1], F_SETPIPE_SZ, 65536);
	fflush(stderr);
	dup2(ends[1], 2);
	crash_at(maps, address);
	dup2(before, 2);
	close(before);
	close(ends[1]);
	CU_ASSERT(read(ends[0], text, 65535) > 0);
	close(ends[0]);
	return text;
}

static void addresses_are_found(void)
{
	static const char maps[] = "1000-2000 r--p 00000000 00:00 0          /a/one.so\n"
				   "2000-3000 r-xp 00000010 00:00 7          /a/two.so\n"
				   "3000-4000 rwxp 00000000 00:00 0 \n"
				   "nonsense\n"
				   "5000-6000 r-xp 00000000 00:00 0 /a/three.so";
	char *text = log_of(maps, 0x2004);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "#0 two.so+0x14\n"));
	free(text);
	text = log_of(maps, 0x5001);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "#0 three.so+0x1\n"));
	free(text);
	/* Of no file, and what comes next is another mapping's. */
	text = log_of(maps, 0x3004);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "#0 0x3004\n"));
	free(text);
	CU_ASSERT_STRING_EQUAL(summary, "in loop 0, no plugin's code");
}

static void a_list_that_is_full(void)
{
	char *maps = calloc(1, CRASH_MAPS + 1);
	for (size_t at = 0; at + 2 < CRASH_MAPS; at += 2)
		memcpy(maps + at, "0\n", 2);
	memset(maps + CRASH_MAPS - 10, 'x', 10);
	char *text = log_of(maps, 5);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "#0 0x5\n"));
	free(text);
	page.crash.frame_count = UINT32_MAX;
	free(maps);
}

/* It could be cut while it is read, and to open some devices is to use them. */
static void files_of_others_are_not_opened(void)
{
	char folder[] = "/tmp/plait-report-XXXXXX", path[64], maps[128], event[4096];
	if (geteuid() != 0) /* all files that can be opened are open to the worker, too */
		return;
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/some.so", folder);
	snprintf(maps, sizeof(maps), "1000-2000 r-xp 00000000 00:00 7 %s\n", path);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644), watch = inotify_init1(IN_NONBLOCK);
	CU_ASSERT(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	free(log_of(maps, 0x1004));
	CU_ASSERT(read(watch, event, sizeof(event)) > 0); /* root's own is */
	CU_ASSERT_EQUAL(chown(folder, 65534, 65534), 0);
	free(log_of(maps, 0x1004));
	CU_ASSERT(read(watch, event, sizeof(event)) < 0);
	close(fd);
	close(watch);
	unlink(path);
	rmdir(folder);
}

/* A plugin's, say, which shares the page with the worker that it is a fork of. */
static void the_end_of_a_child_is_not_the_workers(void)
{
	int status;
	struct crash_record *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(shared, MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		crash_watch(shared);
		pid = fork();
		if (pid == 0)
			abort();
		_exit(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : 1);
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CU_ASSERT_EQUAL(atomic_load(&shared->state), CRASH_NONE);
	munmap(shared, sizeof(*shared));
}

int main(int argc, char **argv)
{
	static const struct suite_test tests[] = {
		SUITE_TEST(addresses_are_found),
		SUITE_TEST(a_list_that_is_full),
		SUITE_TEST(files_of_others_are_not_opened),
		SUITE_TEST(the_end_of_a_child_is_not_the_workers),
	};
	return suite_run("report", tests, sizeof(tests) / sizeof(tests[0]), argc, argv);
}
