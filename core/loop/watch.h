/* Watching a descriptor for readiness: the only place that knows libevent's events. */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include <event2/event_struct.h>
#include <stdbool.h>

struct plait_loop;

enum watch_interest {
	WATCH_NONE = 0,
	WATCH_READ = 1,
	WATCH_WRITE = 2,
};

typedef void watch_fn(void *arg, unsigned ready);

struct watch {
	struct event event;
	struct plait_loop *loop;
	watch_fn *fn;
	void *arg;
	unsigned interest;
};

/* Does not take the descriptor over. Level-triggered; fn runs on the loop. */
void watch_init(struct watch *watch, struct plait_loop *loop, int fd, watch_fn *fn, void *arg);

/* Sets what to wait for, a set of enum watch_interest; costs nothing when it is the same. On the loop. */
void watch_set(struct watch *watch, unsigned interest);

int watch_fd(const struct watch *watch);

#endif
