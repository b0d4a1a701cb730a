/* System calls without libc's cancellation points: where there are threads, those cost each call sixty instructions, and
 * no thread of ours is ever cancelled. Results and errno are libc's. */
#ifndef BASE_UNCANCELLED_H
#define BASE_UNCANCELLED_H

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline ssize_t uncancelled_recv(int fd, void *buffer, size_t size)
{
	return syscall(SYS_recvfrom, fd, buffer, size, 0, NULL, NULL);
}

static inline ssize_t uncancelled_send(int fd, const void *data, size_t len)
{
	return syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL, NULL, 0);
}

static inline int uncancelled_epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms)
{
	return (int)syscall(SYS_epoll_pwait, set, events, most, timeout_ms, NULL, 0);
}

#endif
