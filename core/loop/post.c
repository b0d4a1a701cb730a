/* Posts between loops. */
#include "core/loop/post.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/container.h"
#include "core/loop/loop.h"

static void on_wake(struct watch *watch, unsigned ready)
{
	struct post_queue *queue = CONTAINER_OF(watch, struct post_queue, watch);
	uint64_t count;
	(void)ready;
	if (read(watch->fd, &count, sizeof(count)) < 0) {
		/* Nothing to read: somebody ran the queue already. */
	}
	post_queue_run(queue);
}

int post_queue_init(struct post_queue *queue, struct plait_loop *loop)
{
	queue->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->fd < 0)
		return -1;
	pthread_mutex_init(&queue->lock, NULL);
	queue->head = NULL;
	queue->tail = &queue->head;
	queue->woken = queue->closed = false;
	watch_init(&queue->watch, loop, queue->fd, on_wake);
	watch_set(&queue->watch, WATCH_READ);
	return 0;
}

void post_queue_fini(struct post_queue *queue)
{
	watch_set(&queue->watch, WATCH_NONE);
	close(queue->fd);
	pthread_mutex_destroy(&queue->lock);
}

static bool add(struct post_queue *queue, struct post *post, post_fn *fn, bool even_closed)
{
	post->fn = fn;
	post->next = NULL;
	pthread_mutex_lock(&queue->lock);
	if (queue->closed && !even_closed) {
		pthread_mutex_unlock(&queue->lock);
		return false;
	}
	*queue->tail = post;
	queue->tail = &post->next;
	bool wake = !queue->woken;
	queue->woken = true;
	pthread_mutex_unlock(&queue->lock);
	if (wake && eventfd_write(queue->fd, 1) < 0)
		abort(); /* a fresh eventfd's counter cannot be full */
	return true;
}

void post_send(struct post_queue *queue, struct post *post, post_fn *fn)
{
	add(queue, post, fn, true);
}

bool post_offer(struct post_queue *queue, struct post *post, post_fn *fn)
{
	return add(queue, post, fn, false);
}

void post_queue_close(struct post_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_mutex_unlock(&queue->lock);
}

bool post_queue_run(struct post_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	struct post *post = queue->head;
	queue->head = NULL;
	queue->tail = &queue->head;
	queue->woken = false;
	pthread_mutex_unlock(&queue->lock);
	bool any = post != NULL;
	while (post) {
		struct post *next = post->next;
		post->fn(post);
		post = next;
	}
	return any;
}
