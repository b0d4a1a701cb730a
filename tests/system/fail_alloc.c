/* Memory that runs out when a test says so: preloaded, it fails allocations by their number. The test arms it through a
 * file that both map (FAIL_ALLOC), at the program's start or while it runs, and reads there what was hit.
 *
 * Counted is what plait asks for: calls from libplait, the program and its plugins, by the address that they return to;
 * with FAIL_ALL also what libraries ask for. All threads count together. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES 24

enum fail_mode { FAIL_NONE, FAIL_OWN, FAIL_ALL };

/* As torture.py knows it, byte for byte. */
struct order {
	_Atomic uint32_t mode;
	_Atomic uint32_t hit;    /* how many have failed */
	_Atomic uint64_t first;  /* the number of the first that fails; the first of all is 1 */
	_Atomic uint64_t length; /* how many fail, one after the other */
	_Atomic uint64_t seen;   /* how many were asked for */
	char place[4064];        /* a line a frame, "FILE+0xOFFSET": where the first was asked for */
};

static struct order nowhere, *order = &nowhere;
static __thread __attribute__((tls_model("initial-exec"))) int within; /* a call that allocates for plait */
static __thread __attribute__((tls_model("initial-exec"))) bool busy;  /* telling what was hit */

/* glibc's own, which these stand in front of. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* Libraries live below /lib and /usr/lib, we do not. The program itself has no name. */
static bool is_own(const void *caller)
{
	struct dl_find_object found;
	if (_dl_find_object((void *)caller, &found) != 0)
		return false;
	const char *name = found.dlfo_link_map->l_name;
	return !starts_with(name, "/lib") && !starts_with(name, "/usr/lib") && !strstr(name, "vdso") &&
	       !strstr(name, "fail_alloc");
}

static void tell_place(void)
{
	void *frames[FRAMES];
	int count = backtrace(frames, FRAMES);
	size_t used = 0;
	for (int i = 0; i < count; i++) {
		struct dl_find_object found;
		if (_dl_find_object(frames[i], &found) != 0)
			continue;
		const char *name = found.dlfo_link_map->l_name;
		size_t room = sizeof(order->place) - used;
		uintptr_t offset = (uintptr_t)frames[i] - found.dlfo_link_map->l_addr;
		int len = snprintf(order->place + used, room, "%s+%#zx\n", name, (size_t)offset - 1);
		if (len < 0 || (size_t)len >= room)
			break;
		used += (size_t)len;
	}
	order->place[used] = '\0';
}

static bool fails(const void *caller)
{
	uint32_t mode = atomic_load_explicit(&order->mode, memory_order_relaxed);
	if (mode == FAIL_NONE || busy || (mode == FAIL_OWN && !within && !is_own(caller)))
		return false;
	uint64_t number = atomic_fetch_add(&order->seen, 1) + 1, first = atomic_load(&order->first);
	if (number < first || number - first >= atomic_load(&order->length))
		return false;
	if (atomic_fetch_add(&order->hit, 1) == 0) {
		busy = true;
		tell_place();
		busy = false;
	}
	errno = ENOMEM;
	return true;
}

#define FAILS() fails(__builtin_return_address(0))

void *malloc(size_t size)
{
	return FAILS() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return FAILS() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return FAILS() ? NULL : __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return FAILS() ? NULL : __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
	return FAILS() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	void *got = FAILS() ? NULL : __libc_memalign(alignment, size);
	if (!got)
		return ENOMEM;
	*memory = got;
	return 0;
}

/* ---- calls that allocate for who calls them: what they ask for is its own ---- */

static void *next(const char *name)
{
	busy = true;
	void *found = dlsym(RTLD_NEXT, name);
	busy = false;
	return found;
}

/* The result of a call of the C library; what it allocates counts when the caller is plait. */
#define LEND(type, name, ...)                                                                                \
	static __typeof__(&name) real;                                                                       \
	bool own = is_own(__builtin_return_address(0));                                                      \
	if (!real)                                                                                           \
		real = (__typeof__(real))next(#name);                                                        \
	within += own;                                                                                       \
	type result = real(__VA_ARGS__);                                                                     \
	within -= own;                                                                                       \
	return result

char *strdup(const char *text)
{
	LEND(char *, strdup, text);
}

char *strndup(const char *text, size_t most)
{
	LEND(char *, strndup, text, most);
}

DIR *opendir(const char *path)
{
	LEND(DIR *, opendir, path);
}

FILE *fopen(const char *path, const char *mode)
{
	LEND(FILE *, fopen, path, mode);
}

char *realpath(const char *path, char *resolved)
{
	LEND(char *, realpath, path, resolved);
}

int vasprintf(char **text, const char *format, va_list args)
{
	LEND(int, vasprintf, text, format, args);
}

int __vasprintf_chk(char **text, int flag, const char *format, va_list args);
int __vasprintf_chk(char **text, int flag, const char *format, va_list args)
{
	LEND(int, __vasprintf_chk, text, flag, format, args);
}

/* Those with "..." are told by their callers' addresses, too. */
static int print(bool own, char **text, const char *format, va_list args)
{
	static __typeof__(&vasprintf) real;
	if (!real)
		real = (__typeof__(real))next("vasprintf");
	within += own;
	int result = real(text, format, args);
	within -= own;
	return result;
}

#undef asprintf /* which it is with clang, where calls are fortified */
int asprintf(char **text, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int result = print(is_own(__builtin_return_address(0)), text, format, args);
	va_end(args);
	return result;
}

int __asprintf_chk(char **text, int flag, const char *format, ...);
int __asprintf_chk(char **text, int flag, const char *format, ...)
{
	va_list args;
	(void)flag;
	va_start(args, format);
	int result = print(is_own(__builtin_return_address(0)), text, format, args);
	va_end(args);
	return result;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	static __typeof__(&mmap) real;
	if (!real)
		real = (__typeof__(real))next("mmap");
	return FAILS() ? MAP_FAILED : real(address, size, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg)
{
	static __typeof__(&pthread_create) real;
	if (!real)
		real = (__typeof__(real))next("pthread_create");
	return FAILS() ? EAGAIN : real(thread, attributes, fn, arg);
}

/* ---- orders ---- */

/* Only a program that has libplait in it is meant. */
static int is_plait(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	return strstr(info->dlpi_name, "/libplait.so") != NULL;
}

__attribute__((constructor)) static void take_orders(void)
{
	const char *path = getenv("FAIL_ALLOC");
	void *frames[2];
	backtrace(frames, 2); /* the first one loads a library */
	int fd = path && dl_iterate_phdr(is_plait, NULL) ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *shared = mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		order = shared;
}
