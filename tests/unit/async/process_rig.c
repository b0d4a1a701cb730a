/* Children on a loop of their own: what is heard of each is written down. */
#include "tests/unit/async/process_rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

struct plait_loop *loop;
static unsigned fds_before, children_before;

static void note(struct heard *heard, const char *what, int number)
{
	size_t len = strlen(heard->events);
	snprintf(heard->events + len, sizeof(heard->events) - len, "%s%s(%d)", len ? " " : "", what, number);
}

static struct heard *heard_of(struct plait_process *process)
{
	struct heard *heard = plait_process_arg(process);
	CU_ASSERT_PTR_EQUAL(plait_loop_current(), loop);
	if (heard->ended)
		heard->bad_order = true;
	return heard;
}

static void on_data(struct plait_process *process, int child_fd, const void *data, size_t len)
{
	struct heard *heard = heard_of(process);
	if (len == 0 || heard->closed[child_fd] || buffer_append(&heard->from[child_fd], data, len) < 0)
		heard->bad_order = true;
	if (heard->on_data)
		heard->on_data(heard, child_fd);
}

static void on_drained(struct plait_process *process, int child_fd)
{
	struct heard *heard = heard_of(process);
	(void)child_fd;
	heard->drained++;
	if (heard->on_drained)
		heard->on_drained(heard);
}

static void on_closed(struct plait_process *process, int child_fd)
{
	struct heard *heard = heard_of(process);
	heard->closed[child_fd]++;
	note(heard, "closed", child_fd);
}

static int number_of(const struct plait_exit *how)
{
	return how->signalled ? -how->signal : how->code;
}

static void on_exited(struct plait_process *process, const struct plait_exit *how)
{
	struct heard *heard = heard_of(process);
	heard->exited++;
	heard->exit = *how;
	note(heard, "exited", number_of(how));
	if (plait_process_exit(process) != how)
		heard->bad_order = true;
	if (heard->on_exited)
		heard->on_exited(heard);
}

static void on_ended(struct plait_process *process, const struct plait_exit *how)
{
	struct heard *heard = heard_of(process);
	heard->ended++;
	note(heard, "ended", number_of(how));
	heard->process = NULL;
	if (heard->on_ended)
		heard->on_ended(heard);
}

const struct plait_process_callbacks heard_callbacks = {
	.data = on_data,
	.drained = on_drained,
	.closed = on_closed,
	.exited = on_exited,
	.ended = on_ended,
};

/* The lines of /proc/self/fd but those of the folder itself. */
unsigned count_fds(void)
{
	unsigned count = 0;
	DIR *folder = opendir("/proc/self/fd");
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 3;
}

unsigned count_children(void)
{
	unsigned count = 0;
	DIR *tasks = opendir("/proc/self/task");
	for (struct dirent *task; (task = readdir(tasks));) {
		char path[300];
		snprintf(path, sizeof(path), "/proc/self/task/%s/children", task->d_name);
		FILE *file = fopen(path, "re");
		int pid;
		while (file && fscanf(file, "%d", &pid) == 1)
			count++;
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return count;
}

void rig_open(void)
{
	fds_before = count_fds();
	children_before = count_children();
	loop = loop_new(0, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(loop);
	loop_enter(loop);
}

void end_loop(void)
{
	loop_ends_tell(&loop->ends);
	while (loop_settle(loop))
		loop_enter(loop);
	loop_enter(loop);
}

void rig_close(void)
{
	end_loop();
	loop_free(&loop);
	CU_ASSERT_EQUAL(count_fds(), fds_before);
	CU_ASSERT_EQUAL(count_children(), children_before);
}

void spawn(struct heard *heard, struct plait_spawn_options options)
{
	struct plait_error error = { 0 };
	options.callbacks = &heard_callbacks;
	options.arg = heard;
	heard->process = plait_spawn(loop, &options, &error);
	if (!heard->process)
		printf("# %s\n", error.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(heard->process);
}

void spawn_shell(struct heard *heard, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	spawn(heard, (struct plait_spawn_options){ .argv = argv });
}

void forget(struct heard *heard)
{
	CU_ASSERT_FALSE(heard->bad_order);
	for (int fd = 0; fd < HEARD_FDS; fd++)
		buffer_fini(&heard->from[fd]);
	*heard = (struct heard){ 0 };
}

void run_to_end(struct heard *heard)
{
	RUN_UNTIL(heard->ended);
	CU_ASSERT_EQUAL(heard->exited, 1);
	CU_ASSERT_EQUAL(heard->ended, 1);
}

bool heard_text(const struct heard *heard, int child_fd, const char *text)
{
	const struct buffer *from = &heard->from[child_fd];
	size_t len = buffer_size(from);
	bool same = len == strlen(text) && (!len || !memcmp(buffer_data(from), text, len));
	if (!same)
		printf("# heard \"%.*s\" instead of \"%s\"\n", (int)len, len ? (char *)buffer_data(from) : "",
		       text);
	return same;
}
