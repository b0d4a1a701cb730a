/* Crash reports: what a thread that is hit by a deadly signal writes down, for a process that shares the memory. */
#ifndef LOOP_CRASH_H
#define LOOP_CRASH_H

#include <stdatomic.h>
#include <stdint.h>

#define CRASH_FRAMES 64
#define CRASH_MAPS 131072

enum crash_state { CRASH_NONE, CRASH_BEGUN, CRASH_WHOLE };

struct crash_record {
	atomic_uint state; /* enum crash_state */
	int32_t signal, code;
	uint64_t address; /* of the fault */
	int32_t thread;
	int32_t loop; /* -1: another thread; the boss's is the count of the others */
	uint32_t frame_count, maps_len;
	uint64_t frames[CRASH_FRAMES]; /* the innermost first */
	char maps[CRASH_MAPS];         /* /proc/self/maps */
};

/* Deadly signals are written down there from here on, and then do what they did. Does nothing where a sanitizer has them. Main
 * thread. */
void crash_watch(struct crash_record *record);

/* A thread has a stack for its end, so that an overflow of its own can be told. Without memory for it, it has none. */
void crash_thread_begin(void);
void crash_thread_end(void);

#endif
