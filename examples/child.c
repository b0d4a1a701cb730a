/* A child process and its pipes: words go to `tr`, come back in capitals, and its exit and end are told apart. */
#include <plait/plait.h>
#include <stdio.h>
#include <string.h>

static void on_data(struct plait_process *process, int child_fd, const void *data, size_t len)
{
	(void)process;
	printf("from %d: %.*s", child_fd, (int)len, (const char *)data);
}

static void on_closed(struct plait_process *process, int child_fd)
{
	(void)process;
	printf("%d is closed\n", child_fd);
}

static void on_exited(struct plait_process *process, const struct plait_exit *exit)
{
	(void)process;
	printf("exited with %d\n", exit->code);
}

static void on_ended(struct plait_process *process, const struct plait_exit *exit)
{
	(void)exit;
	puts("ended: no more will come");
	plait_reactor_stop(plait_loop_reactor(plait_process_loop(process)));
}

static struct plait_deferred *start(struct plait_loop *loop, void *arg)
{
	static const struct plait_process_callbacks callbacks = {
		.data = on_data, .closed = on_closed, .exited = on_exited, .ended = on_ended
	};
	static const char *const argv[] = { "tr", "a-z", "A-Z", NULL };
	static const char words[] = "one two three\n";
	struct plait_error error;
	struct plait_process *process =
		plait_spawn(loop, &(struct plait_spawn_options){ .argv = argv, .callbacks = &callbacks },
			    &error);
	(void)arg;
	if (!process)
		return plait_fail(plait_failure_from(&error));
	plait_process_write(process, 0, words, strlen(words));
	plait_process_close_fd(process, 0);
	return NULL; /* on_ended stops the reactor */
}

int main(void)
{
	return plait_react(NULL, start, NULL);
}
