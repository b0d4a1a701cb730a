/* Files that this process may have lost the right to open. */
#include "core/base/open_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

static open_helper_fn *helper;
static void *helper_arg;
static pthread_t helped; /* the thread that set it */
static bool confined;

void open_file_help(open_helper_fn *fn, void *arg)
{
	helper = fn;
	helper_arg = arg;
	helped = pthread_self();
}

void open_file_confined(void)
{
	confined = true;
}

static bool has_helper(void)
{
	return helper && pthread_equal(helped, pthread_self());
}

static bool lacks_permission(int error)
{
	return error == EACCES || error == EPERM;
}

int open_file(const char *path, int flags)
{
	int fd = open(path, flags);
	if (fd >= 0 || !has_helper() || !lacks_permission(errno))
		return fd;
	return helper(path, flags, helper_arg);
}

int open_file_stat(const char *path, struct stat *out)
{
	int result = stat(path, out);
	if (result == 0 || !has_helper() || !lacks_permission(errno))
		return result;
	int fd = helper(path, O_PATH | O_CLOEXEC, helper_arg);
	if (fd < 0)
		return -1;
	result = fstat(fd, out);
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

const char *open_file_remedy(int error)
{
	if (!confined || !lacks_permission(error))
		return "";
	return "; the server has given up the right to: grant it to its user, and in sandbox.read, or restart it";
}
