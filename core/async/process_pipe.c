/* A process's pipes: reading with the child held back, writing through a bounded queue. */
#include <errno.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/async/process.h"
#include "core/base/container.h"

#define PARTS_MAX 64

static void on_ready(struct watch *watch, unsigned ready);

void process_pipe_add(struct plait_process *process, int fd, int child_fd, bool writes)
{
	struct process_pipe *pipe = &process->pipes[process->pipe_count++];
	*pipe = (struct process_pipe){
		.taken = -1, .process = process, .child_fd = child_fd, .writes = writes
	};
	watch_init(&pipe->watch, process->loop, fd, on_ready);
	process_hold(process);
}

static bool is_open(const struct process_pipe *pipe)
{
	return pipe->watch.fd >= 0;
}

static bool is_terminal(const struct process_pipe *pipe)
{
	return pipe->process->terminal >= 0 && pipe->child_fd <= 1;
}

/* A pipe that we write never becomes readable, but says so when nobody reads it any more. A terminal does, and its
 * hanging up is seen by whoever reads it. */
static unsigned wanted(const struct process_pipe *pipe)
{
	if (!pipe->writes)
		return pipe->paused ? WATCH_NONE : WATCH_READ;
	return (pipe->output.bytes > 0 ? WATCH_WRITE : 0u) | (is_terminal(pipe) ? 0u : WATCH_READ);
}

/* What cannot be watched is closed: the child sees that, and does not wait for ever. */
static void settle(struct process_pipe *pipe)
{
	if (is_open(pipe) && watch_set(&pipe->watch, wanted(pipe)) < 0)
		process_pipe_close(pipe);
}

int process_pipe_start(struct process_pipe *pipe)
{
	return is_open(pipe) ? watch_set(&pipe->watch, wanted(pipe)) : 0;
}

void process_pipe_discard(struct process_pipe *pipe)
{
	if (!is_open(pipe))
		return;
	watch_set(&pipe->watch, WATCH_NONE);
	close(pipe->watch.fd);
	pipe->watch.fd = -1;
	queue_clear(&pipe->output, &pipe->process->loop->pool);
}

static void close_one(struct process_pipe *pipe)
{
	if (!is_open(pipe))
		return;
	process_pipe_discard(pipe);
	pipe->closed_due = true;
	pipe->over_high = false;
	loop_defer(pipe->process->loop, &pipe->process->task);
}

/* Both directions of a terminal are one thing to the child. */
void process_pipe_close(struct process_pipe *pipe)
{
	close_one(pipe);
	if (!is_terminal(pipe) || pipe->writes)
		return;
	struct process_pipe *other = process_find_pipe(pipe->process, 0);
	if (other)
		close_one(other);
}

int process_pipe_take(struct process_pipe *pipe)
{
	pipe->taken = pipe->watch.fd;
	watch_set(&pipe->watch, WATCH_NONE);
	pipe->watch.fd = -1;
	return pipe->taken;
}

void process_pipe_taken_closed(struct process_pipe *pipe)
{
	pipe->taken = -1;
	process_release(pipe->process);
}

struct process_pipe *process_find_pipe(const struct plait_process *process, int child_fd)
{
	for (size_t i = 0; i < process->pipe_count; i++) {
		if (process->pipes[i].child_fd == child_fd)
			return (struct process_pipe *)&process->pipes[i];
	}
	return NULL;
}

/* ---- reading ---- */

/* One read an event: other descriptors have their turn. A terminal whose last user has gone answers EIO. */
static void receive(struct process_pipe *pipe)
{
	struct plait_process *process = pipe->process;
	uint8_t *buffer = process->loop->input;
	ssize_t got = read(pipe->watch.fd, buffer, LOOP_INPUT_SIZE);
	if (got > 0) {
		if (process->callbacks->data)
			process->callbacks->data(process, pipe->child_fd, buffer, (size_t)got);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		process_pipe_close(pipe);
	}
}

/* ---- writing ---- */

static const struct timespec at_once;

/* A thread's own: whether the program ignores it, blocks it or handles it is not ours to change. */
ssize_t process_pipe_write(int fd, const struct iovec *parts, int count)
{
	sigset_t broken, before;
	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &broken, &before);
	ssize_t took = writev(fd, parts, count);
	int error = errno;
	if (took < 0 && error == EPIPE) {
		while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return took;
}

static void fell_to_low(struct process_pipe *pipe)
{
	struct plait_process *process = pipe->process;
	pipe->over_high = false;
	if (process->callbacks->drained && !pipe->closing)
		process->callbacks->drained(process, pipe->child_fd);
}

/* As much as the kernel takes. */
static void send_queue(struct process_pipe *pipe)
{
	struct iovec parts[PARTS_MAX];
	while (is_open(pipe) && pipe->output.bytes > 0) {
		int count = queue_peek(&pipe->output, parts, PARTS_MAX);
		ssize_t took = process_pipe_write(pipe->watch.fd, parts, count);
		if (took > 0)
			queue_consume(&pipe->output, &pipe->process->loop->pool, (size_t)took);
		else if (took == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			process_pipe_close(pipe);
	}
}

void process_pipe_flush(struct process_pipe *pipe)
{
	if (!pipe->writes || !is_open(pipe))
		return;
	send_queue(pipe);
	if (is_open(pipe) && pipe->over_high && pipe->output.bytes <= pipe->process->low)
		fell_to_low(pipe);
	if (pipe->closing && pipe->output.bytes == 0)
		process_pipe_close(pipe);
	settle(pipe);
}

static void on_ready(struct watch *watch, unsigned ready)
{
	struct process_pipe *pipe = CONTAINER_OF(watch, struct process_pipe, watch);
	if (!pipe->writes)
		receive(pipe);
	else if (ready & WATCH_READ)
		process_pipe_close(pipe);
	else
		process_pipe_flush(pipe);
	settle(pipe);
}

static struct process_pipe *find(const struct plait_process *process, int child_fd, bool writes)
{
	loop_assert_here(process->loop);
	struct process_pipe *pipe = process_find_pipe(process, child_fd);
	return pipe && pipe->writes == writes ? pipe : NULL;
}

/* The cap is for what the kernel does not take. */
static bool has_room(struct process_pipe *pipe, size_t len)
{
	size_t cap = pipe->process->cap;
	if (len > cap - pipe->output.bytes)
		send_queue(pipe);
	return len <= cap - pipe->output.bytes;
}

int plait_process_write(struct plait_process *process, int child_fd, const void *data, size_t len)
{
	struct process_pipe *pipe = find(process, child_fd, true);
	if (!pipe)
		return PLAIT_ERROR_INVALID;
	if (!is_open(pipe) || pipe->closing)
		return PLAIT_ERROR_CLOSING;
	if (!has_room(pipe, len))
		return is_open(pipe) ? PLAIT_ERROR_OVERFLOW : PLAIT_ERROR_CLOSING;
	if (queue_copy(&pipe->output, &process->loop->pool, data, len) < 0)
		return PLAIT_ERROR_OVERFLOW;
	if (pipe->output.bytes > process->high) /* being above it means that the child is slow */
		send_queue(pipe);
	if (pipe->output.bytes > process->high)
		pipe->over_high = true;
	loop_defer(process->loop, &process->task);
	return 0;
}

size_t plait_process_queued(const struct plait_process *process, int child_fd)
{
	const struct process_pipe *pipe = find(process, child_fd, true);
	return pipe ? pipe->output.bytes : 0;
}

bool plait_process_blocked(const struct plait_process *process, int child_fd)
{
	const struct process_pipe *pipe = find(process, child_fd, true);
	return pipe && pipe->over_high;
}

static void set_paused(struct plait_process *process, int child_fd, bool paused)
{
	struct process_pipe *pipe = find(process, child_fd, false);
	if (!pipe || pipe->paused == paused)
		return;
	pipe->paused = paused;
	settle(pipe);
}

void plait_process_pause(struct plait_process *process, int child_fd)
{
	set_paused(process, child_fd, true);
}

void plait_process_resume(struct plait_process *process, int child_fd)
{
	set_paused(process, child_fd, false);
}

static void close_in_order(struct process_pipe *pipe)
{
	if (pipe->writes && pipe->output.bytes > 0)
		pipe->closing = true;
	else
		process_pipe_close(pipe);
}

void plait_process_close_fd(struct plait_process *process, int child_fd)
{
	loop_assert_here(process->loop);
	struct process_pipe *pipe = process_find_pipe(process, child_fd);
	if (pipe)
		close_in_order(pipe);
}

void plait_process_close(struct plait_process *process)
{
	loop_assert_here(process->loop);
	for (size_t i = 0; i < process->pipe_count; i++)
		close_in_order(&process->pipes[i]);
}
