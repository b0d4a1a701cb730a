/* Watching a descriptor for readiness: in the loop's own epoll set, so that an event costs its callback and no more. */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct plait_loop;
struct watch;

/* epoll's own bits. */
enum watch_interest {
	WATCH_NONE = 0,
	WATCH_READ = EPOLLIN,
	WATCH_WRITE = EPOLLOUT,
};

/* ready: a set of enum watch_interest, of what is waited for; an error or the end is all of it. */
typedef void watch_fn(struct watch *watch, unsigned ready);

/* Embedded in what it wakes. It must stay where it is until the end of the turn in which it last waited. */
struct watch {
	watch_fn *fn;
	int fd;
	int set; /* the loop's */
	uint8_t interest;
	uint32_t note; /* whatever its owner wants to remember, in what would be padding */
};

/* Does not take the descriptor over. Level-triggered; fn runs on the loop. */
void watch_init(struct watch *watch, struct plait_loop *loop, int fd, watch_fn *fn);

/* For watch_set. */
int watch_change(struct watch *watch, unsigned interest);

/* Sets what to wait for, a set of enum watch_interest; costs nothing when it is the same. NONE, which always succeeds,
 * before the descriptor is closed. 0, or -1 with errno when the kernel has no memory for it or the user watches too
 * much; then nothing is waited for. On the loop. */
static inline int watch_set(struct watch *watch, unsigned interest)
{
	return interest == watch->interest ? 0 : watch_change(watch, interest);
}

#endif
