/* Calls from any thread to a loop: a stack that nobody locks and one wake-up for a whole burst. */
#ifndef LOOP_POST_H
#define LOOP_POST_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/loop/watch.h"

struct post;
typedef void post_fn(struct post *post);

/* Embedded in what it carries; belongs to the queue from post_send until fn is called, which then owns it. */
struct post {
	struct post *next;
	post_fn *fn;
};

struct post_queue {
	_Atomic(struct post *) newest; /* who finds none wakes the loop */
	atomic_bool closed;            /* plugins' posts are dropped */
	int fd;                        /* eventfd */
	struct watch watch;
};

int post_queue_init(struct post_queue *queue, struct plait_loop *loop); /* 0 or -1, errno set */
void post_queue_fini(struct post_queue *queue);                         /* drops what is left */

/* Any thread. */
void post_send(struct post_queue *queue, struct post *post, post_fn *fn);

/* For what plugins post: false, and the post stays the caller's, after post_queue_close. Any thread. */
bool post_offer(struct post_queue *queue, struct post *post, post_fn *fn);
void post_queue_close(struct post_queue *queue);

/* Runs what has been posted so far, on the loop's thread. Returns whether there was anything. */
bool post_queue_run(struct post_queue *queue);

#endif
