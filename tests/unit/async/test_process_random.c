/* Children that are killed, cancelled, paused, closed and written to at random moments, on several loops at once, none of
 * which may leave anything. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/async/process.h"
#include "tests/unit/async/process_rig.h"
#include "tests/unit/suite.h"

#define LOOPS 3
#define CHILDREN 60
#define AT_ONCE 6

/* One loop's. */
struct storm {
	struct plait_loop *loop;
	unsigned seed, left, running, wrong;
	struct child {
		struct storm *storm;
		struct plait_process *process;
		struct plait_deferred *deferred;
		unsigned exited, ended, fired;
	} children[AT_ONCE];
};

static unsigned number_below(struct storm *storm, unsigned bound)
{
	return (unsigned)rand_r(&storm->seed) % bound;
}

static const char *const scripts[] = {
	"cat",
	"cat; exit 3",
	"exec yes",
	"exit 1",
	"exec <&-; exec sleep 0.01",
	"head -c 1000000 /dev/zero",
	"echo x; exec >&-",
	"exec sleep infinity",
};

static void disturb(struct child *child)
{
	static const char block[30000];
	struct storm *storm = child->storm;
	struct plait_process *process = child->process;
	int fd = (int)number_below(storm, 4);
	switch (number_below(storm, 9)) {
	case 0: plait_process_signal(process, SIGKILL); break;
	case 1: plait_process_signal(process, SIGTERM); break;
	case 2: plait_process_close(process); break;
	case 3: plait_process_close_fd(process, fd); break;
	case 4: plait_process_pause(process, fd); break;
	case 5: plait_process_resume(process, fd); break;
	default: plait_process_write(process, 0, block, number_below(storm, sizeof(block))); break;
	}
}

static struct child *child_of(struct plait_process *process)
{
	struct child *child = plait_process_arg(process);
	child->storm->wrong += child->ended > 0 || plait_loop_current() != child->storm->loop;
	return child;
}

static void on_data(struct plait_process *process, int child_fd, const void *data, size_t len)
{
	struct child *child = child_of(process);
	(void)child_fd;
	(void)data;
	child->storm->wrong += len == 0;
	disturb(child);
}

static void on_closed(struct plait_process *process, int child_fd)
{
	(void)child_fd;
	disturb(child_of(process));
}

static void on_exited(struct plait_process *process, const struct plait_exit *how)
{
	struct child *child = child_of(process);
	child->storm->wrong += child->exited++ || how->unknown;
	disturb(child);
}

static void on_ended(struct plait_process *process, const struct plait_exit *how)
{
	struct child *child = child_of(process);
	(void)how;
	child->storm->wrong += !child->exited;
	child->ended++;
	disturb(child);
	child->process = NULL;
	child->storm->running--;
}

static struct plait_result on_result(struct plait_result result, void *arg)
{
	struct child *child = arg;
	plait_result_drop(&result);
	child->storm->wrong += child->fired++;
	child->storm->running--;
	return plait_value(NULL);
}

static void start(struct storm *storm, struct child *child)
{
	static const struct plait_process_callbacks callbacks = {
		.data = on_data, .closed = on_closed, .exited = on_exited, .ended = on_ended
	};
	const char *const argv[] = { "/bin/sh", "-c",
				     scripts[number_below(storm, sizeof(scripts) / sizeof(scripts[0]))],
				     NULL };
	struct plait_spawn_options options = { .argv = argv, .callbacks = &callbacks, .arg = child };
	*child = (struct child){ .storm = storm };
	storm->running++;
	if (number_below(storm, 3) > 0) {
		child->process = plait_spawn(storm->loop, &options, NULL);
		storm->wrong += !child->process;
		return;
	}
	options.callbacks = NULL;
	child->deferred = number_below(storm, 2) ? plait_get_output(storm->loop, &options, 100000, false)
						 : plait_get_exit_status(storm->loop, &options);
	plait_add_both(child->deferred, on_result, child);
}

/* Those that would never end by themselves are helped by it in the end. */
static void poke(struct child *child)
{
	if (child->process) {
		disturb(child);
		if (number_below(child->storm, 20) == 0) {
			plait_process_signal(child->process, SIGKILL);
			plait_process_close(child->process);
		}
	} else if (child->deferred && (child->fired || number_below(child->storm, 20) == 0)) {
		plait_deferred_cancel(child->deferred);
		plait_deferred_unref(&child->deferred);
	}
}

static void *run_storm(void *arg)
{
	struct storm *storm = arg;
	storm->loop = loop_new(0, 1);
	loop_enter(storm->loop);
	for (storm->left = CHILDREN; storm->left > 0 || storm->running > 0;) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct child *child = &storm->children[i];
			if (!child->process && !child->deferred && storm->left > 0) {
				storm->left--;
				start(storm, child);
			} else {
				poke(child);
			}
		}
		loop_turn(storm->loop, false);
		usleep(number_below(storm, 500));
	}
	for (int i = 0; i < AT_ONCE; i++)
		plait_deferred_unref(&storm->children[i].deferred);
	loop_free(&storm->loop);
	return NULL;
}

static void storms_leave_nothing(void)
{
	static const struct reaper_ops *const ways[] = { NULL, &reaper_thread };
	const char *given = getenv("PLAIT_TEST_SEED");
	for (unsigned way = 0; way < 2; way++) {
		struct storm storms[LOOPS] = { 0 };
		pthread_t threads[LOOPS];
		unsigned fds = count_fds();
		reaper_forced = ways[way];
		for (unsigned i = 0; i < LOOPS; i++) {
			storms[i].seed = (given ? (unsigned)atoi(given) : 20) + i;
			pthread_create(&threads[i], NULL, run_storm, &storms[i]);
		}
		for (int i = 0; i < LOOPS; i++) {
			pthread_join(threads[i], NULL);
			CU_ASSERT_EQUAL(storms[i].wrong, 0);
		}
		CU_ASSERT_EQUAL(count_fds(), fds);
		CU_ASSERT_EQUAL(count_children(), 0);
	}
	reaper_forced = NULL;
}

SUITE_MAIN("process_random", SUITE_TEST(storms_leave_nothing))
