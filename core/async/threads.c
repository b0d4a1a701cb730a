/* plait_defer_to_thread and plait_call_in_thread: work goes to the loop's threads, its result comes back as a post. */
#include "core/async/threads.h"

#include "core/base/alloc.h"
#include "core/base/block.h"
#include "core/base/container.h"
#include "core/loop/loop.h"

const struct plait_thread_settings threads_defaults = {
	.max = 10,
	.queue = 1024,
	.idle_ms = 10000,
	.deadline_ms = 5000,
};

bool threads_stop(struct threads *threads)
{
	return threads->kind->stop(threads);
}

bool threads_need(struct threads *threads, struct code_range code)
{
	return threads->kind->needs && threads->kind->needs(threads, code);
}

void threads_free(struct threads **threads_at)
{
	struct threads *threads = *threads_at;
	*threads_at = NULL;
	if (threads)
		threads->kind->free(threads);
}

static void release_arg(void (*release)(void *arg), void *arg)
{
	if (release)
		release(arg);
}

static int submit(struct plait_loop *loop, struct work *work, struct plait_error *error)
{
	if (!loop->threads)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "this loop has no threads");
	return loop->threads->kind->submit(loop->threads, work, error);
}

/* ---- with a result ---- */

/* Its way: loop, thread, loop. It is freed on the loop, so that there its Deferred's canceller can always look at it. */
struct job {
	struct work work;
	struct post post;
	struct plait_loop *loop;
	plait_work_fn *fn;
	void *arg;
	void (*release)(void *arg);
	struct plait_result result;
	struct plait_deferred *deferred; /* one reference; NULL once cancelled. The loop's. */
};

static void free_job(struct job *job)
{
	plait_deferred_unref(&job->deferred);
	block_give(job);
}

static void finish(struct job *job, struct plait_result result)
{
	if (job->deferred)
		plait_deferred_callback(job->deferred, result);
	else
		plait_result_drop(&result);
	free_job(job);
}

static void deliver(struct post *post)
{
	struct job *job = CONTAINER_OF(post, struct job, post);
	struct plait_result result = job->result;
	if (result.deferred) {
		plait_result_drop(&result);
		result = plait_failed(plait_failure(
			PLAIT_ERROR_INVALID,
			"work on a thread returned a Deferred, which only a loop can wait for; return a value"));
	}
	finish(job, result);
}

static void run_job(struct work *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	job->result = job->fn(job->arg);
}

static void job_done(struct work *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	post_send(&job->loop->posts, &job->post, deliver);
}

static void deliver_dropped(struct post *post)
{
	struct job *job = CONTAINER_OF(post, struct job, post);
	release_arg(job->release, job->arg);
	finish(job, plait_failed(plait_failure(PLAIT_ERROR_CANCELLED,
					       "the reactor ended before a thread took up the work")));
}

static void drop_job(struct work *work)
{
	struct job *job = CONTAINER_OF(work, struct job, work);
	post_send(&job->loop->posts, &job->post, deliver_dropped);
}

static void cancel_job(struct plait_deferred *deferred, void *arg)
{
	struct job *job = arg;
	(void)deferred;
	loop_assert_here(job->loop);
	if (!job->loop->threads->kind->cancel(job->loop->threads, &job->work)) {
		plait_deferred_unref(&job->deferred);
		return;
	}
	release_arg(job->release, job->arg);
	free_job(job);
}

struct plait_deferred *plait_defer_to_thread_owned(struct plait_loop *loop, plait_work_fn *fn, void *arg,
						   void (*release)(void *arg))
{
	struct plait_error error;
	struct job *job = alloc_block(sizeof(*job), "a thread's work");
	loop_assert_here(loop);
	*job = (struct job){
		.work = { .run = run_job, .done = job_done, .drop = drop_job, .what = (const void *)fn },
		.loop = loop,
		.fn = fn,
		.arg = arg,
		.release = release,
	};
	struct plait_deferred *deferred = plait_deferred_new(cancel_job, job);
	job->deferred = plait_deferred_ref(deferred);
	if (submit(loop, &job->work, &error) < 0) {
		release_arg(release, arg);
		finish(job, plait_failed(plait_failure(error.code, "%s", error.text)));
	}
	return deferred;
}

/* ---- without ---- */

struct call {
	struct work work;
	plait_call_fn *fn;
	void *arg;
	void (*release)(void *arg);
};

static void run_call(struct work *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);
	call->fn(call->arg);
}

static void call_done(struct work *work)
{
	block_give(CONTAINER_OF(work, struct call, work));
}

static void drop_call(struct work *work)
{
	struct call *call = CONTAINER_OF(work, struct call, work);
	release_arg(call->release, call->arg);
	block_give(call);
}

int plait_call_in_thread_owned(struct plait_loop *loop, plait_call_fn *fn, void *arg,
			       void (*release)(void *arg))
{
	struct call *call = alloc_block(sizeof(*call), "a thread's work");
	*call = (struct call){
		.work = { .run = run_call, .done = call_done, .drop = drop_call, .what = (const void *)fn },
		.fn = fn,
		.arg = arg,
		.release = release,
	};
	int result = submit(loop, &call->work, NULL);
	if (result < 0)
		drop_call(&call->work);
	return result;
}

/* ---- bounds ---- */

static unsigned given(unsigned value, unsigned otherwise)
{
	return value ? value : otherwise;
}

int plait_threads_configure(struct plait_loop *loop, const struct plait_thread_settings *settings,
			    struct plait_error *error)
{
	struct plait_thread_settings all = {
		.min = settings->min,
		.max = given(settings->max, threads_defaults.max),
		.queue = given(settings->queue, threads_defaults.queue),
		.idle_ms = given(settings->idle_ms, threads_defaults.idle_ms),
		.deadline_ms = given(settings->deadline_ms, threads_defaults.deadline_ms),
	};
	if (!loop->threads)
		return plait_error_set(error, PLAIT_ERROR_INVALID, NULL, "this loop has no threads");
	if (all.max > PLAIT_THREADS_MAX)
		return plait_error_set(error, PLAIT_ERROR_INVALID, "max",
				       "%u threads are too many; at most %u are allowed", all.max,
				       PLAIT_THREADS_MAX);
	if (all.min > all.max)
		return plait_error_set(error, PLAIT_ERROR_INVALID, "min",
				       "at least %u threads and at most %u cannot be; lower min or raise max",
				       all.min, all.max);
	loop->threads->kind->configure(loop->threads, &all);
	return 0;
}
