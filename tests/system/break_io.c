/* A kernel in a bad mood: preloaded, it takes and gives less than was asked for, is interrupted, and has nothing for now where
 * that is allowed, at random from a seed (BREAK_IO). What it says is what a kernel may say at any time; nothing may come
 * of it that a peer notices.
 *
 * Only where the descriptor does not block is there nothing for now. Who waits is woken by the level, so that a readiness that
 * was denied is reported again. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARTS_MOST 64

enum mood { GOOD, SHORT, INTERRUPTED, NOTHING_NOW };

/* The first half is good. */
static const enum mood moods[16] = {
	[8] = SHORT,        [9] = SHORT,        [10] = SHORT,       [11] = SHORT,
	[12] = INTERRUPTED, [13] = INTERRUPTED, [14] = NOTHING_NOW, [15] = NOTHING_NOW,
};

static uint64_t seed; /* 0: this is no program that is meant */
static atomic_uint threads;
static __thread __attribute__((tls_model("initial-exec"))) uint64_t state;

static long real(long number, long a, long b, long c, long d, long e, long f)
{
	static long (*next)(long, ...);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	return next(number, a, b, c, d, e, f);
}

/* Each thread has a sequence of its own. */
static uint64_t draw(void)
{
	if (state == 0)
		state = (seed + atomic_fetch_add(&threads, 1)) * 0x9e3779b97f4a7c15u | 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 11;
}

static bool is_stream(int fd)
{
	int type;
	socklen_t len = sizeof(type);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* A datagram that the kernel has no room for may be dropped, and is: to send one is only interrupted. */
static enum mood mood_to_send(int fd, enum mood mood)
{
	return mood == NOTHING_NOW && !is_stream(fd) ? INTERRUPTED : mood;
}

/* Of a descriptor that is asked to do something; what it may not be is good. */
static enum mood mood_of(int fd, int flags)
{
	struct stat found;
	enum mood mood = seed ? moods[draw() % 16] : GOOD;
	if (mood == GOOD || mood == SHORT)
		return mood;
	if (fstat(fd, &found) < 0 || S_ISREG(found.st_mode))
		return GOOD;
	if (mood == NOTHING_NOW && !(flags & MSG_DONTWAIT) && !(fcntl(fd, F_GETFL) & O_NONBLOCK))
		return INTERRUPTED;
	return mood;
}

/* True: the call is over. */
static bool refuses(enum mood mood)
{
	if (mood != INTERRUPTED && mood != NOTHING_NOW)
		return false;
	errno = mood == INTERRUPTED ? EINTR : EAGAIN;
	return true;
}

static size_t part_of(enum mood mood, size_t len)
{
	if (mood != SHORT || len < 2)
		return len;
	return draw() % 4 == 0 ? 1 : 1 + draw() % (len - 1);
}

/* ---- calls with one buffer ---- */

#define OF_BYTES(number, fd, bytes, len, flags, cut, e, f)                                                   \
	enum mood mood = mood_of(fd, flags);                                                                 \
	if ((number) == SYS_sendto)                                                                          \
		mood = mood_to_send(fd, mood);                                                               \
	if (refuses(mood))                                                                                   \
		return -1;                                                                                   \
	return real(number, fd, (long)(bytes), (long)((cut) ? part_of(mood, len) : (len)), flags, e, f)

ssize_t read(int fd, void *buffer, size_t size)
{
	OF_BYTES(SYS_read, fd, buffer, size, 0, true, 0, 0);
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
	size_t some = part_of(mood_of(fd, 0), size);
	return real(SYS_pread64, fd, (long)buffer, (long)some, offset, 0, 0);
}

/* libevent's handler of signals writes a byte of them to its loop, once. */
static bool is_a_library(const void *caller)
{
	struct dl_find_object found;
	return _dl_find_object((void *)caller, &found) == 0 &&
	       strstr(found.dlfo_link_map->l_name, "/libevent") != NULL;
}

ssize_t write(int fd, const void *data, size_t len)
{
	if (is_a_library(__builtin_return_address(0)))
		return real(SYS_write, fd, (long)data, (long)len, 0, 0, 0);
	OF_BYTES(SYS_write, fd, data, len, 0, fd != STDERR_FILENO, 0,
		 0); /* lines of the log, of several threads */
}

/* What was seen there is there. */
static __thread __attribute__((tls_model("initial-exec"))) int peeked = -1;

static ssize_t take_seen(int fd, void *buffer, size_t size)
{
	enum mood mood = mood_of(fd, 0);
	if (refuses(mood == NOTHING_NOW ? INTERRUPTED : mood))
		return -1;
	peeked = -1;
	return real(SYS_recvfrom, fd, (long)buffer, (long)size, 0, 0, 0);
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
	if (fd == peeked && flags == 0)
		return take_seen(fd, buffer, size);
	peeked = flags & MSG_PEEK ? fd : -1;
	OF_BYTES(SYS_recvfrom, fd, buffer, size, flags, is_stream(fd) && !(flags & MSG_PEEK), 0, 0);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
	OF_BYTES(SYS_sendto, fd, data, len, flags, is_stream(fd), 0, 0);
}

ssize_t sendfile(int fd, int file, off_t *offset, size_t len)
{
	enum mood mood = mood_of(fd, 0);
	if (refuses(mood))
		return -1;
	return real(SYS_sendfile, fd, file, (long)offset, (long)part_of(mood, len), 0, 0);
}

/* ---- calls with several ---- */

/* The first bytes of parts, as many as the mood is for; returns how many parts these are. */
static int cut(enum mood mood, const struct iovec *parts, int count, struct iovec out[PARTS_MOST])
{
	size_t len = 0;
	int used = 0;
	for (int i = 0; i < count && i < PARTS_MOST; i++)
		len += parts[i].iov_len;
	len = part_of(mood, len);
	for (int i = 0; i < count && i < PARTS_MOST && len > 0; i++) {
		out[used] = parts[i];
		if (out[used].iov_len > len)
			out[used].iov_len = len;
		len -= out[used++].iov_len;
	}
	return used;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	struct iovec some[PARTS_MOST];
	enum mood mood = mood_of(fd, 0);
	if (refuses(mood))
		return -1;
	if (mood == SHORT)
		count = cut(mood, parts, count, some);
	return real(SYS_writev, fd, (long)(mood == SHORT ? some : parts), count, 0, 0, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct iovec some[PARTS_MOST];
	struct msghdr shorter = *message;
	enum mood mood = mood_to_send(fd, mood_of(fd, flags));
	if (refuses(mood))
		return -1;
	if (mood == SHORT && message->msg_controllen == 0 && is_stream(fd)) {
		shorter.msg_iovlen = (size_t)cut(mood, message->msg_iov, (int)message->msg_iovlen, some);
		shorter.msg_iov = some;
	}
	return real(SYS_sendmsg, fd, (long)&shorter, flags, 0, 0, 0);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	return refuses(mood_of(fd, flags)) ? -1 : real(SYS_recvmsg, fd, (long)message, flags, 0, 0, 0);
}

/* ---- calls for several messages: some of them ---- */

int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	enum mood mood = mood_of(fd, flags);
	if (refuses(mood))
		return -1;
	return (int)real(SYS_recvmmsg, fd, (long)messages, (long)part_of(mood, count), flags, (long)timeout,
			 0);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	enum mood mood = mood_to_send(fd, mood_of(fd, flags));
	if (refuses(mood))
		return -1;
	return (int)real(SYS_sendmmsg, fd, (long)messages, (long)part_of(mood, count), flags, 0, 0);
}

/* ---- calls that wait ---- */

int accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	return refuses(mood_of(fd, 0)) ? -1
				       : (int)real(SYS_accept4, fd, (long)address, (long)len, flags, 0, 0);
}

/* One that does not block cannot be interrupted; one that does, by now, has not begun. */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	if (!(fcntl(fd, F_GETFL) & O_NONBLOCK) && address->sa_family == AF_UNIX && seed && draw() % 4 == 0) {
		errno = EINTR;
		return -1;
	}
	return (int)real(SYS_connect, fd, (long)address, len, 0, 0, 0);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (seed && draw() % 8 == 0) {
		errno = EINTR;
		return -1;
	}
	return (int)real(SYS_poll, (long)fds, (long)count, timeout, 0, 0, 0);
}

static long wait_for_events(long set, long events, long most, long timeout, long mask, long size)
{
	if (draw() % 8 == 0) {
		errno = EINTR;
		return -1;
	}
	return real(SYS_epoll_pwait, set, events, draw() % 4 == 0 ? 1 : most, timeout, mask, size);
}

/* What plait calls without libc's wrappers. */
long syscall(long number, ...)
{
	long a[6];
	va_list args;
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (seed && number == SYS_recvfrom && !a[4])
		return recv((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3]);
	if (seed && number == SYS_sendto && !a[4])
		return send((int)a[0], (const void *)a[1], (size_t)a[2], (int)a[3]);
	if (seed && number == SYS_epoll_pwait)
		return wait_for_events(a[0], a[1], a[2], a[3], a[4], a[5]);
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int is_plait(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	return strstr(info->dlpi_name, "/libplait.so") != NULL;
}

/* Only a program that has libplait in it is meant, not those that it runs. */
__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("BREAK_IO");
	if (text && dl_iterate_phdr(is_plait, NULL))
		seed = strtoull(text, NULL, 10) + 1;
}
