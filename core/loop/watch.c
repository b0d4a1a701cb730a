/* Descriptors on a loop, through libevent's events. */
#include "core/loop/watch.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/loop/loop.h"

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *watch = arg;
	(void)fd;
	watch->fn(watch->arg, (what & EV_READ ? WATCH_READ : 0u) | (what & EV_WRITE ? WATCH_WRITE : 0u));
}

static void assign(struct watch *watch, int fd, unsigned interest)
{
	short what = (short)(EV_PERSIST | (interest & WATCH_READ ? EV_READ : 0) |
			     (interest & WATCH_WRITE ? EV_WRITE : 0));
	if (event_assign(&watch->event, watch->loop->base, fd, what, on_event, watch) < 0)
		abort();
}

void watch_init(struct watch *watch, struct plait_loop *loop, int fd, watch_fn *fn, void *arg)
{
	watch->loop = loop;
	watch->fn = fn;
	watch->arg = arg;
	watch->interest = WATCH_NONE;
	assign(watch, fd, WATCH_NONE);
}

void watch_set(struct watch *watch, unsigned interest)
{
	if (interest == watch->interest)
		return;
	if (watch->interest != WATCH_NONE)
		event_del(&watch->event);
	watch->interest = interest;
	if (interest == WATCH_NONE)
		return;
	assign(watch, watch_fd(watch), interest);
	if (event_add(&watch->event, NULL) < 0) {
		fputs("plait: the loop cannot watch a descriptor\n", stderr);
		abort();
	}
}

int watch_fd(const struct watch *watch)
{
	return event_get_fd(&watch->event);
}
