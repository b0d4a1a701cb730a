/* Reads /proc/self, thread by thread: some of what is given up belongs to a thread, and a plugin may have started one early. */
#include "core/server/privilege/kernel_view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Before the value of a line that begins with key; NULL: there is none. */
static const char *find(const char *text, const char *key)
{
	size_t len = strlen(key);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) == 0 && line[len] == ':')
			return line + len + 1;
	}
	return NULL;
}

static uint64_t number(const char *text, const char *key, int base)
{
	const char *value = find(text, key);
	return value ? strtoull(value, NULL, base) : 0;
}

/* "Uid: real effective saved filesystem" */
static unsigned second_number(const char *text, const char *key)
{
	const char *value = find(text, key);
	char *end = NULL;
	if (!value)
		return 0;
	strtoul(value, &end, 10);
	return (unsigned)strtoul(end, NULL, 10);
}

/* All that is in the file, as far as there is room. -1: nothing. */
static int read_text(const char *path, char *text, size_t room)
{
	size_t len = 0;
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (len < room - 1 &&
	       ((got = read(fd, text + len, room - 1 - len)) > 0 || (got < 0 && errno == EINTR)))
		len += got > 0 ? (size_t)got : 0;
	close(fd);
	text[len] = '\0';
	return got < 0 || len == 0 ? -1 : 0;
}

static int read_thread(const char *name, struct kernel_view *out)
{
	char path[64], text[8192];
	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", name);
	if (read_text(path, text, sizeof(text)) < 0)
		return -1;
	*out = (struct kernel_view){
		.uid = second_number(text, "Uid"),
		.gid = second_number(text, "Gid"),
		.no_new_privs = number(text, "NoNewPrivs", 10) == 1,
		.seccomp = (unsigned)number(text, "Seccomp", 10),
		.umask = (unsigned)number(text, "Umask", 8),
		.permitted = number(text, "CapPrm", 16),
		.effective = number(text, "CapEff", 16),
		.inheritable = number(text, "CapInh", 16),
		.bounding = number(text, "CapBnd", 16),
		.ambient = number(text, "CapAmb", 16),
	};
	return 0;
}

static bool alike(const struct kernel_view *a, const struct kernel_view *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->no_new_privs == b->no_new_privs &&
	       a->seccomp == b->seccomp && a->permitted == b->permitted && a->effective == b->effective &&
	       a->inheritable == b->inheritable && a->bounding == b->bounding && a->ambient == b->ambient;
}

static void compare_threads(struct kernel_view *out)
{
	DIR *threads = opendir("/proc/self/task");
	if (!threads)
		return;
	for (const struct dirent *entry; (entry = readdir(threads));) {
		struct kernel_view other;
		/* One that has ended in between counts no more. */
		if (entry->d_name[0] == '.' || read_thread(entry->d_name, &other) < 0)
			continue;
		out->threads++;
		out->unlike += !alike(out, &other);
	}
	closedir(threads);
}

static bool is_confined(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == EACCES;
}

int kernel_view_read(struct kernel_view *out)
{
	char self[24];
	snprintf(self, sizeof(self), "%ld", syscall(SYS_gettid));
	*out = (struct kernel_view){ 0 };
	if (read_thread(self, out) < 0)
		return -1;
	compare_threads(out);
	out->dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
	out->confined = is_confined();
	return 0;
}
