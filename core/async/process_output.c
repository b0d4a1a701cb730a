/* What a program writes and how it ends, as Deferreds. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/async/process.h"
#include "core/base/alloc.h"
#include "core/base/buffer.h"

#define DEFAULT_MOST ((size_t)1 << 20)

/* From the start to ended. */
struct run {
	struct plait_deferred *deferred; /* a reference; NULL once it has been fired */
	struct plait_process *process;
	struct buffer output, errors;
	size_t most;
};

static void free_run(struct run *run)
{
	buffer_fini(&run->output);
	buffer_fini(&run->errors);
	plait_deferred_unref(&run->deferred);
	free(run);
}

/* Once: who hears of it may do anything, but not reach the run. */
static void fire(struct run *run, struct plait_result result)
{
	struct plait_deferred *deferred = run->deferred;
	run->deferred = NULL;
	plait_deferred_callback(deferred, result);
	plait_deferred_unref(&deferred);
}

/* Nobody waits for its output; it is collected by the loop, and ended frees the run. */
static void kill_child(struct run *run)
{
	plait_process_signal(run->process, SIGKILL);
	plait_process_close(run->process);
}

static void cancel(struct plait_deferred *deferred, void *arg)
{
	struct run *run = arg;
	(void)deferred;
	plait_deferred_unref(&run->deferred); /* who cancels has one */
	kill_child(run);
}

static struct plait_deferred *start(struct plait_loop *loop, const struct plait_spawn_options *options,
				    const struct plait_process_callbacks *callbacks, size_t most)
{
	struct plait_spawn_options ours = *options;
	struct plait_error error = { 0 };
	struct run *run = alloc_zeroed(sizeof(*run), "running a program");
	run->most = most;
	ours.callbacks = callbacks;
	ours.arg = run;
	run->process = plait_spawn(loop, &ours, &error);
	if (!run->process) {
		free_run(run);
		return plait_fail(plait_failure(error.code, "%s", error.text));
	}
	run->deferred = plait_deferred_new(cancel, run);
	return plait_deferred_ref(run->deferred);
}

static struct plait_deferred *wrong(const char *what)
{
	return plait_fail(plait_failure(PLAIT_ERROR_INVALID, "cannot run a program: %s", what));
}

/* ---- the exit status ---- */

static void free_exit(void *value)
{
	free(value);
}

static void on_exit_status(struct plait_process *process, const struct plait_exit *how)
{
	struct run *run = plait_process_arg(process);
	if (run->deferred) {
		struct plait_exit *copy = alloc_zeroed(sizeof(*copy), "a program's exit");
		*copy = *how;
		fire(run, plait_owned(copy, free_exit));
	}
	plait_process_close(process);
}

static void on_ended(struct plait_process *process, const struct plait_exit *how)
{
	(void)how;
	free_run(plait_process_arg(process));
}

struct plait_deferred *plait_get_exit_status(struct plait_loop *loop,
					     const struct plait_spawn_options *options)
{
	static const struct plait_process_callbacks callbacks = { .exited = on_exit_status,
								  .ended = on_ended };
	static const struct plait_process_fd none[] = {
		{ .child_fd = 0, .kind = PLAIT_FD_NULL },
	};
	struct plait_spawn_options ours = *options;
	if (options->callbacks)
		return wrong("its callbacks are not called");
	if (!options->fds && !options->terminal) {
		ours.fds = none;
		ours.fd_count = sizeof(none) / sizeof(none[0]);
	}
	return start(loop, &ours, &callbacks, 0);
}

/* ---- output ---- */

void plait_output_free(struct plait_output **output_at)
{
	struct plait_output *output = *output_at;
	*output_at = NULL;
	if (!output)
		return;
	free(output->bytes);
	free(output->error_bytes);
	free(output);
}

static void free_output(void *value)
{
	struct plait_output *output = value;
	plait_output_free(&output);
}

/* The buffer's bytes with a NUL behind; NULL when there is no memory. */
static char *text_of(const struct buffer *buffer, size_t *len)
{
	*len = buffer_size(buffer);
	char *text = malloc(*len + 1);
	if (!text)
		return NULL;
	if (*len > 0)
		memcpy(text, buffer_data(buffer), *len);
	text[*len] = '\0';
	return text;
}

static struct plait_result output_of(const struct run *run, const struct plait_exit *how)
{
	struct plait_output *output = calloc(1, sizeof(*output));
	if (output) {
		output->exit = *how;
		output->bytes = text_of(&run->output, &output->len);
		output->error_bytes = text_of(&run->errors, &output->error_len);
		if (output->bytes && output->error_bytes)
			return plait_owned(output, free_output);
	}
	plait_output_free(&output);
	return plait_failed(plait_failure(PLAIT_ERROR_MEMORY, "no memory for what a program has written"));
}

static void on_data(struct plait_process *process, int child_fd, const void *data, size_t len)
{
	struct run *run = plait_process_arg(process);
	struct plait_failure *failure = NULL;
	if (!run->deferred)
		return;
	if (len > run->most - buffer_size(&run->output) - buffer_size(&run->errors))
		failure = plait_failure(PLAIT_ERROR_OVERFLOW, "\"%s\" writes more than the %zu bytes allowed",
					process->name, run->most);
	else if (buffer_append(child_fd == 2 ? &run->errors : &run->output, data, len) < 0)
		failure = plait_failure(PLAIT_ERROR_MEMORY, "no memory for what \"%s\" writes",
					process->name);
	if (!failure)
		return;
	kill_child(run);
	fire(run, plait_failed(failure));
}

static void on_output_ended(struct plait_process *process, const struct plait_exit *how)
{
	struct run *run = plait_process_arg(process);
	if (run->deferred)
		fire(run, output_of(run, how));
	free_run(run);
}

struct plait_deferred *plait_get_output(struct plait_loop *loop, const struct plait_spawn_options *options,
					size_t most, bool merge)
{
	static const struct plait_process_callbacks callbacks = { .data = on_data, .ended = on_output_ended };
	static const struct plait_process_fd tables[2][2] = {
		{ { .child_fd = 1, .kind = PLAIT_PIPE_READ }, { .child_fd = 2, .kind = PLAIT_PIPE_READ } },
		{ { .child_fd = 1, .kind = PLAIT_PIPE_READ },
		  { .child_fd = 2, .kind = PLAIT_FD_SAME, .fd = 1 } },
	};
	struct plait_spawn_options ours = *options;
	if (options->callbacks || options->fds || options->terminal)
		return wrong("fds, terminal and callbacks are not for plait_get_output");
	ours.fds = tables[merge];
	ours.fd_count = 2;
	return start(loop, &ours, &callbacks, most ? most : DEFAULT_MOST);
}
