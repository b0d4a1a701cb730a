/* Reading /proc. */
#include "core/bench/process.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int processes_parse(const char *text, struct processes *processes, struct plait_error *error)
{
	processes->count = 0;
	for (const char *at = text;;) {
		char *end;
		long pid = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
		if (pid <= 0 || pid > INT_MAX || (*end && *end != ','))
			return plait_error_set(
				error, PLAIT_ERROR_INVALID, NULL,
				"found \"%s\"; expected the number of a process, or several with "
				"commas between them",
				text);
		if (processes->count == PROCESSES_MAX)
			return plait_error_set(error, PLAIT_ERROR_OVERFLOW, NULL, "more than %d processes",
					       PROCESSES_MAX);
		processes->pids[processes->count++] = (int)pid;
		if (!*end)
			return 0;
		at = end + 1;
	}
}

/* Nanoseconds on a processor of one process's threads, 0 where the kernel does not tell. */
static uint64_t run_time(int pid)
{
	char path[400];
	uint64_t sum = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *tasks = opendir(path);
	for (struct dirent *task; tasks && (task = readdir(tasks));) {
		unsigned long long ns = 0;
		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, task->d_name);
		FILE *file = fopen(path, "re");
		if (!file)
			continue; /* a thread that has just ended */
		if (fscanf(file, "%llu", &ns) == 1)
			sum += ns;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

/* The times in /proc/PID/stat come after the name, which may have anything in it, and eleven more fields. */
static int read_ticks(int pid, uint64_t *user, uint64_t *system)
{
	char path[64], text[1024];
	unsigned long long found[2];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	size_t len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[len] = '\0';
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &found[0],
			     &found[1]) != 2)
		return -1;
	*user += found[0];
	*system += found[1];
	return 0;
}

int processes_sample(const struct processes *processes, struct process_sample *sample,
		     struct plait_error *error)
{
	*sample = (struct process_sample){ 0 };
	for (unsigned i = 0; i < processes->count; i++) {
		int pid = processes->pids[i];
		errno = 0;
		if (read_ticks(pid, &sample->user_ticks, &sample->system_ticks) < 0)
			return plait_error_set(
				error, PLAIT_ERROR_MISSING, NULL,
				"cannot read the times of process %d: %s; give the number of the "
				"running server",
				pid, errno ? strerror(errno) : "they look unlike Linux's");
		sample->run_ns += run_time(pid);
	}
	return 0;
}

uint64_t processes_resident(const struct processes *processes)
{
	long page = sysconf(_SC_PAGESIZE);
	uint64_t sum = 0;
	for (unsigned i = 0; i < processes->count; i++) {
		char path[64];
		unsigned long long pages = 0;
		snprintf(path, sizeof(path), "/proc/%d/statm", processes->pids[i]);
		FILE *file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%*u %llu", &pages) == 1)
			sum += pages * (uint64_t)page;
		fclose(file);
	}
	return sum;
}

void processes_difference(const struct process_sample *from, const struct process_sample *to,
			  struct bench_usage *usage)
{
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t user = to->user_ticks - from->user_ticks, system = to->system_ticks - from->system_ticks;
	uint64_t ticks = user + system;
	uint64_t all = to->run_ns > from->run_ns ? to->run_ns - from->run_ns : ticks * tick_ns;
	usage->user_ns = ticks ? (uint64_t)((double)all * (double)user / (double)ticks) : 0;
	usage->system_ns = all - usage->user_ns;
}
