/* What the processes of the server under test cost: processor time and memory, as the kernel counts them. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdint.h>

#include <plait/error.h>

#include "core/bench/bench.h"

#define PROCESSES_MAX 256

struct processes {
	unsigned count;
	int pids[PROCESSES_MAX];
};

/* Time since the processes began. */
struct process_sample {
	uint64_t run_ns;                   /* on a processor */
	uint64_t user_ticks, system_ticks; /* the kernel's own rough split of it */
};

/* "17" or "17,18,19". 0, or a negative code and error filled. */
int processes_parse(const char *text, struct processes *processes, struct plait_error *error);

/* The sums of all. 0, or a negative code and error filled: one has gone, or cannot be read. */
int processes_sample(const struct processes *processes, struct process_sample *sample,
		     struct plait_error *error);

uint64_t processes_resident(const struct processes *processes); /* bytes */

void processes_difference(const struct process_sample *from, const struct process_sample *to,
			  struct bench_usage *usage);

#endif
