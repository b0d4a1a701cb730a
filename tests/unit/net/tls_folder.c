/* Files that come and go. */
#include "tests/unit/net/tls_folder.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static long changes; /* each file's time of modification is another one */

void tls_folder_open(void)
{
	snprintf(folder, sizeof(folder), "/tmp/plait-test-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

void tls_folder_close(void)
{
	DIR *all = opendir(folder);
	CU_ASSERT_PTR_NOT_NULL_FATAL(all);
	for (struct dirent *entry; (entry = readdir(all));)
		unlinkat(dirfd(all), entry->d_name, 0);
	closedir(all);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

const char *tls_folder_path(const char *name)
{
	static char paths[8][TLS_PAIR_PATH];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, TLS_PAIR_PATH, "%s/%s", folder, name);
	return path;
}

void tls_folder_put(const char *source, const char *name)
{
	tls_folder_put_part(source, name, LONG_MAX);
}

static void put_bytes(const char *bytes, size_t len, const char *name)
{
	int out = open(tls_folder_path(".coming"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_FATAL(out >= 0);
	CU_ASSERT_EQUAL(write(out, bytes, len), (ssize_t)len);
	changes++;
	struct timespec times[2] = { { .tv_sec = changes }, { .tv_sec = changes } };
	futimens(out, times);
	close(out);
	CU_ASSERT_EQUAL(rename(tls_folder_path(".coming"), tls_folder_path(name)), 0);
}

void tls_folder_put_part(const char *source, const char *name, long size)
{
	char from[TLS_PAIR_PATH], bytes[16384];
	tls_pair_file(source, from);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	CU_ASSERT_FATAL(in >= 0);
	ssize_t len = read(in, bytes, sizeof(bytes));
	close(in);
	CU_ASSERT_FATAL(len > 0 && len < (ssize_t)sizeof(bytes));
	put_bytes(bytes, len > size ? (size_t)size : (size_t)len, name);
}

void tls_folder_write(const char *text, const char *name)
{
	put_bytes(text, strlen(text), name);
}

void tls_folder_touch(const char *name)
{
	changes++;
	struct timespec times[2] = { { .tv_sec = changes }, { .tv_sec = changes } };
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, tls_folder_path(name), times, 0), 0);
}

void tls_folder_link(const char *target, const char *name)
{
	CU_ASSERT_EQUAL(symlink(target, tls_folder_path(".coming")), 0);
	CU_ASSERT_EQUAL(rename(tls_folder_path(".coming"), tls_folder_path(name)), 0);
}

void tls_folder_remove(const char *name)
{
	CU_ASSERT_EQUAL(unlink(tls_folder_path(name)), 0);
}
