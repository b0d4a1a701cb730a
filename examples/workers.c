/* Work on threads: results come back to the loop as Deferreds. The workers wait for one another's events, count under a
 * lock, and each thread keeps a tally of its own. */
#include <plait/plait.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORKERS = 4, ROUNDS = 1000 };

/* An event: once it is set, all who wait for it go on. */
struct event {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool set;
};

static void event_wait(struct event *event)
{
	pthread_mutex_lock(&event->lock);
	while (!event->set)
		pthread_cond_wait(&event->changed, &event->lock);
	pthread_mutex_unlock(&event->lock);
}

static void event_set(struct event *event)
{
	pthread_mutex_lock(&event->lock);
	event->set = true;
	pthread_cond_broadcast(&event->changed);
	pthread_mutex_unlock(&event->lock);
}

static struct event go = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;              /* under the lock */
static _Thread_local long mine; /* the thread's own: needs none */

static struct plait_result work(void *arg)
{
	(void)arg;
	event_wait(&go);
	for (mine = 0; mine < ROUNDS; mine++) {
		pthread_mutex_lock(&lock);
		total++;
		pthread_mutex_unlock(&lock);
	}
	return plait_value((void *)(intptr_t)mine);
}

static struct plait_result open_the_gate(void *arg)
{
	(void)arg;
	event_set(&go);
	return plait_value(NULL);
}

static struct plait_result all_done(struct plait_result result, void *arg)
{
	(void)arg;
	struct plait_outcomes *outcomes = result.value;
	for (size_t i = 0; i < outcomes->count - 1; i++)
		printf("worker %zu counted to %ld\n", i + 1, (long)(intptr_t)outcomes->items[i].result.value);
	printf("together %ld\n", total);
	plait_result_drop(&result);
	return plait_value(NULL);
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	(void)arg;
	struct plait_deferred *each[WORKERS + 1];
	for (int i = 0; i < WORKERS; i++)
		each[i] = plait_defer_to_thread(loop, work, NULL);
	each[WORKERS] = plait_defer_to_thread(loop, open_the_gate, NULL);
	return plait_add_callback(plait_gather(each, WORKERS + 1), all_done, NULL);
}

int main(void)
{
	return plait_react(NULL, start, NULL);
}
