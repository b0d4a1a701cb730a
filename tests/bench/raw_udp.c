/* The raw server's datagrams: one recvfrom and one sendto each. */
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/bench/raw.h"

void raw_udp_serve(int fd)
{
	static char buffer[RAW_BUFFER];
	struct epoll_event event = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		raw_fail("epoll_ctl");
	for (;;) {
		if (epoll_wait(epoll_fd, &event, 1, -1) <= 0)
			continue;
		for (;;) {
			struct sockaddr_in from;
			socklen_t from_len = sizeof(from);
			ssize_t got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
					       &from_len);
			if (got < 0)
				break;
			/* What the kernel does not take is lost, as datagrams are. */
			(void)sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&from, from_len);
		}
	}
}
