/* Shared pages. */
#include "core/server/supervisor/page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct page *map(int fd)
{
	void *found = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return found == MAP_FAILED ? NULL : found;
}

int page_new(struct page **page)
{
	int fd = memfd_create("plait-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	*page = ftruncate(fd, sizeof(struct page)) == 0 ? map(fd) : NULL;
	if (!*page) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	(*page)->version = PAGE_VERSION;
	return fd;
}

struct page *page_open(int fd)
{
	struct stat found;
	if (fstat(fd, &found) < 0)
		return NULL;
	struct page *page = (size_t)found.st_size == sizeof(struct page) ? map(fd) : NULL;
	if (page && page->version != PAGE_VERSION)
		page_close(&page);
	if (!page)
		errno = EPROTO;
	return page;
}

void page_close(struct page **page)
{
	if (*page)
		munmap(*page, sizeof(struct page));
	*page = NULL;
}
