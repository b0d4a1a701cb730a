/* Posts between loops. */
#include "core/loop/post.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/container.h"
#include "core/loop/loop.h"

static void on_wake(struct watch *watch, unsigned ready)
{
	(void)ready;
	post_queue_run(CONTAINER_OF(watch, struct post_queue, watch));
}

/* Each wake-up is reported once, so that the counter need never be read. */
static int watch_edges(struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.ptr = watch };
	if (watch_set(watch, WATCH_READ) < 0)
		return -1;
	return epoll_ctl(watch->set, EPOLL_CTL_MOD, watch->fd, &event);
}

int post_queue_init(struct post_queue *queue, struct plait_loop *loop)
{
	queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->fd < 0)
		return -1;
	atomic_init(&queue->newest, NULL);
	atomic_init(&queue->closed, false);
	watch_init(&queue->watch, loop, queue->fd, on_wake);
	if (watch_edges(&queue->watch) == 0)
		return 0;
	post_queue_fini(queue);
	return -1;
}

void post_queue_fini(struct post_queue *queue)
{
	watch_set(&queue->watch, WATCH_NONE);
	close(queue->fd);
}

void post_send(struct post_queue *queue, struct post *post, post_fn *fn)
{
	struct post *before = atomic_load_explicit(&queue->newest, memory_order_relaxed);
	int fd = queue->fd;
	post->fn = fn;
	do {
		post->next = before;
	} while (!atomic_compare_exchange_weak_explicit(&queue->newest, &before, post, memory_order_release,
							memory_order_relaxed));
	if (!before && eventfd_write(fd, 1) < 0)
		abort(); /* the counter, which has 64 bits, cannot be full */
}

bool post_offer(struct post_queue *queue, struct post *post, post_fn *fn)
{
	if (atomic_load_explicit(&queue->closed, memory_order_acquire))
		return false;
	post_send(queue, post, fn);
	return true;
}

void post_queue_close(struct post_queue *queue)
{
	atomic_store_explicit(&queue->closed, true, memory_order_release);
}

static struct post *oldest_first(struct post *post)
{
	struct post *list = NULL;
	while (post) {
		struct post *older = post->next;
		post->next = list;
		list = post;
		post = older;
	}
	return list;
}

bool post_queue_run(struct post_queue *queue)
{
	struct post *post = oldest_first(
		atomic_exchange_explicit(&queue->newest, NULL, memory_order_acquire));
	bool any = post != NULL;
	while (post) {
		struct post *next = post->next;
		post->fn(post);
		post = next;
	}
	return any;
}
