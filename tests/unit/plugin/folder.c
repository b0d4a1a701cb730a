/* Folders and files for the tests of the plugin loader. */
#include "tests/unit/plugin/folder.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void folder_make(struct folder *folder)
{
	char *real = realpath("/tmp", NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(real);
	snprintf(folder->path, sizeof(folder->path), "%.40s/plait-test-XXXXXX", real);
	free(real);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder->path));
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk)
{
	(void)stat;
	(void)flag;
	(void)walk;
	return remove(path);
}

void folder_remove(struct folder *folder)
{
	CU_ASSERT_EQUAL(nftw(folder->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

const char *folder_at(const struct folder *folder, const char *name)
{
	static char turns[16][PATH_MAX];
	static unsigned turn;
	char *path = turns[turn++ % 16];

	snprintf(path, PATH_MAX, "%s/%s", folder->path, name);
	return path;
}

const char *folder_write(const struct folder *folder, const char *name, const void *data, size_t len)
{
	const char *path = folder_at(folder, name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(write(fd, data, len), (ssize_t)len);
	fchmod(fd, 0644); /* whatever the umask */
	close(fd);
	return path;
}

unsigned char *sample_bytes(size_t *size)
{
	const char *tree = getenv("top_builddir");
	char path[PATH_MAX];
	struct stat stat;

	snprintf(path, sizeof(path), "%s/tests/unit/plugin/.libs/sample.so", tree ? tree : ".");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0 && fstat(fd, &stat) == 0);
	unsigned char *bytes = malloc((size_t)stat.st_size);

	CU_ASSERT_EQUAL_FATAL(read(fd, bytes, (size_t)stat.st_size), stat.st_size);
	close(fd);
	*size = (size_t)stat.st_size;
	return bytes;
}

const char *folder_sample(const struct folder *folder, const char *name)
{
	size_t size;
	unsigned char *bytes = sample_bytes(&size);
	const char *path = folder_write(folder, name, bytes, size);

	free(bytes);
	return path;
}
