/* Descriptors in a loop's epoll set. */
#include "core/loop/watch.h"

#include "core/loop/loop.h"

void watch_init(struct watch *watch, struct plait_loop *loop, int fd, watch_fn *fn)
{
	*watch = (struct watch){ .fn = fn, .fd = fd, .set = loop->set };
}

/* Not waiting is not being in the set: an end or an error would be reported all the same. And whoever is closed leaves
 * first: a child process may hold the descriptor a moment longer, and the kernel would go on reporting it. */
int watch_change(struct watch *watch, unsigned interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = watch };
	int how = interest == WATCH_NONE          ? EPOLL_CTL_DEL
		  : watch->interest == WATCH_NONE ? EPOLL_CTL_ADD
						  : EPOLL_CTL_MOD;
	int result = epoll_ctl(watch->set, how, watch->fd, &event);
	watch->interest = result == 0 ? (uint8_t)interest : WATCH_NONE;
	return result;
}
